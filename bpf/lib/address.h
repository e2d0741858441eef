/* Addresses of both families in one form: IPv4 is v4-mapped. */
#ifndef NODEWAY_ADDRESS_H
#define NODEWAY_ADDRESS_H
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

static __always_inline struct address mapped(__u32 ip4) { return (struct address){{0, 0, bpf_htonl(0xffff), ip4}}; }

static __always_inline int is_v4(const struct address* a) { return !a->word[0] && !a->word[1] && a->word[2] == bpf_htonl(0xffff); }

static __always_inline int is_loopback(const struct address* a) {
  if (is_v4(a)) return (a->word[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
  return !a->word[0] && !a->word[1] && !a->word[2] && a->word[3] == bpf_htonl(1);
}

/* connect(2) takes it for the loopback address. */
static __always_inline int is_unspecified(const struct address* a) {
  return !a->word[0] && !a->word[1] && (!a->word[2] || a->word[2] == bpf_htonl(0xffff)) && !a->word[3];
}

/* fe80::/10 says nothing without the device; IPv4's counterpart does. */
static __always_inline int is_link_local(const struct address* a) { return (a->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000); }

static __always_inline int same_address(const struct address* a, const struct address* b) {
  return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

/* `port` in host order. */
static __always_inline int is_agent_port(__u32 port) {
#define X(agent_port) port == agent_port ||
  return AGENT_PORTS(X) 0;
#undef X
}
#endif
