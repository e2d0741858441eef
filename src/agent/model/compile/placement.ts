/** How near endpoints are preferred, as the rules say (Istio's localityLbSetting, `trafficDistribution` of Services). */
import type { EndpointConfig } from '../../../l7/config/cluster.ts';
import type { LocalitySetting, PolicyBlocks, StringMap, ZoneAwareSetting } from '../objects.ts';
import { distance, type Locality, matches, REGION, SUBZONE, ZONE } from './localities.ts';
import type { TrafficDistribution } from './mesh-service.ts';

const NETWORK = 'topology.istio.io/network';
const HOSTNAME = 'kubernetes.io/hostname';
const PLACES: ReadonlySet<string> = new Set([NETWORK, REGION, ZONE, SUBZONE, HOSTNAME]);

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

/** What holds where neither a rule nor a service says how near endpoints are preferred. */
export interface MeshPlacement {
  readonly locality: LocalitySetting;
  readonly zoneAware: ZoneAwareSetting | undefined;
}

/** In which order endpoints are preferred. */
interface Order {
  /** Those with as many of these as the client, in this order, come first. */
  readonly labels: readonly string[];
  /** How far an endpoint is, among those that are alike by their labels. */
  readonly far: (endpoint: Placed) => number;
}

const NOT_FAR = (): number => 0;

export interface PlacementContext {
  /** Of the service. */
  readonly distribution: TrafficDistribution | null;
  readonly mesh: MeshPlacement;
  readonly client: Place;
}

/** Whether it matters where endpoints are. */
export function asksForPlaces(policy: PolicyBlocks, context: PlacementContext): boolean {
  const setting = settingOf(policy, context);
  return setting !== null && ('distribute' in setting || setting.labels.length > 0 || setting.far !== NOT_FAR);
}

/** Endpoints with the priorities and shares that clients at this place give them. */
export function placed(endpoints: readonly Placed[], policy: PolicyBlocks, context: PlacementContext): EndpointConfig[] {
  const configs = endpoints.map(({ config }) => config);
  const { client } = context;
  const setting = settingOf(policy, context);
  if (setting === null) return configs;
  if ('distribute' in setting) return distributed(endpoints, setting.distribute, client);
  const ranks = endpoints.map((endpoint) => missed(setting.labels, client, endpoint) * DISTANCES + setting.far(endpoint));
  // Priorities have no gaps.
  const known = [...new Set(ranks)].sort((a, b) => a - b);
  if (known.length < 2) return configs;
  return configs.map((config, index) => ({ ...config, priority: known.indexOf(ranks[index] as number) }));
}

/** Of the rule, or else of the service, or else of the mesh; zones that the proxy weighs by itself before localities. Null: all are alike. */
function settingOf(
  { loadBalancer, outlierDetection }: PolicyBlocks,
  { distribution, mesh, client }: PlacementContext,
): Order | { readonly distribute: NonNullable<LocalitySetting['distribute']> } | null {
  const { localityLbSetting, zoneAwareLbSetting } = loadBalancer ?? {};
  if (zoneAwareLbSetting !== undefined) return byRegion(zoneAwareLbSetting, client);
  const ownWord = localityLbSetting !== undefined;
  if (!ownWord && distribution !== null) return client.locality.length === 0 ? null : { labels: DISTRIBUTIONS[distribution], far: NOT_FAR };
  if (!ownWord && mesh.zoneAware !== undefined) return byRegion(mesh.zoneAware, client);
  const { enabled, distribute, failover, failoverPriority: labels = [] } = localityLbSetting ?? mesh.locality;
  if (enabled === false) return null;
  if (distribute !== undefined) return { distribute };
  if (outlierDetection === undefined) return null;
  const byFailover = (labels.length === 0 || failover !== undefined) && client.locality.length > 0;
  return { labels, far: byFailover ? ({ locality }) => rank(client.locality, locality, failover ?? []) : NOT_FAR };
}

/** Needs no detection of outliers: regions are always told apart. What is within the client's region is one priority. */
function byRegion(
  { enabled, failover = [], failoverPriority: labels = [] }: ZoneAwareSetting,
  { locality: [own = ''] }: Place,
): Order | null {
  if (enabled === false) return null;
  const to = failover.find(({ from = '' }) => from === own)?.to;
  return { labels, far: ({ locality: [region = ''] }) => (region === own ? 0 : region === to ? 1 : 2) };
}

/** Labels in whose place a client's own count, by which clients are told apart; those of its place are known otherwise. */
export function labelsCompared(labels: readonly string[] = []): string[] {
  return labels.filter((label) => !label.includes('=') && !PLACES.has(label));
}

/** 4: a region that a failover does not name. */
const DISTANCES = 5;

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
