/* Outbound: connect() of enrolled pods goes to the agent's listener in their own namespace. Attached to the cgroup root. */
#include <linux/in.h>

#include "lib/address.h"
#include "lib/local_name_decision.h"
#include "lib/maps.h"
#include "lib/outbound_decision.h"

/* What the programs of the kernel's cgroup hooks return. */
enum { DENY = 0, ALLOW = 1, CAPTURE = 2 };
enum kind { CAPTURED = 1, THROUGH = 2 };

/* Whether the kernel tells the Multipath TCP socket of a subflow (5.19); the loader tries. */
const volatile __u32 finds_multipath = 1;

/* How the socket's latest connect(2) was decided; none: it was left alone. */
struct socket_note {
  __u64 cookie;
  struct destination destination;
  /* Of the destination's family; kept here, because the pod may be withdrawn or change its address while the connection lasts. */
  struct address pod_address;
  __u16 kind;
  __u16 bound;
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct socket_note);
} nw_sockets SEC(".maps");

/* A connect(2): where to, and from where; unspecified, or 0, where the socket is not bound. */
struct attempt {
  struct destination to;
  struct address from;
  __u16 from_port; /* in host order */
};

/* Whether the listener is the agent's: an application may listen at that port itself. */
static __always_inline int agent_listens(struct bpf_sock_addr* ctx, int v4, __u32 mark) {
  struct bpf_sock_tuple tuple = {};
  if (v4) {
    tuple.ipv4.saddr = tuple.ipv4.daddr = bpf_htonl(0x7f000001);
    tuple.ipv4.dport = bpf_htons(OUTBOUND_PORT);
  } else {
    tuple.ipv6.saddr[3] = tuple.ipv6.daddr[3] = bpf_htonl(1);
    tuple.ipv6.dport = bpf_htons(OUTBOUND_PORT);
  }
  struct bpf_sock* sk = v4 ? bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0)
                           : bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
  if (!sk) return 0;
  int ours = sk->mark == mark;
  bpf_sk_release(sk);
  return ours;
}

/* Whether another socket has the addresses and ports that this one would get; also one whose connection has just ended (TIME-WAIT). */
static __always_inline int clashes(struct bpf_sock_addr* ctx, const struct attempt* attempt) {
  if (!attempt->from_port) return 0;
  struct bpf_sock_tuple tuple = {};
  const struct address* from = &attempt->from;
  int unbound = is_unspecified(from), v4 = is_v4(&attempt->to.address);
  if (v4) {
    tuple.ipv4.saddr = bpf_htonl(0x7f000001);
    tuple.ipv4.daddr = unbound ? bpf_htonl(0x7f000001) : from->word[3];
    tuple.ipv4.sport = bpf_htons(OUTBOUND_PORT);
    tuple.ipv4.dport = bpf_htons(attempt->from_port);
  } else {
    tuple.ipv6.saddr[3] = bpf_htonl(1);
    for (int i = 0; i < 4; i++) tuple.ipv6.daddr[i] = unbound ? 0 : from->word[i];
    if (unbound) tuple.ipv6.daddr[3] = bpf_htonl(1);
    tuple.ipv6.sport = bpf_htons(OUTBOUND_PORT);
    tuple.ipv6.dport = bpf_htons(attempt->from_port);
  }
  struct bpf_sock* sk = v4 ? bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0)
                           : bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
  if (!sk) return 0;
  int clash = sk->state != BPF_TCP_LISTEN;
  bpf_sk_release(sk);
  return clash;
}

/* Stops as soon as the decision is certain: a socket that does not concern the agent costs two look-ups. */
static __always_inline void find_facts(struct bpf_sock_addr* ctx, const struct attempt* attempt, __u64 netns, struct outbound_facts* f) {
  const struct destination* to = &attempt->to;
  f->tcp = ctx->protocol == IPPROTO_TCP;
  const struct liveness* l = liveness();
  f->agent_known = l && l->beat_ns;
  if (!f->tcp || !f->agent_known) return;
  __u64 cgroup = bpf_get_current_cgroup_id();
  f->agents_own = ctx->sk->mark == l->mark;
  f->agents_onward = ctx->sk->mark == l->mark + ONWARD_MARK;
  f->prober = bpf_map_lookup_elem(&nw_probers, &cgroup) != 0;
  const struct pod* pod = bpf_map_lookup_elem(&nw_pods, &netns);
  f->enrolled = pod != 0;
  if (f->agents_own || f->agents_onward || f->prober || !pod) return;
  struct pod_address own = {.cookie = netns, .address = to->address};
  f->fail_closed = pod->fail_closed != 0;
  f->to_self = is_loopback(&to->address) || is_unspecified(&to->address) || bpf_map_lookup_elem(&nw_addresses, &own) != 0;
  f->to_agent_port = is_agent_port(bpf_ntohs(to->port));
  if (f->to_self && !f->to_agent_port) return;
  f->scoped = ctx->sk->bound_dev_if != 0 || is_link_local(&to->address);
  f->alive = alive(l);
  f->listening = agent_listens(ctx, is_v4(&to->address), l->mark);
  if (f->alive && f->listening) f->clashing = clashes(ctx, attempt);
}

