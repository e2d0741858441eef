/** The enrolled pods of this node: who they are, what they serve, what they see. Those that are leaving stay as they were. */
import type { ClusterConfig } from '../../../l7/config/cluster.ts';
import type { WorkloadConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import type { Target } from '../incremental/cell.ts';
import type { Output } from '../incremental/output.ts';
import { Table } from '../incremental/table.ts';
import type { Clients } from './clients.ts';
import { inboundOf, type InboundParts } from './inbound-ports.ts';
import type { Telemetries, TelemetrySubject } from './telemetries.ts';
import type { MeshPod } from './mesh-pod.ts';
import type { ServedPods } from './served-pods.ts';

export interface WorkloadParts extends InboundParts {
  readonly served: ServedPods;
  readonly clients: Clients;
  readonly telemetries: Telemetries;
  readonly output: Output<WorkloadConfig>;
  /** Of what pods receive. */
  readonly clusters: Target;
}

export function compileWorkloads(graph: Graph, parts: WorkloadParts): void {
  const { served, clients, telemetries, output, clusters } = parts;
  const emitClusters = (all: readonly ClusterConfig[]): void => {
    for (const cluster of all) graph.emit(clusters, cluster.id, cluster);
  };
  const workloads = new Table(graph, 'workload', (key) => {
    const pod = served.get(key);
    const client = clients.scopeOf(key);
    if (pod === null || client === null) return null;
    const scope = client.id;
    if ('config' in pod) {
      graph.emit(output, key, { ...pod.config, scope });
      emitClusters(pod.clusters);
    } else {
      const { identity, addresses } = pod;
      const telemetry = telemetries.ofWorkload(subjectOf(pod));
      const inbound = inboundOf(parts, pod);
      emitClusters(inbound.clusters);
      graph.emit(output, key, {
        identity,
        addresses,
        scope,
        inbound: inbound.ports,
        ...(telemetry !== undefined && { telemetry }),
      } satisfies WorkloadConfig);
    }
    return null;
  });
  served.pods.each(workloads);
}

function subjectOf({ namespace, name, labels, identity, addresses }: MeshPod): TelemetrySubject {
  return { namespace, labels, identity, nodeId: `sidecar~${addresses[0] ?? ''}~${name}.${namespace}~${namespace}.svc.cluster.local` };
}
