/** DestinationRules: which one a client's traffic to a service obeys, and what it says of a subset and port. */
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import type { DestinationRule, LoadBalancer, PolicyBlocks, Subset, TrafficPolicy } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { type FieldPath, refOf } from '../problem.ts';
import { ageOf, byAge } from './age.ts';
import { balancerFault } from './balancers.ts';
import { HostIndex } from './host-index.ts';
import { fullName, isWildcard } from './hosts.ts';
import type { ClientScope } from './clients.ts';
import { type ClientLook, labelsOf, namespaceOf, scopeId } from './client-class.ts';
import { type BoundRule, type MergedRule, ruleFor, selectorOf } from './merged-rules.ts';
import type { MeshService } from './mesh-service.ts';
import { labelsCompared } from './placement.ts';
import type { Mesh } from './mesh-config.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Services } from './services.ts';
import { exportedTo } from './visibility.ts';

/** Clients of this node. */
export interface RuleClients {
  /** In which there are some. */
  readonly namespaces: Index<true>;
  /** Those with labels about which rules ask. */
  readonly labelled: () => readonly ClientScope[];
}

export interface DestinationRuleParts {
  readonly mesh: Mesh;
  readonly services: Services;
  readonly clients: RuleClients;
  readonly problems: ProblemLog;
}

export class DestinationRules {
  readonly #mesh: Mesh;
  readonly #options: CompileOptions;
  readonly #services: Services;
  readonly #problems: ProblemLog;
  readonly #clients: RuleClients;
  readonly #rules: Input<Packed<DestinationRule>, true>;
  readonly #byHost: HostIndex<BoundRule>;
  /** Labels by which rules distinguish clients. */
  readonly clientLabels: Index<true>;

  constructor(graph: Graph, options: CompileOptions, { mesh, services, clients, problems }: DestinationRuleParts) {
    this.#options = options;
    this.#mesh = mesh;
    this.#services = services;
    this.#clients = clients;
    this.#problems = problems;
    this.#rules = new Input(graph, 'DestinationRule', (packed) => this.#compute(unpack(packed)), false);
    this.#byHost = new HostIndex<BoundRule>(graph, byAge);
    this.clientLabels = new Index(graph);
  }

  set(key: string, object: Packed<DestinationRule> | null): void {
    this.#rules.set(key, object);
  }

  /**
   * The first of these namespaces that has a rule for the host: the client's, the service's, the root. Nothing is inherited between
   * them. In the client's own a rule that is not for this client takes the place of all others, too.
   * @param client its namespace or scope; null: a client without rules of its own.
   */
  find(client: string | null, { host, namespace }: Pick<MeshService, 'host' | 'namespace'>): MergedRule | null {
    const naming = this.#byHost.naming(host);
    if (naming.length === 0) return null;
    const { rootNamespace } = this.#options;
    const own = namespaceOf(client);
    const narrowest = (wanted: (rule: BoundRule) => boolean): BoundRule[] => {
      for (const [, rules] of naming) if (rules.some(wanted)) return rules.filter(wanted);
      return [];
    };
    if (own !== null) {
      const isOwn = (rule: BoundRule): boolean =>
        rule.namespace === own && isFor(rule, own) && (own !== rootNamespace || rule.exportTo !== null);
      const rules = narrowest(isOwn);
      if (rules.length > 0) return ruleFor(rules, labelsOf(client));
    }
    for (const owner of [namespace, rootNamespace]) {
      const rules = narrowest((rule) => rule.namespace === owner && !isPrivate(rule)).filter((rule) => isFor(rule, own));
      if (rules.length > 0) return ruleFor(rules, {});
    }
    return null;
  }

