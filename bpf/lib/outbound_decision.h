/* Decides on a connect(2): a function of facts, so that a test can run it by itself (bpf/decisions_test.bpf.c). */
#ifndef NODEWAY_OUTBOUND_DECISION_H
#define NODEWAY_OUTBOUND_DECISION_H
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* In the order in which they are found; a fact that no longer matters may stay 0. */
struct outbound_facts {
  __u8 tcp;
  __u8 agent_known;   /* an agent has run since the maps were made */
  __u8 agents_own;    /* the socket carries the agent's mark */
  __u8 agents_onward; /* it carries the one for pods whose own side is to see the connection, too */
  __u8 prober;        /* opened in a cgroup of the kubelet's */
  __u8 enrolled;
  __u8 fail_closed;
  __u8 to_self;       /* loopback, or an address of the pod */
  __u8 to_agent_port; /* one that the agent listens at in pods */
  __u8 scoped;        /* bound to a device, or to a link-local address */
  __u8 alive;         /* the agent's heartbeat is fresh */
  __u8 listening;     /* the pod's listener at OUTBOUND_PORT is the agent's */
  __u8 clashing;      /* bound to an address and port from which there is a connection to the agent already */
};

static __always_inline struct verdict outbound_without_agent(const struct outbound_facts* f) {
  /* Closed: the pod's policy must not be bypassed. */
  if (f->fail_closed) return (struct verdict){ACTION_REFUSE, REASON_outbound_refused};
  /* Open: a working application matters more than what the agent adds. */
  return (struct verdict){ACTION_PASS, REASON_outbound_passed};
}

static __always_inline struct verdict decide_outbound(const struct outbound_facts* f) {
  /* Open: UDP and the like are not captured. */
  if (!f->tcp) return (struct verdict){ACTION_PASS, REASONS};
  /* Open: maps that no agent has filled yet. */
  if (!f->agent_known) return (struct verdict){ACTION_PASS, REASONS};
  /* Open: the agent's second leg, or a health probe; both must reach the application itself. */
  if (f->agents_own || f->prober) return (struct verdict){ACTION_THROUGH, REASONS};
  /* Open: to where the caller's rules say; the callee's are applied where it arrives. */
  if (f->agents_onward) return (struct verdict){ACTION_PASS, REASONS};
  /* Open: not enrolled. */
  if (!f->enrolled) return (struct verdict){ACTION_PASS, REASONS};
  /* Closed: the only destination of this connection would be the agent itself. */
  if (f->to_self && f->to_agent_port && f->listening) return (struct verdict){ACTION_REFUSE, REASON_outbound_loop_refused};
  /* Open: a pod's traffic with itself never leaves it. */
  if (f->to_self) return (struct verdict){ACTION_PASS, REASON_outbound_to_self};
  /* Closed: the pod's policy must not be bypassed. */
  if (f->scoped && f->fail_closed) return (struct verdict){ACTION_REFUSE, REASON_outbound_refused};
  /* Open: a device cannot reach loopback, and the agent does not know the link. */
  if (f->scoped) return (struct verdict){ACTION_PASS, REASON_outbound_scoped};
  /* Per the pod's fail-closed setting: the agent is dead or stuck, or has no listener here (an application may have taken the port). */
  if (!f->alive || !f->listening) return outbound_without_agent(f);
  /* Closed: the pod's policy must not be bypassed. */
  if (f->clashing && f->fail_closed) return (struct verdict){ACTION_REFUSE, REASON_outbound_refused};
  /* Open: two destinations would become one, and the kernel has no two connections of the same addresses and ports. */
  if (f->clashing) return (struct verdict){ACTION_PASS, REASON_outbound_clashing};
  return (struct verdict){ACTION_CAPTURE, REASON_outbound_captured};
}
#endif
