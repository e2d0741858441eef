/* Outbound: connect() of enrolled pods goes to the agent's listener in their own namespace. Attached to the cgroup root. */
#include "lib/maps.h"

enum { DENY = 0, ALLOW = 1, CAPTURE = 2 };
enum kind { CAPTURED = 1, THROUGH = 2 };

struct socket_note {
  __u64 cookie;
  struct destination destination;
  __u32 kind;
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct socket_note);
} nw_sockets SEC(".maps");

/* Whether the listener is the agent's: an application may listen at that port itself. */
static __always_inline int agent_listens(struct bpf_sock_addr *ctx, int v4, __u32 mark) {
  struct bpf_sock_tuple tuple = {};
  if (v4) {
    tuple.ipv4.saddr = tuple.ipv4.daddr = bpf_htonl(0x7f000001);
    tuple.ipv4.dport = bpf_htons(OUTBOUND_PORT);
  } else {
    tuple.ipv6.saddr[3] = tuple.ipv6.daddr[3] = bpf_htonl(1);
    tuple.ipv6.dport = bpf_htons(OUTBOUND_PORT);
  }
  struct bpf_sock *sk = v4 ? bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0)
                           : bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
  if (!sk) return 0;
  int ours = sk->mark == mark;
  bpf_sk_release(sk);
  return ours;
}

static __always_inline int without_agent(const struct pod *pod) {
  count(pod->fail_closed ? REASON_outbound_refused : REASON_outbound_passed);
  return pod->fail_closed ? DENY : ALLOW;
}

static __always_inline int to_self(struct bpf_sock_addr *ctx, const struct destination *to, const struct liveness *l) {
  int own = to->port == bpf_htons(OUTBOUND_PORT) || to->port == bpf_htons(INBOUND_PORT);
  /* Closed: what the agent would accept here has no destination but the agent itself. */
  if (own && agent_listens(ctx, is_v4(&to->address), l->mark)) return count(REASON_outbound_loop_refused), DENY;
  count(REASON_outbound_to_self);
  return ALLOW;
}

/* CAPTURE: `to` is noted and the caller rewrites the destination. */
static __always_inline int decide(struct bpf_sock_addr *ctx, const struct destination *to) {
  const struct liveness *l = liveness();
  if (ctx->protocol != 6 || !l || !ctx->sk) return ALLOW; /* open: not TCP, or no agent ever */
  __u64 cgroup = bpf_get_current_cgroup_id();
  struct socket_note note = {.destination = *to, .kind = THROUGH};
  if (ctx->sk->mark == l->mark || bpf_map_lookup_elem(&nw_probers, &cgroup)) {
    bpf_sk_storage_get(&nw_sockets, ctx->sk, &note, BPF_SK_STORAGE_GET_F_CREATE);
    return ALLOW; /* open: the agent's own, or a probe */
  }
  struct pod_address own = {.cookie = bpf_get_netns_cookie(ctx), .address = to->address};
  const struct pod *pod = bpf_map_lookup_elem(&nw_pods, &own.cookie);
  if (!pod) return ALLOW; /* open: not enrolled */
  if (is_loopback(&to->address) || bpf_map_lookup_elem(&nw_addresses, &own)) return to_self(ctx, to, l);
  if (!alive(l) || !agent_listens(ctx, is_v4(&to->address), l->mark)) return without_agent(pod);
  struct socket_note *stored = bpf_sk_storage_get(&nw_sockets, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!stored) return count(REASON_destination_unstored), without_agent(pod);
  stored->cookie = own.cookie;
  stored->destination = *to;
  stored->kind = CAPTURED;
  count(REASON_outbound_captured);
  return CAPTURE;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx) {
  struct destination to = {.address = mapped(ctx->user_ip4), .port = (__u16)ctx->user_port};
  int verdict = decide(ctx, &to);
  if (verdict != CAPTURE) return verdict;
  ctx->user_ip4 = bpf_htonl(0x7f000001);
  ctx->user_port = bpf_htons(OUTBOUND_PORT);
  return ALLOW;
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx) {
  struct destination to = {.address = {{ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}},
                           .port = (__u16)ctx->user_port};
  int verdict = decide(ctx, &to);
  if (verdict != CAPTURE) return verdict;
  if (is_v4(&to.address)) {
    ctx->user_ip6[3] = bpf_htonl(0x7f000001);
  } else {
    ctx->user_ip6[0] = ctx->user_ip6[1] = ctx->user_ip6[2] = 0;
    ctx->user_ip6[3] = bpf_htonl(1);
  }
  ctx->user_port = bpf_htons(OUTBOUND_PORT);
  return ALLOW;
}

