/** What a pod can reach, or a client of this node's Gateways, from the snapshot alone. */
import type { RouteConfig } from '../../l7/config/route.ts';
import { type AddressesConfig, type ConnectionRule, sniLayer } from '../../l7/config/workload.ts';
import { GATEWAY_CLIENT } from '../../l7/explain/explanation.ts';
import type { Snapshot } from '../../l7/snapshot.ts';

/** Ids of the clusters that some route, address or rule leads to. @param client `namespace/name`, or `GATEWAY_CLIENT`. Unknown pods reach none. */
export function clustersOf({ records }: Snapshot, client: string): ReadonlySet<string> {
  if (client === GATEWAY_CLIENT) return clustersOfGateways(records);
  const scope = records.scopes.get(records.workloads.get(client)?.scope ?? '');
  return clustersIn(records, new Set(scope?.layers.flatMap((layer) => [layer, sniLayer(layer)]) ?? []));
}

function clustersOfGateways(records: Snapshot['records']): ReadonlySet<string> {
  const gateways = [...records.gateways.values()];
  const layers = new Set(gateways.flatMap(({ layer }) => [layer, sniLayer(layer)]));
  const ruled = gateways.flatMap(({ rules = [] }) => rules.flatMap(clustersOfRule));
  return new Set([...clustersIn(records, layers), ...ruled]);
}

function clustersIn({ virtualHosts, addresses }: Snapshot['records'], layers: ReadonlySet<string>): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const host of virtualHosts.values()) {
    if (layers.has(host.layer)) for (const route of host.routes) for (const id of destinationsOf(route)) ids.add(id);
  }
  for (const { layer, entries } of addresses.values()) {
    if (layers.has(layer)) for (const entry of entries) for (const id of behind(entry)) ids.add(id);
  }
  return ids;
}

const clustersOfRule = ({ destinations }: ConnectionRule): string[] => destinations.map(({ cluster }) => cluster);

function destinationsOf({ action }: RouteConfig): string[] {
  if (action.kind !== 'route') return [];
  return [...action.destinations, ...action.mirrors].map(({ cluster }) => cluster);
}

function behind([, destination]: AddressesConfig['entries'][number]): string[] {
  const ruled = (destination.rules ?? []).flatMap(clustersOfRule);
  if (destination.to === 'cluster') return [destination.cluster, ...ruled];
  return destination.opaque === undefined ? ruled : [destination.opaque, ...ruled];
}
