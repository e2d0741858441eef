/** What a pod sees of the mesh as a client, or a client of this node's Gateways: virtual hosts, in the order in which they count. Plain data. */
import { GATEWAY_CLIENT } from '../../l7/explain/explanation.ts';
import type { VirtualHostConfig } from '../../l7/config/route.ts';
import type { ScopeConfig } from '../../l7/config/workload.ts';
import type { Snapshot } from '../../l7/snapshot.ts';

export interface PodRoutes {
  /** Null: of Gateways, which answer 404 for other hosts. */
  readonly scope: ScopeConfig | null;
  /** By port in decimal; only those that it can get. */
  readonly virtualHosts: Readonly<Record<string, readonly VirtualHostConfig[]>>;
}

/** @param pod `namespace/name`, or `GATEWAY_CLIENT`. Null: it is not enrolled on this node. */
export function podRoutes({ records }: Pick<Snapshot, 'records'>, pod: string): PodRoutes | null {
  if (pod === GATEWAY_CLIENT) return gatewayRoutes(records);
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

function gatewayRoutes({ gateways, virtualHosts }: Snapshot['records']): PodRoutes {
  const hosts = [...virtualHosts.values()];
  const byPort = [...gateways.values()].map(({ port, layer }) => [
    String(port),
    hosts.filter((host) => host.layer === layer && host.port === port),
  ]);
  return { scope: null, virtualHosts: Object.fromEntries(byPort) as PodRoutes['virtualHosts'] };
}