static __always_inline const struct socket_note *captured(struct bpf_sock_addr *ctx) {
  if (!ctx->sk) return 0;
  const struct socket_note *note = bpf_sk_storage_get(&nw_sockets, ctx->sk, 0, 0);
  return note && note->kind == CAPTURED ? note : 0;
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx) {
  const struct socket_note *note = captured(ctx);
  if (!note) return ALLOW;
  ctx->user_ip4 = note->destination.address.word[3];
  ctx->user_port = note->destination.port;
  return ALLOW;
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx) {
  const struct socket_note *note = captured(ctx);
  if (!note) return ALLOW;
  ctx->user_ip6[0] = note->destination.address.word[0];
  ctx->user_ip6[1] = note->destination.address.word[1];
  ctx->user_ip6[2] = note->destination.address.word[2];
  ctx->user_ip6[3] = note->destination.address.word[3];
  ctx->user_port = note->destination.port;
  return ALLOW;
}

static __always_inline struct flow flow_of(struct bpf_sock_ops *ops) {
  struct flow flow = {.local_port = bpf_htons((__u16)ops->local_port), .remote_port = (__u16)bpf_htons((__u16)bpf_ntohl(ops->remote_port))};
  if (ops->family == 2) {
    flow.local = mapped(ops->local_ip4);
    flow.remote = mapped(ops->remote_ip4);
    /* Keeps clang from merging the branches into one read at a computed offset, which the verifier refuses. */
    asm volatile("r0 = r0" ::: "r0");
  } else {
    flow.local = (struct address){{ops->local_ip6[0], ops->local_ip6[1], ops->local_ip6[2], ops->local_ip6[3]}};
    flow.remote = (struct address){{ops->remote_ip6[0], ops->remote_ip6[1], ops->remote_ip6[2], ops->remote_ip6[3]}};
  }
  return flow;
}

static __always_inline void before_syn(struct bpf_sock_ops *ops, const struct socket_note *note) {
  struct flow flow = flow_of(ops);
  if (note->kind == THROUGH) {
    __u32 one = 1;
    bpf_map_update_elem(&nw_through, &flow, &one, BPF_ANY);
    bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
    return;
  }
  struct origin_key key = {.cookie = note->cookie, .port = flow.local_port, .ipv6 = !is_v4(&flow.remote)};
  /* A stale entry would send the connection elsewhere; with none the agent closes it. */
  bpf_map_delete_elem(&nw_origins, &key);
  struct destination destination = note->destination;
  if (bpf_map_update_elem(&nw_origins, &key, &destination, BPF_ANY)) count(REASON_destination_unstored);
}

SEC("sockops")
int socket_events(struct bpf_sock_ops *ops) {
  if (ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ops->op != BPF_SOCK_OPS_STATE_CB) return 1;
  struct bpf_sock *sk = ops->sk;
  if (!sk) return 1;
  const struct socket_note *note = bpf_sk_storage_get(&nw_sockets, sk, 0, 0);
  if (!note) return 1;
  if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
    before_syn(ops, note);
  } else if (ops->args[1] == BPF_TCP_CLOSE && note->kind == THROUGH) {
    struct flow flow = flow_of(ops);
    bpf_map_delete_elem(&nw_through, &flow);
  }
  return 1;
}

char _license[] SEC("license") = "GPL";
