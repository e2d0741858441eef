/**
 * Objects to a snapshot, as a pure function. Each part below turns one kind of object into one kind of record:
 *
 *     ConfigMap istio ────> mesh-config ──────────────────────────────────────────────┐
 *     Pods, owners ───────> pods (identity, enrolment) ─┬─> workloads                 │
 *     Services, slices ───> endpoints, services ────────┴─> clusters                  ├─> Snapshot
 *     DestinationRules ───> destination-rules ─────────────┘                          │
 *     VirtualServices ────> virtual-services ─> routes ─> virtual-hosts ─> scopes     │
 *     Gateways ───────────> gateways ─────────────┘───────────────────────────────────┘
 *
 * Invariant (test/agent/model/compile/sharing.test.ts): a part that is equal to that of `previous` is that part.
 */
import type { Snapshot } from '../../../l7/snapshot.ts';
import type { Problem } from '../problem.ts';
import { clusterConfigs, ClusterIds } from './clusters.ts';
import { crossCheck } from './cross-checks.ts';
import { DestinationRules } from './destination-rules.ts';
import { Endpoints } from './endpoints.ts';
import { appliesHere, gatewayConfigs, listGateways } from './gateways.ts';
import { type MeshConfig, meshConfig } from './mesh-config.ts';
import type { ObjectSet } from './object-set.ts';
import type { CompileOptions } from './options.ts';
import { type EnrolledPod, isEnrolled, type LocalPod, Pods } from './pods.ts';
import { ProblemLog } from './problem-log.ts';
import type { RouteSource } from './routes.ts';
import { Scopes } from './scopes.ts';
import { Services } from './services.ts';
import { share } from './share.ts';
import { MeshVirtualHosts } from './virtual-hosts.ts';
import { VirtualServices } from './virtual-services.ts';
import { workloadConfigs } from './workloads.ts';

export type { ObjectSet } from './object-set.ts';
export type { CompileOptions } from './options.ts';
export type { EnrolledPod, LocalPod } from './pods.ts';

export interface Compiled {
  readonly snapshot: Snapshot;
  /** Of the objects among each other; those of each alone are found before they get here. */
  readonly problems: readonly Problem[];
  /** Those of this node whose traffic is to be taken over. */
  readonly pods: readonly EnrolledPod[];
  /** All of this node, with the reason why they are enrolled or not. */
  readonly localPods: readonly LocalPod[];
  readonly mesh: MeshConfig;
}

export function compile(objects: ObjectSet, options: CompileOptions, previous?: Compiled): Compiled {
  const log = new ProblemLog(objects);
  const mesh = meshConfig(objects, options, log, previous?.mesh);
  const pods = new Pods(objects, options, log);
  const parts = { ...compileParts(objects, options, log, mesh, pods), mesh: mesh.settings };
  const localPods = pods.list.flatMap(({ local }) => (local === null ? [] : [local]));
  const next = {
    snapshot: nextSnapshot(parts, previous?.snapshot),
    problems: log.list(),
    pods: localPods.filter(isEnrolled),
    localPods,
    mesh,
  };
  return share(previous, next);
}

function compileParts(
  objects: ObjectSet,
  options: CompileOptions,
  problems: ProblemLog,
  mesh: MeshConfig,
  pods: Pods,
): Pick<Snapshot, 'workloads' | 'scopes' | 'gateways' | 'clusters'> {
  const endpoints = new Endpoints(objects, pods);
  const services = new Services(objects, endpoints, options, problems);
  const rules = new DestinationRules(objects, options);
  const virtualServices = new VirtualServices(objects, options);
  const gateways = listGateways(objects);
  const source: RouteSource = { options, mesh, services, rules, ids: new ClusterIds(services, rules), problems };
  crossCheck({ options, services, rules, gateways, virtualServices, problems });
  const scopes = new Scopes(source, new MeshVirtualHosts(source, virtualServices), virtualServices);
  const enrolled = pods.list.filter(({ local }) => local?.enrolled === true);
  const workloads = workloadConfigs(enrolled, services, endpoints, scopes);
  const clients = new Set(Object.values(scopes.configs).map(({ namespace }) => namespace));
  if (gateways.some((gateway) => appliesHere(gateway, options))) clients.add(options.agentNamespace);
  return {
    workloads,
    scopes: scopes.configs,
    gateways: gatewayConfigs(gateways, virtualServices, source),
    clusters: clusterConfigs({ ...source, connectTimeoutMs: mesh.settings.connectTimeoutMs }, [...clients]),
  };
}

/** The same snapshot when nothing changed, else the next version. */
function nextSnapshot(parts: Omit<Snapshot, 'version'>, previous: Snapshot | undefined): Snapshot {
  if (previous === undefined) return { version: 1, ...parts };
  const next = share(previous, { version: previous.version, ...parts });
  return next === previous ? previous : { ...next, version: previous.version + 1 };
}
