/* What getsockname(2) answers for a socket: a function of facts, so that a test can run it by itself (bpf/decisions_test.bpf.c). */
#ifndef NODEWAY_LOCAL_NAME_DECISION_H
#define NODEWAY_LOCAL_NAME_DECISION_H
#include <bpf/bpf_helpers.h>

#include "abi.h"

struct local_name_facts {
  __u8 captured;    /* the latest connect(2) was given to the agent */
  __u8 bound;       /* the application had chosen the address before */
  __u8 known;       /* the pod has an address of the destination's family */
  __u8 at_loopback; /* the kernel's own answer is a loopback address: the socket has not been disconnected since */
};

/* Not 0: the pod's address instead of the kernel's own answer, with the port as it is. */
static __always_inline int shows_pod_address(const struct local_name_facts* f) {
  return f->captured && !f->bound && f->known && f->at_loopback;
}
#endif
