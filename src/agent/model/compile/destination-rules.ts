/** DestinationRules: which one a client's traffic to a service obeys, and what it says of a subset and port. */
import type { Graph } from '../incremental/graph.ts';
import type { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import type { DestinationRule, LoadBalancer, PolicyBlocks, Subset, TrafficPolicy } from '../objects.ts';
import { type FieldPath, type ObjectRef, refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import { balancerFault } from './balancers.ts';
import { HostIndex } from './host-index.ts';
import { fullName, isWildcard } from './hosts.ts';
import type { MeshService } from './mesh-service.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Services } from './services.ts';

interface BoundRule extends Aged {
  readonly ref: ObjectRef;
  readonly spec: DestinationRule['spec'];
}

/** All rules of a namespace for one host, merged in the order of their age. */
export interface MergedRule {
  readonly refs: readonly ObjectRef[];
  readonly trafficPolicy: TrafficPolicy | undefined;
  /** The oldest of a name. */
  readonly subsets: readonly Subset[];
}

export class DestinationRules {
  readonly #options: CompileOptions;
  readonly #services: Services;
  readonly #problems: ProblemLog;
  /** Namespaces that clients of this node live in. */
  readonly #clients: Index<true>;
  readonly #rules: Input<DestinationRule, true>;
  readonly #byHost: HostIndex<BoundRule>;

  constructor(graph: Graph, options: CompileOptions, services: Services, clients: Index<true>, problems: ProblemLog) {
    this.#options = options;
    this.#services = services;
    this.#clients = clients;
    this.#problems = problems;
    this.#rules = new Input(graph, 'DestinationRule', (object) => this.#compute(object));
    this.#byHost = new HostIndex<BoundRule>(graph, byAge);
  }

  set(key: string, object: DestinationRule | null): void {
    this.#rules.set(key, object);
  }

  /**
   * The first of these namespaces that has a rule for the host: the client's (null: of a client without rules of its own), the
   * service's, the root. Nothing is inherited between them.
   */
  find(client: string | null, { host, namespace }: MeshService): MergedRule | null {
    const naming = this.#byHost.naming(host);
    if (naming.length === 0) return null;
    const { rootNamespace } = this.#options;
    const order = [...(client === null || client === rootNamespace ? [] : [client]), namespace, rootNamespace];
    for (const one of order) {
      for (const [, rules] of naming) {
        const own = rules.filter((rule) => rule.namespace === one);
        if (own.length > 0) return merge(own);
      }
    }
    return null;
  }

  /** Whether clients of that namespace see another rule than most. */
  differs(client: string | null, service: MeshService): boolean {
    return client !== null && this.#owners(service).includes(client);
  }

  /** The namespaces of this node's clients that see another rule than most. */
  clientsOfTheirOwn(service: MeshService): string[] {
    return this.#owners(service).filter((namespace) => this.#clients.has(namespace));
  }

  /** Whether clients of this node live in the namespace. */
  hasClients(namespace: string): boolean {
    return this.#clients.has(namespace);
  }

  #owners({ host, namespace }: MeshService): string[] {
    const naming = this.#byHost.naming(host);
    if (naming.length === 0) return [];
    const all = new Set(naming.flatMap(([, rules]) => rules.map((rule) => rule.namespace)));
    return [...all].filter((one) => one !== namespace && one !== this.#options.rootNamespace).sort();
  }

  #compute(object: DestinationRule): true {
    const ref = refOf(object);
    const host = fullName(object.spec.host, ref.namespace, this.#options.clusterDomain);
    this.#byHost.emit(host, { ...ageOf(object), ref, spec: object.spec } satisfies BoundRule);
    const known = isWildcard(host) ? this.#services.hosts.named(host).length > 0 : this.#services.get(host) !== null;
    if (!known) this.#problems.add('warning', ref, ['spec', 'host'], `there is no service ${host}`);
    for (const [path, policy] of policiesOf(object)) {
      const fault = balancerFault(policy);
      if (fault !== null) this.#problems.add('error', ref, [...path, ...fault.path], `${fault.message}; LEAST_REQUEST takes its place`);
    }
    return true;
  }
}

/** The oldest policy stays as a whole; subsets are collected. */
function merge(rules: readonly BoundRule[]): MergedRule {
  const subsets = new Map<string, Subset>();
  for (const subset of rules.flatMap(({ spec }) => spec.subsets ?? [])) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return {
    refs: rules.map(({ ref }) => ref),
    trafficPolicy: rules.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy,
    subsets: [...subsets.values()],
  };
}

export function subsetOf(rule: MergedRule | null, name: string): Subset | undefined {
  return rule?.subsets.find((subset) => subset.name === name);
}

/**
 * What holds for a subset (empty: none) at a port. An entry for a port replaces its whole level; a subset's blocks replace those of the
 * rule one by one, and its entry for a port all that an entry can have.
 */
export function policyOf(rule: MergedRule | null, subset: string, port: number): PolicyBlocks {
  if (rule === null) return {};
  const base = atPort(rule.trafficPolicy, port).blocks;
  const own = atPort(subsetOf(rule, subset)?.trafficPolicy, port);
  if (own.byPort) return { ...own.blocks, ...(base.retryBudget !== undefined && { retryBudget: base.retryBudget }) };
  return { ...base, ...own.blocks };
}

/** Blocks that are given. */
function atPort(policy: TrafficPolicy | undefined, port: number): { readonly blocks: PolicyBlocks; readonly byPort: boolean } {
  const entry = policy?.portLevelSettings?.find((setting) => setting.port.number === port);
  return { blocks: blocksOf(entry ?? policy ?? {}), byPort: entry !== undefined };
}

function blocksOf({ loadBalancer, connectionPool, outlierDetection, retryBudget }: PolicyBlocks): PolicyBlocks {
  return {
    ...(loadBalancer !== undefined && { loadBalancer }),
    ...(connectionPool !== undefined && { connectionPool }),
    ...(outlierDetection !== undefined && { outlierDetection }),
    ...(retryBudget !== undefined && { retryBudget }),
  };
}

function policiesOf({ spec }: DestinationRule): [FieldPath, LoadBalancer][] {
  return [
    ...balancersOf(spec.trafficPolicy, ['spec', 'trafficPolicy']),
    ...(spec.subsets ?? []).flatMap((subset, index) => balancersOf(subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy'])),
  ];
}

function balancersOf(policy: TrafficPolicy | undefined, path: FieldPath): [FieldPath, LoadBalancer][] {
  const levels = [policy, ...(policy?.portLevelSettings ?? [])];
  return levels.flatMap((level, index): [FieldPath, LoadBalancer][] => {
    const at = index === 0 ? path : [...path, 'portLevelSettings', index - 1];
    return level?.loadBalancer === undefined ? [] : [[[...at, 'loadBalancer'], level.loadBalancer]];
  });
}