/* A socket can be connected again, after connect(AF_UNSPEC) or a failure: the note is always that of the latest time. */
static __always_inline int note(void* sk, __u16 kind, const struct attempt* attempt, __u64 netns) {
  struct socket_note* stored = bpf_sk_storage_get(&nw_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!stored) return -1;
  const struct pod* pod = bpf_map_lookup_elem(&nw_pods, &netns);
  stored->cookie = netns;
  stored->destination = attempt->to;
  stored->pod_address = !pod ? (struct address){} : is_v4(&attempt->to.address) ? pod->own4 : pod->own6;
  stored->kind = kind;
  stored->bound = !is_unspecified(&attempt->from);
  return 0;
}

/* With Multipath TCP another socket connects than the one that the application has, and asks for its names. */
static __always_inline void note_for_application(struct bpf_sock* sk, int captured, const struct attempt* attempt, __u64 netns) {
  struct mptcp_sock* multipath = finds_multipath ? bpf_skc_to_mptcp_sock(sk) : 0;
  if (!multipath) return;
  if (captured) {
    note(multipath, CAPTURED, attempt, netns);
  } else {
    bpf_sk_storage_delete(&nw_sockets, multipath);
  }
}

/* CAPTURE: the attempt is noted and the caller rewrites the destination. */
static __always_inline int decide(struct bpf_sock_addr* ctx, const struct attempt* attempt) {
  struct outbound_facts facts = {};
  if (!ctx->sk) return ALLOW; /* open: nothing to note anything at; no kernel does that to connect(2) */
  __u64 netns = bpf_get_netns_cookie(ctx);
  find_facts(ctx, attempt, netns, &facts);
  struct verdict verdict = decide_outbound(&facts);
  if (verdict.action == ACTION_CAPTURE && note(ctx->sk, CAPTURED, attempt, netns)) {
    count(REASON_destination_unstored);
    verdict = outbound_without_agent(&facts); /* per the pod's fail-closed setting: the agent would not know where to go */
  }
  count(verdict.reason);
  if (facts.enrolled) note_for_application(ctx->sk, verdict.action == ACTION_CAPTURE, attempt, netns);
  if (verdict.action == ACTION_CAPTURE) return CAPTURE;
  /* If that fails, the destination's pod captures the connection once more, which its rules allow for. */
  if (verdict.action == ACTION_THROUGH) return note(ctx->sk, THROUGH, attempt, netns), ALLOW;
  if (facts.tcp) bpf_sk_storage_delete(&nw_sockets, ctx->sk);
  return verdict.action == ACTION_REFUSE ? DENY : ALLOW;
}

SEC("cgroup/connect4")
int nw_connect4(struct bpf_sock_addr* ctx) {
  struct attempt attempt = {.to = {.address = mapped(ctx->user_ip4), .port = (__u16)ctx->user_port}};
  if (ctx->sk) attempt.from = mapped(ctx->sk->src_ip4), attempt.from_port = (__u16)ctx->sk->src_port;
  int verdict = decide(ctx, &attempt);
  if (verdict != CAPTURE) return verdict;
  ctx->user_ip4 = bpf_htonl(0x7f000001);
  ctx->user_port = bpf_htons(OUTBOUND_PORT);
  return ALLOW;
}

static __always_inline struct address asked6(const struct bpf_sock_addr* ctx) {
  return (struct address){{ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}};
}

static __always_inline void answer6(struct bpf_sock_addr* ctx, const struct address* address) {
  ctx->user_ip6[0] = address->word[0];
  ctx->user_ip6[1] = address->word[1];
  ctx->user_ip6[2] = address->word[2];
  ctx->user_ip6[3] = address->word[3];
}

