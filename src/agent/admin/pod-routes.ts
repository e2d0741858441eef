/** What a pod sees of the mesh as a client: the virtual hosts that it can reach, in the order in which they count. Plain data. */
import type { VirtualHostConfig } from '../../l7/config/route.ts';
import type { ScopeConfig } from '../../l7/config/workload.ts';
import type { Snapshot } from '../../l7/snapshot.ts';

export interface PodRoutes {
  readonly scope: ScopeConfig;
  /** By port in decimal; only those that it can get. */
  readonly virtualHosts: Readonly<Record<string, readonly VirtualHostConfig[]>>;
}

/** @param pod `namespace/name`. Null: it is not enrolled on this node. */
export function podRoutes({ records }: Pick<Snapshot, 'records'>, pod: string): PodRoutes | null {
  const scope = records.scopes.get(records.workloads.get(pod)?.scope ?? '');
  if (scope === undefined) return null;
  const layers = Map.groupBy(records.virtualHosts.values(), ({ layer }) => layer);
  const taken = new Set<string>();
  const seen = scope.layers
    .flatMap((layer) => layers.get(layer) ?? [])
    .filter(({ port, domains, local }) => {
      const names = [...domains, ...(local?.namespace === scope.namespace ? local.domains : [])].map((domain) => `${port} ${domain}`);
      const own = names.filter((name) => !taken.has(name));
      for (const name of own) taken.add(name);
      return own.length > 0;
    });
  return { scope, virtualHosts: Object.fromEntries(Map.groupBy(seen, ({ port }) => String(port))) };
}
