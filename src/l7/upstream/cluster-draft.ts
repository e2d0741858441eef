/**
 * The next version of a cluster: collected from the parts of a change, then made in steps.
 *
 * A balancer that is costly to make (rings and tables of many cells) holds up a change of the rules, which takes effect as a
 * whole, but not a change of the endpoints: the cluster keeps its old balancer, which passes over endpoints that have gone, and gets
 * the new one when it is ready.
 */
import type { Epoch } from '../../base/epoch.ts';
import type { ClusterConfig, EndpointConfig } from '../config/cluster.ts';
import { addressKey, type EndpointsDelta } from '../snapshot.ts';
import { NameLease, type HeaderNames } from '../message/header-names.ts';
import { balancerSize, buildBalancer } from './balancer.ts';
import { type ClusterState, NOBODY } from './cluster.ts';
import { Endpoint } from './endpoint.ts';
import { HashPolicy } from './hash-policy.ts';
import { type Group, Groups, type Part, Priorities } from './layered.ts';
import type { Balancer, Steps } from './pick.ts';

/** Cells of a balancer that are made within a change of the endpoints: some milliseconds in slices. */
const COSTLY = 64 * 1024;
/** Up to this many endpoints, looking at each is quicker than a map of them. */
const FEW = 16;

export interface DraftResult {
  readonly state: ClusterState;
  /** Endpoints and names to be given back when the change has been committed. */
  readonly staged: readonly Endpoint[];
  /** The balancers of `state` are those of before, and others are to be built. */
  readonly stale: boolean;
}

export class ClusterDraft {
  readonly #epoch: Epoch;
  readonly #names: HeaderNames;
  readonly #before: ClusterState | null;
  #config: ClusterConfig | null = null;
  /** Those of before and new ones, in the order in which they came. */
  readonly #members: Endpoint[];
  /** Of those of them that will be there. Where there are many, it goes from draft to draft: a change must not look at each of them. */
  #byKey: Map<string, Endpoint> | null;
  #staged: Set<Endpoint> | null = null;
  /** Of the members, those that go. */
  readonly #gone = new Map<string, Endpoint>();
  /** Other members, or other weights. */
  #rebalance = false;

  constructor(before: ClusterState | null, names: HeaderNames, epoch: Epoch) {
    this.#before = before;
    this.#names = names;
    this.#epoch = epoch;
    this.#members = before?.endpoints.slice() ?? [];
    this.#byKey = before?.byKey ?? null;
    if (before !== null) before.byKey = null;
  }

  configure(config: ClusterConfig): void {
    this.#config = config;
  }

  change({ set, remove }: EndpointsDelta): void {
    for (const config of set) this.#set(config);
    for (const key of remove) {
      const endpoint = this.#find(key);
      if (endpoint !== undefined) this.#drop(key, endpoint);
    }
  }

  /** These are all its endpoints. */
  replace(set: readonly EndpointConfig[]): void {
    const kept = new Set(set.map(addressKey));
    for (const endpoint of this.#members) {
      const key = addressKey(endpoint);
      if (!kept.has(key)) this.#drop(key, endpoint);
    }
    for (const config of set) {
      const known = this.#find(addressKey(config))?.upcoming;
      if (known === undefined || JSON.stringify(known) !== JSON.stringify(config)) this.#set(config);
    }
  }