SEC("cgroup/connect6")
int nw_connect6(struct bpf_sock_addr* ctx) {
  struct attempt attempt = {.to = {.address = asked6(ctx), .port = (__u16)ctx->user_port}};
  if (ctx->sk) {
    attempt.from = (struct address){{ctx->sk->src_ip6[0], ctx->sk->src_ip6[1], ctx->sk->src_ip6[2], ctx->sk->src_ip6[3]}};
    attempt.from_port = (__u16)ctx->sk->src_port;
  }
  int verdict = decide(ctx, &attempt);
  if (verdict != CAPTURE) return verdict;
  if (is_v4(&attempt.to.address)) {
    ctx->user_ip6[3] = bpf_htonl(0x7f000001);
  } else {
    ctx->user_ip6[0] = ctx->user_ip6[1] = ctx->user_ip6[2] = 0;
    ctx->user_ip6[3] = bpf_htonl(1);
  }
  ctx->user_port = bpf_htons(OUTBOUND_PORT);
  return ALLOW;
}

static __always_inline const struct socket_note* captured(struct bpf_sock_addr* ctx) {
  if (!ctx->sk) return 0;
  const struct socket_note* note = bpf_sk_storage_get(&nw_sockets, ctx->sk, 0, 0);
  return note && note->kind == CAPTURED ? note : 0;
}

/* Null: the kernel's answer stands, because it is not the listener that the capture led to. */
static __always_inline const struct socket_note* captured_at(struct bpf_sock_addr* ctx, const struct address* answer) {
  if (ctx->user_port != bpf_htons(OUTBOUND_PORT) || !is_loopback(answer)) return 0;
  return captured(ctx);
}

SEC("cgroup/getpeername4")
int nw_getpeername4(struct bpf_sock_addr* ctx) {
  struct address answer = mapped(ctx->user_ip4);
  const struct socket_note* note = captured_at(ctx, &answer);
  if (!note) return ALLOW;
  ctx->user_ip4 = note->destination.address.word[3];
  ctx->user_port = note->destination.port;
  return ALLOW;
}

SEC("cgroup/getpeername6")
int nw_getpeername6(struct bpf_sock_addr* ctx) {
  struct address answer = asked6(ctx);
  const struct socket_note* note = captured_at(ctx, &answer);
  if (!note) return ALLOW;
  answer6(ctx, &note->destination.address);
  ctx->user_port = note->destination.port;
  return ALLOW;
}

/* The pod's address, where the answer would be the loopback address that the capture brought about; 0: the answer stands. */
static __always_inline const struct address* pod_address(struct bpf_sock_addr* ctx, const struct address* answer) {
  const struct socket_note* note = captured(ctx);
  struct local_name_facts facts = {.captured = note != 0, .at_loopback = is_loopback(answer) != 0};
  if (!note) return 0;
  facts.bound = note->bound != 0;
  facts.known = !is_unspecified(&note->pod_address);
  return shows_pod_address(&facts) ? &note->pod_address : 0;
}

SEC("cgroup/getsockname4")
int nw_getsockname4(struct bpf_sock_addr* ctx) {
  struct address answer = mapped(ctx->user_ip4);
  const struct address* own = pod_address(ctx, &answer);
  if (own) ctx->user_ip4 = own->word[3];
  return ALLOW;
}

SEC("cgroup/getsockname6")
int nw_getsockname6(struct bpf_sock_addr* ctx) {
  struct address answer = asked6(ctx);
  const struct address* own = pod_address(ctx, &answer);
  if (own) answer6(ctx, own);
  return ALLOW;
}

static __always_inline struct flow flow_of(struct bpf_sock_ops* ops) {
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

static __always_inline void before_syn(struct bpf_sock_ops* ops, const struct socket_note* note) {
  struct flow flow = flow_of(ops);
  if (note->kind == THROUGH) {
    __u32 one = 1;
    bpf_map_update_elem(&nw_through, &flow, &one, BPF_ANY);
    bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
    return;
  }
  struct origin_key key = {.cookie = note->cookie, .source = flow.local, .port = flow.local_port};
  /* A stale entry would send the connection elsewhere; with none the agent closes it. */
  bpf_map_delete_elem(&nw_origins, &key);
  struct destination destination = note->destination;
  if (bpf_map_update_elem(&nw_origins, &key, &destination, BPF_ANY)) count(REASON_destination_unstored);
}

SEC("sockops")
int nw_sockops(struct bpf_sock_ops* ops) {
  if (ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ops->op != BPF_SOCK_OPS_STATE_CB) return 1;
  struct bpf_sock* sk = ops->sk;
  if (!sk) return 1;
  const struct socket_note* note = bpf_sk_storage_get(&nw_sockets, sk, 0, 0);
  if (!note) return 1; /* left alone */
  if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
    before_syn(ops, note);
  } else if (ops->args[1] == BPF_TCP_CLOSE && note->kind == THROUGH) {
    struct flow flow = flow_of(ops);
    bpf_map_delete_elem(&nw_through, &flow);
  }
  return 1;
}

char _license[] SEC("license") = "GPL";
