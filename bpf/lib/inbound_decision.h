/* Decides on a SYN that arrives in a pod: a function of facts, so that a test can run it by itself (bpf/decisions_test.bpf.c). */
#ifndef NODEWAY_INBOUND_DECISION_H
#define NODEWAY_INBOUND_DECISION_H
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* In the order in which they are found; a fact that no longer matters may stay 0. */
struct inbound_facts {
  __u8 tcp;
  __u8 enrolled;
  __u8 fail_closed;
  __u8 to_loopback;
  __u8 alive;         /* the agent's heartbeat is fresh */
  __u8 to_agent_port; /* one that the agent listens at in pods */
  __u8 from_self;     /* the client's address is the server's, or loopback: only the pod itself can send that */
  __u8 through;       /* the client is the agent's second leg or a probe */
  __u8 listening;     /* the agent's listener is in the pod's slot */
};

static __always_inline struct verdict inbound_without_agent(const struct inbound_facts* f) {
  /* Closed: the pod's policy must not be bypassed. */
  if (f->fail_closed) return (struct verdict){ACTION_REFUSE, REASON_inbound_refused};
  /* Open: a working application matters more than what the agent adds. */
  return (struct verdict){ACTION_PASS, REASON_inbound_passed};
}

static __always_inline struct verdict decide_inbound(const struct inbound_facts* f) {
  /* Open: UDP is not captured. */
  if (!f->tcp) return (struct verdict){ACTION_PASS, REASONS};
  /* Open: no longer enrolled. */
  if (!f->enrolled) return (struct verdict){ACTION_PASS, REASONS};
  /* Open: the pod's own; also how captured outbound connections come to the agent's listener. */
  if (f->to_loopback) return (struct verdict){ACTION_PASS, REASONS};
  /* Closed, also for the agent's second leg: the agent would accept it and open another second leg, without end. */
  if (f->alive && f->to_agent_port) return (struct verdict){ACTION_REFUSE, REASON_inbound_loop_refused};
  /* Open: a pod's traffic with itself never leaves it. */
  if (f->from_self) return (struct verdict){ACTION_PASS, REASONS};
  /* Open: the rules were applied already, or it is a probe, to which none apply. */
  if (f->through) return (struct verdict){ACTION_PASS, REASON_inbound_through};
  /* Per the pod's fail-closed setting: the agent is dead or stuck, or does not listen for this family. */
  if (!f->alive || !f->listening) return inbound_without_agent(f);
  return (struct verdict){ACTION_CAPTURE, REASON_inbound_captured};
}
#endif