  /** The cluster itself goes. */
  dropAll(): readonly Endpoint[] {
    for (const endpoint of this.#members) this.#drop(addressKey(endpoint), endpoint);
    return [...(this.#staged ?? [])];
  }

  /** The cluster stays as it was. */
  abandon(): void {
    for (const endpoint of this.#staged ?? []) endpoint.revert();
  }

  /** Whether there is a configuration; without one there is nothing to make. */
  get complete(): boolean {
    return this.#config !== null || this.#before !== null;
  }

  *make(): Steps<DraftResult> {
    const before = this.#before;
    const config = this.#config ?? (before as ClusterState).config;
    const sameRules = before !== null && sameBalancer(before.config, config);
    const hash = sameRules ? before.hash : hashPolicy(config, this.#names);
    const gone = new Set(this.#gone.values());
    // A copy has no room to grow.
    const members = this.#members.filter((endpoint) => !gone.has(endpoint));
    const kept = { config, hash, endpoints: members, byKey: this.#byKey };
    const staged = [...(this.#staged ?? [])];
    if (sameRules && !this.#rebalance) return { state: { ...before, ...kept }, staged, stale: false };
    if (sameRules && before.endpoints.length > 0 && balancerSize(config.balancer, members) > COSTLY) {
      return { state: { ...before, ...kept }, staged, stale: true };
    }
    return { state: { ...kept, ...(yield* buildBalancers(config, members)) }, staged, stale: false };
  }

  #set(config: EndpointConfig): void {
    const key = addressKey(config);
    const member = this.#find(key);
    // An endpoint that is removed and added in the same change stays.
    const endpoint = member ?? this.#gone.get(key) ?? new Endpoint(config, this.#epoch);
    if (member === undefined) this.#add(key, endpoint);
    if (endpoint.upcoming === config) return;
    if (!sameShare(endpoint.upcoming, config)) this.#rebalance = true;
    endpoint.stage(config);
    (this.#staged ??= new Set()).add(endpoint);
  }

  #add(key: string, endpoint: Endpoint): void {
    if (!this.#gone.delete(key)) this.#members.push(endpoint);
    this.#byKey?.set(key, endpoint);
    this.#rebalance = true;
  }

  #drop(key: string, endpoint: Endpoint): void {
    this.#byKey?.delete(key);
    this.#rebalance = true;
    endpoint.stage(null);
    (this.#staged ??= new Set()).add(endpoint);
    this.#gone.set(key, endpoint);
  }

  #find(key: string): Endpoint | undefined {
    if (this.#byKey === null && this.#members.length <= FEW) {
      return this.#gone.has(key) ? undefined : this.#members.find((endpoint) => addressKey(endpoint) === key);
    }
    return (this.#byKey ??= this.#index()).get(key);
  }

  #index(): Map<string, Endpoint> {
    const byKey = new Map(this.#members.map((endpoint) => [addressKey(endpoint), endpoint]));
    for (const key of this.#gone.keys()) byKey.delete(key);
    return byKey;
  }
}

/** The balancers over `endpoints`, by family where there are two. */
export function* buildBalancers(
  config: ClusterConfig,
  endpoints: readonly Endpoint[],
): Steps<{ readonly preferred: Balancer; readonly other: Balancer | null }> {
  if (endpoints.length === 0) return { preferred: NOBODY, other: null };
  if (endpoints.every(isPlain(config.family))) return { preferred: yield* buildBalancer(config.balancer, endpoints), other: null };
  const preferred = endpoints.filter((endpoint) => familyOf(endpoint) === config.family);
  if (preferred.length === 0 || preferred.length === endpoints.length) {
    return { preferred: yield* buildLayers(config, endpoints), other: null };
  }
  const others = endpoints.filter((endpoint) => familyOf(endpoint) !== config.family);
  return { preferred: yield* buildLayers(config, preferred), other: yield* buildLayers(config, others) };
}

/** By priority, and within each by group, where there are several. */
function* buildLayers(config: ClusterConfig, endpoints: readonly Endpoint[]): Steps<Balancer> {
  const byPriority = Map.groupBy(endpoints, ({ upcoming }) => upcoming.priority ?? 0);
  if (byPriority.size < 2) return yield* buildGroups(config, endpoints);
  const parts: Part[] = [];
  for (const [, own] of [...byPriority].sort(([a], [b]) => a - b))
    parts.push({ endpoints: own, balancer: yield* buildGroups(config, own) });
  return new Priorities(parts);
}

function* buildGroups({ balancer }: ClusterConfig, endpoints: readonly Endpoint[]): Steps<Balancer> {
  const byGroup = Map.groupBy(endpoints, ({ upcoming }) => upcoming.group?.name ?? '');
  if (byGroup.size < 2) return yield* buildBalancer(balancer, endpoints);
  const groups: Group[] = [];
  for (const own of byGroup.values()) {
    groups.push({ endpoints: own, weight: own[0]?.upcoming.group?.weight ?? 0, balancer: yield* buildBalancer(balancer, own) });
  }
  return new Groups(groups);
}

function sameShare(a: EndpointConfig, b: EndpointConfig): boolean {
  return a.weight === b.weight && a.priority === b.priority && a.group?.name === b.group?.name && a.group?.weight === b.group?.weight;
}

/** One of the preferred family, in neither a priority nor a group of its own, as nearly all are: many of them are looked at once only. */
function isPlain(family: 4 | 6): (endpoint: Endpoint) => boolean {
  return (endpoint) => {
    const { upcoming } = endpoint;
    return familyOf(endpoint) === family && (upcoming.priority ?? 0) === 0 && upcoming.group === undefined;
  };
}

function familyOf({ address }: Endpoint): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

function hashPolicy({ balancer }: ClusterConfig, names: HeaderNames): HashPolicy | null {
  return 'key' in balancer ? new HashPolicy(balancer.key, new NameLease(names)) : null;
}

function sameBalancer(a: ClusterConfig, b: ClusterConfig): boolean {
  return a.family === b.family && JSON.stringify(a.balancer) === JSON.stringify(b.balancer);
}
