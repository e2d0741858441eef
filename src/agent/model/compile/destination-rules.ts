/** DestinationRules: which one a client's traffic to a service obeys, and what it says of a subset and port. */
import { type DestinationRule, type LoadBalancer, type PolicyBlocks, type Subset, type TrafficPolicy } from '../objects.ts';
import { fullName, mostSpecific } from './hosts.ts';
import { type ObjectSet, objectsOf } from './object-set.ts';
import type { CompileOptions } from './options.ts';

/** All rules of a namespace for one host, merged in the order of their age. */
export interface MergedRule {
  readonly sources: DestinationRule[];
  trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: Map<string, Subset>;
}

export class DestinationRules {
  readonly objects: readonly DestinationRule[];
  readonly #rootNamespace: string;
  /** By namespace of the rule, then by host. */
  readonly #index = new Map<string, Map<string, MergedRule>>();

  constructor(objects: ObjectSet, { clusterDomain, rootNamespace }: CompileOptions) {
    this.#rootNamespace = rootNamespace;
    this.objects = objectsOf(objects, 'DestinationRule');
    for (const rule of this.objects) {
      const namespace = rule.metadata.namespace ?? '';
      const hosts = this.#index.get(namespace) ?? new Map<string, MergedRule>();
      this.#index.set(namespace, hosts);
      const host = fullName(rule.spec.host, namespace, clusterDomain);
      const merged = hosts.get(host) ?? { sources: [], trafficPolicy: undefined, subsets: new Map() };
      hosts.set(host, merge(merged, rule));
    }
  }

  /** The first of these namespaces that has a rule for the host: the client's, the service's, the root. Nothing is inherited between them. */
  find(client: string, service: { readonly host: string; readonly namespace: string }): MergedRule | null {
    const own = client === this.#rootNamespace ? null : this.#inNamespace(client, service.host);
    return own ?? this.#shared(service);
  }

  /** Whether clients of that namespace see another rule than most. */
  differs(client: string, service: { readonly host: string; readonly namespace: string }): boolean {
    return this.concern(client) && this.find(client, service) !== this.#shared(service);
  }

  /** Whether clients of that namespace have rules of their own. */
  concern(client: string): boolean {
    return this.#index.has(client);
  }

  #shared({ host, namespace }: { readonly host: string; readonly namespace: string }): MergedRule | null {
    return this.#inNamespace(namespace, host) ?? this.#inNamespace(this.#rootNamespace, host);
  }

  #inNamespace(namespace: string, host: string): MergedRule | null {
    const hosts = this.#index.get(namespace);
    return hosts === undefined ? null : mostSpecific(host, hosts);
  }
}

/** The oldest policy stays as a whole; subsets are collected, the oldest of a name wins. */
function merge(merged: MergedRule, rule: DestinationRule): MergedRule {
  merged.sources.push(rule);
  merged.trafficPolicy ??= rule.spec.trafficPolicy;
  for (const subset of rule.spec.subsets ?? []) {
    if (!merged.subsets.has(subset.name)) merged.subsets.set(subset.name, subset);
  }
  return merged;
}

/**
 * The load balancing of a subset (empty: none) at a port. An entry for a port replaces its whole level; a subset's blocks replace
 * those of the rule one by one, and its entry for a port all of them.
 */
export function loadBalancerOf(rule: MergedRule | null, subset: string, port: number): LoadBalancer | undefined {
  if (rule === null) return undefined;
  const base = atPort(rule.trafficPolicy, port);
  const own = atPort(rule.subsets.get(subset)?.trafficPolicy, port);
  return own.byPort ? own.blocks.loadBalancer : (own.blocks.loadBalancer ?? base.blocks.loadBalancer);
}

function atPort(policy: TrafficPolicy | undefined, port: number): { readonly blocks: PolicyBlocks; readonly byPort: boolean } {
  const entry = policy?.portLevelSettings?.find((setting) => setting.port.number === port);
  return { blocks: entry ?? policy ?? {}, byPort: entry !== undefined };
}
