/** Where a collector is: MeshConfig names a service of the cluster, another name, or an address. */
import { isIP } from 'node:net';
import type { SocketAddress } from '../../../base/socket-address.ts';
import type { Snapshot } from '../../../l7/snapshot.ts';
import type { Lookup } from '../../dns/name-resolver.ts';

export interface CollectorMeans {
  /** The configuration in effect. */
  readonly snapshot: () => Snapshot | null;
  readonly clusterDomain: string;
  readonly lookup: Lookup;
}

/**
 * A service's endpoints are asked directly: the agent need not have the cluster's DNS, nor its load balancing.
 * @throws what DNS says.
 */
export async function collectorAddress(
  { snapshot, clusterDomain, lookup }: CollectorMeans,
  host: string,
  port: number,
): Promise<SocketAddress | null> {
  if (isIP(host) !== 0) return { ip: host, port };
  const endpoints = snapshot()?.endpoints;
  for (const name of fullNames(host, clusterDomain)) {
    const [endpoint] = endpoints?.get(`outbound|${port}||${name}`) ?? [];
    if (endpoint !== undefined) return { ip: endpoint.address, port: endpoint.port };
  }
  const [address] = (await lookup(host)).addresses;
  return address === undefined ? null : { ip: address, port };
}

/** `zipkin.istio-system` and `zipkin.istio-system.svc` are short for the whole name. */
function fullNames(host: string, clusterDomain: string): string[] {
  return [host, `${host}.${clusterDomain}`, `${host}.svc.${clusterDomain}`];
}
