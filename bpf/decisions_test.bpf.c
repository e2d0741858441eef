/* Runs the decisions by themselves: the kernel runs no socket program on request (BPF_PROG_RUN), but it does run these.
 * Not part of the agent; native/datapath/run_decisions.cc feeds it. */
#include <linux/bpf.h>

#include "lib/address.h"
#include "lib/inbound_decision.h"
#include "lib/local_name_decision.h"
#include "lib/outbound_decision.h"

static __always_inline int packed(struct verdict verdict) { return (int)(verdict.action << 8 | verdict.reason); }

SEC("syscall")
int outbound(struct outbound_facts* facts) { return packed(decide_outbound(facts)); }

SEC("syscall")
int inbound(struct inbound_facts* facts) { return packed(decide_inbound(facts)); }

SEC("syscall")
int local_name(struct local_name_facts* facts) { return shows_pod_address(facts); }

struct two_addresses {
  struct address a, b;
};

SEC("syscall")
int addresses(struct two_addresses* two) {
  return is_v4(&two->a) | is_loopback(&two->a) << 1 | is_unspecified(&two->a) << 2 | same_address(&two->a, &two->b) << 3 |
         is_link_local(&two->a) << 4;
}

char _license[] SEC("license") = "GPL";