  /** The client as far as rules for the service distinguish it: by its scope, by its namespace, or not at all. */
  classOf({ namespace, labels }: ClientLook, service: Pick<MeshService, 'host'>): string | null {
    if (namespace === null || !this.#tellsApart(service, namespace)) return namespace;
    const known = this.#clients.labelled().some((scope) => scope.namespace === namespace);
    return known && Object.keys(labels).length > 0 ? scopeId(namespace, labels) : namespace;
  }

  /** Whether rules for any of these hosts ask for labels of clients. */
  askForLabels(hosts: readonly string[]): boolean {
    return hosts.some((host) => this.#selecting({ host }).size > 0 || this.#compared({ host }).length > 0);
  }

  /** Whether clients of that class see another rule than most. */
  differs(client: string | null, service: MeshService): boolean {
    const namespace = namespaceOf(client);
    return namespace !== null && (client !== namespace || this.#owners(service).includes(namespace));
  }

  /** Those of this node's clients that see another rule than most: namespaces, and scopes where it depends on labels. */
  clientsOfTheirOwn(service: MeshService): string[] {
    const asks = this.askForLabels([service.host]);
    const labelled = !asks ? [] : this.#clients.labelled().filter(({ namespace }) => this.#tellsApart(service, namespace));
    const classes = labelled.map(({ namespace, labels }) => scopeId(namespace, labels));
    return [...new Set([...this.namespacesOfTheirOwn(service), ...classes])];
  }

  /** Of this node's clients, those that see another rule than most. */
  namespacesOfTheirOwn(service: MeshService): string[] {
    return this.#owners(service).filter((namespace) => this.hasClients(namespace));
  }

  /** Whether clients of this node live in the namespace. */
  hasClients(namespace: string): boolean {
    return this.#clients.namespaces.has(namespace);
  }

  #owners({ host, namespace }: MeshService): string[] {
    const naming = this.#byHost.naming(host);
    if (naming.length === 0) return [];
    const rules = naming.flatMap(([, all]) => all);
    const elsewhere = rules.map((rule) => rule.namespace).filter((one) => one !== namespace && one !== this.#options.rootNamespace);
    const restricted = rules.flatMap(({ exportTo, ...rule }) => (exportTo === null ? [] : [rule.namespace, ...exportTo]));
    return [...new Set([...elsewhere, ...restricted])].sort();
  }

  /** Whether clients of a namespace are told apart by their labels: a rule is for some of them, or prefers endpoints that have the same. */
  #tellsApart(service: Pick<MeshService, 'host'>, namespace: string): boolean {
    return this.#selecting(service).has(namespace) || this.#compared(service).length > 0;
  }

  /** Labels of clients with which rules for the host, or the mesh, compare those of endpoints. */
  #compared({ host }: Pick<MeshService, 'host'>): string[] {
    const rules = this.#byHost.naming(host).flatMap(([, all]) => all);
    const own = rules.flatMap(({ compared }) => compared);
    return rules.length === 0 || own.length > 0 ? own : this.#comparedByMesh();
  }

  #comparedByMesh(): string[] {
    const { locality, zoneAware } = this.#mesh.get().placement;
    return labelsCompared(zoneAware?.failoverPriority ?? locality.failoverPriority);
  }

