/** What a pod can reach, from the snapshot alone. */
import type { RouteConfig } from '../../l7/config/route.ts';
import { type AddressesConfig, sniLayer } from '../../l7/config/workload.ts';
import type { Snapshot } from '../../l7/snapshot.ts';

/** Ids of the clusters that some route or address of its layers leads to. Unknown pods reach none. */
export function clustersOf({ records }: Snapshot, pod: string): ReadonlySet<string> {
  const scope = records.scopes.get(records.workloads.get(pod)?.scope ?? '');
  const layers = new Set(scope?.layers.flatMap((layer) => [layer, sniLayer(layer)]) ?? []);
  const ids = new Set<string>();
  for (const host of records.virtualHosts.values()) {
    if (layers.has(host.layer)) for (const route of host.routes) for (const id of destinationsOf(route)) ids.add(id);
  }
  for (const { layer, entries } of records.addresses.values()) {
    if (layers.has(layer)) for (const entry of entries) for (const id of behind(entry)) ids.add(id);
  }
  return ids;
}

function destinationsOf({ action }: RouteConfig): string[] {
  if (action.kind !== 'route') return [];
  return [...action.destinations, ...action.mirrors].map(({ cluster }) => cluster);
}

function behind([, destination]: AddressesConfig['entries'][number]): string[] {
  const ruled = (destination.rules ?? []).flatMap(({ destinations }) => destinations.map(({ cluster }) => cluster));
  if (destination.to === 'cluster') return [destination.cluster, ...ruled];
  return destination.opaque === undefined ? ruled : [destination.opaque, ...ruled];
}
