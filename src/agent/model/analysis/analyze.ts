/** Everything that can be said of the objects of a store among each other, with codes. */
import type { CompileOptions } from '../compile/index.ts';
import { Compiler } from '../compile/index.ts';
import { pathText, placeOf, type Problem } from '../problem.ts';
import type { ObjectStore } from '../store.ts';
import { codeOf } from './codes.ts';
import { rivalGateways, rivalRules, rivalSidecars } from './conflicts.ts';
import { emptySubsets, portsNeeded, servicesByHost, unreachableEntries } from './destinations.ts';
import type { Finding } from './finding.ts';
import { deprecatedFields, idleGateways, idleSidecars, namelessProtocols } from './selected.ts';

export interface CodedProblem extends Problem {
  readonly code: string;
}

export function analyze(store: ObjectStore, options: CompileOptions): CodedProblem[] {
  const alone = store.problems().map((problem) => ({ ...problem, code: codeOf(problem, true) }));
  const compiler = new Compiler(options, (ref) => store.origin(ref));
  compiler.apply(store.takeChanges());
  const among = compiler.problems().map((problem) => ({ ...problem, code: codeOf(problem, false) }));
  const found = findings(store, options).map(({ path, ...finding }): CodedProblem => {
    return { ...finding, path: pathText(path), ...placeOf(store.origin(finding.object), path) };
  });
  return [...alone, ...among, ...found];
}

function findings(store: ObjectStore, options: CompileOptions): Finding[] {
  const { clusterDomain } = options;
  const found: Finding[] = [];
  const say = (finding: Finding): void => void found.push(finding);
  // Each list reads its objects anew.
  const rules = store.list('VirtualService');
  const policies = store.list('DestinationRule');
  const services = store.list('Service');
  const pods = store.list('Pod');
  const sidecars = store.list('Sidecar');
  const gateways = store.list('Gateway');
  const byHost = servicesByHost(services, clusterDomain);
  portsNeeded(rules, byHost, clusterDomain, say);
  rivalRules(policies, clusterDomain, say);
  emptySubsets(policies, byHost, pods, clusterDomain, say);
  rivalSidecars(sidecars, pods, say);
  idleSidecars(sidecars, pods, say);
  rivalGateways(gateways, say);
  idleGateways(gateways, pods, options, say);
  namelessProtocols(services, say);
  deprecatedFields(rules, say);
  unreachableEntries(store.list('ServiceEntry'), say);
  return found;
}
