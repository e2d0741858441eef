/** How near endpoints are preferred, as the rules say (Istio's localityLbSetting, `trafficDistribution` of Services). */
import type { EndpointConfig } from '../../../l7/config/cluster.ts';
import type { LocalitySetting, PolicyBlocks, StringMap } from '../objects.ts';
import { distance, type Locality, matches, REGION, SUBZONE, ZONE } from './localities.ts';
import type { TrafficDistribution } from './mesh-service.ts';

const NETWORK = 'topology.istio.io/network';
const HOSTNAME = 'kubernetes.io/hostname';

/** A place: of an endpoint, or of the clients. */
export interface Place {
  readonly locality: Locality;
  readonly node: string | undefined;
  readonly labels: StringMap;
}

export interface Placed extends Place {
  readonly config: EndpointConfig;
}

/** Prefers what has as many of these labels as the client, in this order, and needs no detection of outliers. */
const DISTRIBUTIONS: Readonly<Record<TrafficDistribution, readonly string[]>> = {
  zone: [NETWORK, REGION, ZONE],
  node: [NETWORK, REGION, ZONE, SUBZONE, HOSTNAME],
};

/** Endpoints with the priorities and shares that clients at this place give them. */
export function placed(
  endpoints: readonly Placed[],
  { loadBalancer, outlierDetection }: PolicyBlocks,
  {
    distribution,
    mesh,
    client,
  }: { readonly distribution: TrafficDistribution | null; readonly mesh: LocalitySetting; readonly client: Place },
): EndpointConfig[] {
  const configs = endpoints.map(({ config }) => config);
  const own = loadBalancer?.localityLbSetting;
  const setting = own ?? (distribution === null ? mesh : {});
  if (setting.enabled === false) return configs;
  const failsOver = outlierDetection !== undefined || (own === undefined && distribution !== null);
  if (setting.distribute !== undefined) return distributed(endpoints, setting.distribute, client);
  if (!failsOver || client.locality.length === 0) return configs;
  const labels = own === undefined && distribution !== null ? DISTRIBUTIONS[distribution] : setting.failoverPriority;
  const byLabels = labels === undefined || labels.length === 0 ? null : endpoints.map((endpoint) => missed(labels, client, endpoint));
  const byFailover = byLabels === null || setting.failover !== undefined;
  const ranks = endpoints.map((endpoint, index) => {
    const far = byFailover ? rank(client.locality, endpoint.locality, setting.failover ?? []) : 0;
    return (byLabels?.[index] ?? 0) * 5 + far;
  });
  // Priorities have no gaps.
  const known = [...new Set(ranks)].sort((a, b) => a - b);
  if (known.length < 2) return configs;
  return configs.map((config, index) => ({ ...config, priority: known.indexOf(ranks[index] as number) }));
}

/** 4: a region that a failover does not name. */
function rank(client: Locality, endpoint: Locality, failover: NonNullable<LocalitySetting['failover']>): number {
  const far = distance(client, endpoint);
  const to = far < 3 ? undefined : failover.find(({ from }) => from === (client[0] ?? ''))?.to;
  return to === undefined || to === (endpoint[0] ?? '') ? far : 4;
}

/** How many of the labels, counted from the first one that differs, are not those of the client. */
function missed(labels: readonly string[], client: Place, endpoint: Place): number {
  for (const [index, label] of labels.entries()) {
    const [key = '', value] = label.split('=', 2);
    if (key === NETWORK && value === undefined) continue;
    if ((value ?? valueOf(client, key)) !== valueOf(endpoint, key)) return labels.length - index;
  }
  return 0;
}

function valueOf({ locality, node, labels }: Place, key: string): string {
  if (key === REGION) return locality[0] ?? '';
  if (key === ZONE) return locality[1] ?? '';
  if (key === SUBZONE) return locality[2] ?? '';
  return key === HOSTNAME ? (node ?? '') : (labels[key] ?? '');
}

/** The first entry that is from the client's locality: endpoints of localities that it does not name get nothing. */
function distributed(
  endpoints: readonly Placed[],
  distribute: NonNullable<LocalitySetting['distribute']>,
  client: Place,
): EndpointConfig[] {
  const entry = distribute.find(({ from = '' }) => matches(client.locality, from));
  if (entry === undefined) return endpoints.map(({ config }) => config);
  const targets = Object.entries(entry.to ?? {});
  const targetOf = (endpoint: Placed): number => targets.findIndex(([pattern]) => matches(endpoint.locality, pattern));
  const weights = new Map<number, number>();
  for (const endpoint of endpoints) {
    const at = targetOf(endpoint);
    weights.set(at, (weights.get(at) ?? 0) + endpoint.config.weight);
  }
  return endpoints.flatMap((endpoint) => {
    const at = targetOf(endpoint);
    const [, weight = 0] = targets[at] ?? [];
    // Several localities of one target share its weight by what their endpoints weigh.
    const name = endpoint.locality.join('/');
    const own = endpoints.filter((other) => other.locality.join('/') === name && targetOf(other) === at);
    const share = own.reduce((sum, { config }) => sum + config.weight, 0) / (weights.get(at) ?? 1);
    return at < 0 ? [] : [{ ...endpoint.config, group: { name, weight: Math.ceil(weight * share) } }];
  });
}
