/* Inbound: one copy per pod, attached to its namespace; sk_lookup programs cannot ask for the namespace's cookie. */
#include "lib/maps.h"

const volatile __u64 pod_cookie = 0;

static __always_inline int without_agent(const struct pod *pod) {
  count(pod->fail_closed ? REASON_inbound_refused : REASON_inbound_passed);
  return pod->fail_closed ? SK_DROP : SK_PASS;
}

SEC("sk_lookup")
int inbound(struct bpf_sk_lookup *ctx) {
  __u64 cookie = pod_cookie;
  const struct pod *pod = bpf_map_lookup_elem(&nw_pods, &cookie);
  if (ctx->protocol != 6 || !pod) return SK_PASS; /* open: not TCP, or no longer enrolled */
  /* The flow as the connecting socket knows it. */
  struct flow flow = {.local_port = (__u16)ctx->remote_port, .remote_port = bpf_htons((__u16)ctx->local_port)};
  if (ctx->family == 2) {
    flow.local = mapped(ctx->remote_ip4);
    flow.remote = mapped(ctx->local_ip4);
    asm volatile("r0 = r0" ::: "r0");
  } else {
    /* Keeps clang from merging the branches into one read at a computed offset, which the verifier refuses. */
    asm volatile("" ::: "memory");
    flow.local = (struct address){{ctx->remote_ip6[0], ctx->remote_ip6[1], ctx->remote_ip6[2], ctx->remote_ip6[3]}};
    flow.remote = (struct address){{ctx->local_ip6[0], ctx->local_ip6[1], ctx->local_ip6[2], ctx->local_ip6[3]}};
  }
  struct pod_address from = {.cookie = cookie, .address = flow.local};
  if (is_loopback(&flow.remote) || bpf_map_lookup_elem(&nw_addresses, &from)) return SK_PASS; /* open: to itself */
  if (bpf_map_lookup_elem(&nw_through, &flow)) return count(REASON_inbound_through), SK_PASS;
  if (!alive(liveness())) return without_agent(pod);
  __u32 slot = pod->slot * 2 + (ctx->family == 2 ? 0 : 1);
  struct bpf_sock *listener = bpf_map_lookup_elem(&nw_inbound, &slot);
  if (!listener) return without_agent(pod);
  if (ctx->local_port == INBOUND_PORT) {
    bpf_sk_release(listener);
    return count(REASON_inbound_loop_refused), SK_DROP; /* closed: it leads nowhere but to the agent */
  }
  long failed = bpf_sk_assign(ctx, listener, 0);
  bpf_sk_release(listener);
  if (failed) return without_agent(pod);
  count(REASON_inbound_captured);
  return SK_PASS;
}

char _license[] SEC("license") = "GPL";
