/* What the programs and user space agree on. The directory of the pins carries a hash of this and of all that is in bpf/;
 * scripts/generate-abi writes its twin in TypeScript. */
#ifndef NODEWAY_ABI_H
#define NODEWAY_ABI_H
#include <linux/types.h>

#define OUTBOUND_PORT 15001
#define INBOUND_PORT 15006
#define TUNNEL_PORT 15008
/* The ports that the agent takes in every enrolled pod. */
#define AGENT_PORTS(X) X(OUTBOUND_PORT) X(INBOUND_PORT) X(TUNNEL_PORT)

/* Slots of pods in nw_inbound: one for IPv4 and one for IPv6 each. */
#define MAX_PODS 1024

/* Verdict reasons: name, help. Their order is the index in the map of counters. */
#define VERDICT_REASONS(X)                                                                                                 \
  X(outbound_captured, "Outbound connections given to the agent")                                                          \
  X(outbound_to_self, "Connections of a pod to itself, left alone")                                                        \
  X(outbound_loop_refused, "Connections of a pod to the agent's own listeners, refused")                                   \
  X(outbound_passed, "Outbound connections that went straight because there is no agent")                                  \
  X(outbound_refused, "Outbound connections refused because there is no agent")                                            \
  X(outbound_scoped, "Outbound connections bound to a device or a link, which went straight")                              \
  X(outbound_clashing, "Outbound connections from a port that has a connection to the agent already, which went straight") \
  X(destination_unstored, "Original destinations that could not be stored")                                                \
  X(inbound_captured, "Inbound connections given to the agent")                                                            \
  X(inbound_through, "Inbound connections that are probes or were through the agent before")                               \
  X(inbound_loop_refused, "Inbound connections to the agent's own listeners, refused")                                     \
  X(inbound_passed, "Inbound connections that went straight because there is no agent")                                    \
  X(inbound_refused, "Inbound connections refused because there is no agent")

enum reason {
#define X(name, help) REASON_##name,
  VERDICT_REASONS(X)
#undef X
  /* Also stands for a verdict that is not counted: the socket does not concern the agent. */
  REASONS
};

/* IPv4 addresses are v4-mapped everywhere; addresses and ports are in network order. */
struct address {
  __u32 word[4];
};
struct pod {
  __u32 slot;
  __u32 fail_closed;
  struct address own4, own6; /* the pod's address of each family; all zero: none */
  __u8 owner[16];            /* who it is, for the next agent; means nothing to the programs */
};
struct pod_address {
  __u64 cookie;
  struct address address;
};
/* The source as the listener sees it: sockets that are bound to several addresses may have the same port. */
struct origin_key {
  __u64 cookie;
  struct address source;
  __u16 port;
  __u16 pad[3];
};
struct destination {
  struct address address;
  __u16 port;
  __u16 pad;
};
struct flow {
  struct address local, remote;
  __u16 local_port, remote_port;
};
/* The agent's mark with this added is on its sockets to a pod whose own side is to see the connection, too. */
#define ONWARD_MARK 1
struct liveness {
  __u64 beat_ns;
  __u64 timeout_ns;
  __u32 mark;
  __u32 pad;
};

/* What becomes of a connection. */
enum action {
  ACTION_PASS,    /* straight to its destination, as without the agent */
  ACTION_REFUSE,  /* ECONNREFUSED or EPERM at once */
  ACTION_CAPTURE, /* to the agent */
  ACTION_THROUGH, /* straight, and noted so that the destination's pod does not capture it either */
};
struct verdict {
  __u32 action;
  __u32 reason;
};

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
_Static_assert(sizeof(struct pod) == 56, "layout");
_Static_assert(sizeof(struct pod_address) == 24, "layout");
_Static_assert(sizeof(struct origin_key) == 32, "layout");
_Static_assert(sizeof(struct destination) == 20, "layout");
_Static_assert(sizeof(struct flow) == 36, "layout");
_Static_assert(sizeof(struct liveness) == 24, "layout");
_Static_assert(sizeof(struct verdict) == 8, "layout");
#endif
