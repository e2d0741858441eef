/* The maps that all programs share; names ≤ 15 characters. */
#ifndef NODEWAY_MAPS_H
#define NODEWAY_MAPS_H
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

#include "abi.h"

#define MAP(name, kind, entries, k, v) \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_##kind); \
    __uint(max_entries, entries);      \
    __type(key, k);                    \
    __type(value, v);                  \
  } name SEC(".maps")

MAP(nw_pods, HASH, MAX_PODS, __u64, struct pod);
MAP(nw_addresses, HASH, 8192, struct pod_address, __u32);
/* Of these only what lies between a SYN and its accept(2) matters; the oldest may go. Each takes about 7 MB. */
MAP(nw_origins, LRU_HASH, 65536, struct origin_key, struct destination);
MAP(nw_through, LRU_HASH, 65536, struct flow, __u32);
MAP(nw_inbound, SOCKMAP, 2 * MAX_PODS, __u32, __u64);
MAP(nw_probers, HASH, 256, __u64, __u32);
MAP(nw_liveness, ARRAY, 1, __u32, struct liveness);
MAP(nw_counters, PERCPU_ARRAY, REASONS, __u32, __u64);

static __always_inline void count(__u32 reason) {
  if (reason >= REASONS) return;
  __u64* counter = bpf_map_lookup_elem(&nw_counters, &reason);
  if (counter) *counter += 1;
}

static __always_inline const struct liveness* liveness(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&nw_liveness, &zero);
}

/* A beat may be later than the time read here: another CPU wrote it meanwhile. */
static __always_inline int alive(const struct liveness* l) {
  __u64 now = bpf_ktime_get_ns();
  return l && l->beat_ns && (now < l->beat_ns || now - l->beat_ns < l->timeout_ns);
}
#endif