  /** Namespaces in which a rule for the host is for some clients only. */
  #selecting({ host }: Pick<MeshService, 'host'>): ReadonlySet<string> {
    const naming = this.#byHost.naming(host);
    if (naming.length === 0) return NOWHERE;
    return new Set(naming.flatMap(([, rules]) => rules.filter((rule) => selectorOf(rule) !== null).map((rule) => rule.namespace)));
  }

  #compute(object: DestinationRule): true {
    const ref = refOf(object);
    const host = fullName(object.spec.host, ref.namespace, this.#options.clusterDomain);
    const { spec } = object;
    const selector = selectorOf({ spec });
    const compared = labelsComparedBy(object);
    for (const label of [...Object.keys(selector ?? {}), ...compared, ...this.#comparedByMesh()]) this.clientLabels.emit(label, true);
    const exportTo =
      selector === null ? exportedTo(spec.exportTo, ref.namespace, this.#mesh.get().defaultDestinationRuleExportTo) : [ref.namespace];
    this.#byHost.emit(host, { ...ageOf(object), ref, spec, exportTo, compared } satisfies BoundRule);
    const known = isWildcard(host) ? this.#services.hosts.named(host).length > 0 : this.#services.get(host) !== null;
    const alias = this.#services.aliases.of(host);
    const reason = alias === null ? `there is no service ${host}` : `${host} is another name of ${alias.target}, whose rules are in effect`;
    if (!known) this.#problems.add('warning', ref, ['spec', 'host'], reason);
    for (const [path, policy] of policiesOf(object)) {
      const fault = balancerFault(policy);
      if (fault !== null) this.#problems.add('error', ref, [...path, ...fault.path], `${fault.message}; LEAST_REQUEST takes its place`);
    }
    return true;
  }
}

const NOWHERE: ReadonlySet<string> = new Set();

function isFor({ exportTo }: BoundRule, namespace: string | null): boolean {
  return exportTo === null || (namespace !== null && exportTo.includes(namespace));
}

/** No other namespace sees it. */
function isPrivate({ exportTo, namespace }: BoundRule): boolean {
  return exportTo !== null && exportTo.every((one) => one === namespace);
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
  if (!own.byPort) return { ...base, ...own.blocks };
  const { retryBudget, proxyProtocol } = base;
  return { ...own.blocks, ...(retryBudget !== undefined && { retryBudget }), ...(proxyProtocol !== undefined && { proxyProtocol }) };
}

/** Of a subset, or of the whole: in Istio neither is the other's. */
export function tunnelOf(rule: MergedRule | null, subset: string): TrafficPolicy['tunnel'] {
  return (subset === '' ? rule?.trafficPolicy : subsetOf(rule, subset)?.trafficPolicy)?.tunnel;
}

/** Blocks that are given. */
function atPort(policy: TrafficPolicy | undefined, port: number): { readonly blocks: PolicyBlocks; readonly byPort: boolean } {
  const entry = policy?.portLevelSettings?.find((setting) => setting.port.number === port);
  return { blocks: blocksOf(entry ?? policy ?? {}), byPort: entry !== undefined };
}

function blocksOf({ loadBalancer, connectionPool, outlierDetection, retryBudget, proxyProtocol }: PolicyBlocks): PolicyBlocks {
  return {
    ...(loadBalancer !== undefined && { loadBalancer }),
    ...(connectionPool !== undefined && { connectionPool }),
    ...(outlierDetection !== undefined && { outlierDetection }),
    ...(retryBudget !== undefined && { retryBudget }),
    ...(proxyProtocol !== undefined && { proxyProtocol }),
  };
}

function policiesOf({ spec }: DestinationRule): [FieldPath, LoadBalancer][] {
  return [
    ...balancersOf(spec.trafficPolicy, ['spec', 'trafficPolicy']),
    ...(spec.subsets ?? []).flatMap((subset, index) => balancersOf(subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy'])),
  ];
}

/** Wherever in a rule: a subset or a port of it may ask for them alone. */
function labelsComparedBy(object: DestinationRule): string[] {
  return policiesOf(object).flatMap(([, { localityLbSetting, zoneAwareLbSetting }]) =>
    labelsCompared((zoneAwareLbSetting ?? localityLbSetting)?.failoverPriority),
  );
}

function balancersOf(policy: TrafficPolicy | undefined, path: FieldPath): [FieldPath, LoadBalancer][] {
  const levels = [policy, ...(policy?.portLevelSettings ?? [])];
  return levels.flatMap((level, index): [FieldPath, LoadBalancer][] => {
    const at = index === 0 ? path : [...path, 'portLevelSettings', index - 1];
    return level?.loadBalancer === undefined ? [] : [[[...at, 'loadBalancer'], level.loadBalancer]];
  });
}
