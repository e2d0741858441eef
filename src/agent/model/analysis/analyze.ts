/** Everything that can be said of the objects of a store among each other, with codes. */
import type { CompileOptions } from '../compile/index.ts';
import { Compiler } from '../compile/index.ts';
import { pathText, placeOf, type Problem } from '../problem.ts';
import type { ObjectStore } from '../store.ts';
import { codeOf } from './codes.ts';
import { rivalGateways, rivalRules, rivalSidecars } from './conflicts.ts';
import { emptySubsets, portsNeeded, servicesByHost, unreachableEntries } from './destinations.ts';
import type { Finding } from './finding.ts';

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

function findings(store: ObjectStore, { clusterDomain }: CompileOptions): Finding[] {
  const found: Finding[] = [];
  const say = (finding: Finding): void => void found.push(finding);
  const rules = store.list('VirtualService');
  const policies = store.list('DestinationRule');
  const services = servicesByHost(store.list('Service'), clusterDomain);
  portsNeeded(rules, services, clusterDomain, say);
  rivalRules(policies, clusterDomain, say);
  emptySubsets(policies, services, store.list('Pod'), clusterDomain, say);
  rivalSidecars(store.list('Sidecar'), say);
  rivalGateways(store.list('Gateway'), say);
  unreachableEntries(store.list('ServiceEntry'), say);
  return found;
}
