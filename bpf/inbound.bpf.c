/* Inbound: one copy per pod, attached to its namespace; sk_lookup programs cannot ask for the namespace's cookie (docs/adr/0010). */
#include <linux/in.h>

#include "lib/address.h"
#include "lib/inbound_decision.h"
#include "lib/maps.h"

const volatile __u64 pod_cookie = 0;

/* The flow as the connecting socket knows it. */
static __always_inline struct flow flow_of(struct bpf_sk_lookup* ctx) {
  struct flow flow = {.local_port = (__u16)ctx->remote_port, .remote_port = bpf_htons((__u16)ctx->local_port)};
  if (ctx->protocol != IPPROTO_TCP) return flow;
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
  return flow;
}

static __always_inline void find_facts(struct bpf_sk_lookup* ctx, const struct flow* flow, const struct pod* pod, struct inbound_facts* f) {
  f->tcp = ctx->protocol == IPPROTO_TCP;
  f->enrolled = pod != 0;
  if (!f->tcp || !pod) return;
  f->fail_closed = pod->fail_closed != 0;
  f->to_loopback = is_loopback(&flow->remote);
  if (f->to_loopback) return;
  f->alive = alive(liveness());
  f->to_agent_port = is_agent_port(ctx->local_port);
  f->from_self = same_address(&flow->local, &flow->remote) || is_loopback(&flow->local);
  f->through = bpf_map_lookup_elem(&nw_through, flow) != 0;
}

SEC("sk_lookup")
int nw_sk_lookup(struct bpf_sk_lookup* ctx) {
  __u64 cookie = pod_cookie;
  struct inbound_facts facts = {};
  const struct pod* pod = bpf_map_lookup_elem(&nw_pods, &cookie);
  struct flow flow = flow_of(ctx);
  find_facts(ctx, &flow, pod, &facts);
  /* Beyond the map where no listener can matter: UDP asks for each datagram. */
  __u32 slot = 2 * MAX_PODS;
  if (pod && facts.tcp && !facts.to_loopback) slot = pod->slot * 2 + (ctx->family == 2 ? 0 : 1);
  struct bpf_sock* listener = bpf_map_lookup_elem(&nw_inbound, &slot);
  facts.listening = listener != 0;
  struct verdict verdict = decide_inbound(&facts);
  if (listener) {
    /* Fails where the socket stopped listening just now. */
    if (verdict.action == ACTION_CAPTURE && bpf_sk_assign(ctx, listener, 0)) verdict = inbound_without_agent(&facts);
    bpf_sk_release(listener);
  }
  count(verdict.reason);
  return verdict.action == ACTION_REFUSE ? SK_DROP : SK_PASS;
}

char _license[] SEC("license") = "GPL";
