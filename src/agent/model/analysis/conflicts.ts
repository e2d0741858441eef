/** Objects that want the same thing, of which one is left without it. */
import type { DestinationRule, Gateway, Pod, Sidecar, StringMap } from '../objects.ts';
import { type ObjectRef, refOf } from '../problem.ts';
import { ageOf, byAge } from '../compile/age.ts';
import { fullName } from '../compile/hosts.ts';
import { selects } from '../compile/selectors.ts';
import { CODE } from './codes.ts';
import type { Say } from './finding.ts';

const nameOf = ({ namespace, name }: ObjectRef): string => `${namespace}/${name}`;
const aged = <T extends { readonly metadata: DestinationRule['metadata'] }>(objects: readonly T[]): T[] =>
  objects.toSorted((a, b) => byAge(ageOf(a as never), ageOf(b as never)));

/** Of several rules of a namespace for one host, the oldest policy and the oldest subset of each name count. */
export function rivalRules(rules: readonly DestinationRule[], clusterDomain: string, say: Say): void {
  const keyOf = ({ metadata: { namespace = '' }, spec }: DestinationRule): string =>
    `${namespace} ${fullName(spec.host, namespace, clusterDomain)}`;
  for (const all of Map.groupBy(aged(rules), keyOf).values()) {
    const policy = all.find(({ spec }) => spec.trafficPolicy !== undefined);
    for (const rule of all) {
      const object = refOf(rule);
      if (rule.spec.trafficPolicy !== undefined && policy !== undefined && policy !== rule) {
        const message = `DestinationRule ${nameOf(refOf(policy))} has a policy for the host already; this one has no effect`;
        say({ code: CODE.policiesConflict, severity: 'warning', object, path: ['spec', 'trafficPolicy'], message });
      }
      (rule.spec.subsets ?? []).forEach(({ name }, index) => {
        const owner = all.find(({ spec }) => spec.subsets?.some((subset) => subset.name === name));
        if (owner === undefined || owner === rule) return;
        const message = `DestinationRule ${nameOf(refOf(owner))} has a subset ${name} already; this one has no effect`;
        say({ code: CODE.policiesConflict, severity: 'warning', object, path: ['spec', 'subsets', index, 'name'], message });
      });
    }
  }
}

/** A pod has one Sidecar. */
export function rivalSidecars(sidecars: readonly Sidecar[], pods: readonly Pod[], say: Say): void {
  const selectorOf = ({ spec }: Sidecar): StringMap => spec.workloadSelector?.labels ?? {};
  for (const all of Map.groupBy(aged(sidecars), ({ metadata }) => metadata.namespace ?? '').values()) {
    const general = all.filter((one) => Object.keys(selectorOf(one)).length === 0);
    for (const later of general.slice(1)) {
      const message = `Sidecar ${nameOf(refOf(general[0] as Sidecar))} is that of the namespace already`;
      say({ code: CODE.sidecarsWithoutSelector, severity: 'error', object: refOf(later), path: [], message });
    }
    const selecting = all.filter((one) => !general.includes(one));
    selecting.forEach((later, index) => {
      const own = pods.filter(({ metadata }) => metadata.namespace === later.metadata.namespace);
      const both = (one: Sidecar): boolean =>
        selects(selectorOf(one), selectorOf(later)) ||
        own.some(({ metadata: { labels = {} } }) => selects(selectorOf(one), labels) && selects(selectorOf(later), labels));
      const first = selecting.slice(0, index).find(both);
      if (first === undefined) return;
      const message = `Sidecar ${nameOf(refOf(first))} selects the same pods`;
      say({ code: CODE.sidecarSelectors, severity: 'error', object: refOf(later), path: ['spec', 'workloadSelector'], message });
    });
  }
}

/** Servers of one port that name the same host. */
export function rivalGateways(gateways: readonly Gateway[], say: Say): void {
  const seen = new Map<string, ObjectRef>();
  for (const gateway of aged(gateways)) {
    const object = refOf(gateway);
    const labels = Object.entries(gateway.spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
    const selector = labels.sort().join();
    gateway.spec.servers.forEach(({ port, hosts }, server) => {
      hosts.forEach((host, index) => {
        const key = `${selector} ${port.number} ${host}`;
        const first = seen.get(key);
        seen.set(key, first ?? object);
        if (first === undefined || nameOf(first) === nameOf(object)) return;
        const message = `Gateway ${nameOf(first)} names ${host} at port ${port.number} too, for the same pods`;
        say({ code: CODE.gatewaysConflict, severity: 'warning', object, path: ['spec', 'servers', server, 'hosts', index], message });
      });
    });
  }
}
