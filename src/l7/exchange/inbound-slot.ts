/** What a callee's own rules say of one of its ports (Istio's cluster `inbound|PORT||`). */
import type { Runtime, Workload } from '../runtime/runtime.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';

/** Null: nothing. */
export function inboundSlot(runtime: Pick<Runtime, 'slot'>, { inbound }: Workload, port: number): ClusterSlot | null {
  const id = inbound[port]?.cluster;
  return id === undefined ? null : runtime.slot(id);
}
