/** The enrolled pods of this node: who they are, what they serve, what they see. Those that are leaving stay as they were. */
import type { InboundPort, WorkloadConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import type { Output } from '../incremental/output.ts';
import { Table } from '../incremental/table.ts';
import { byAge } from './age.ts';
import type { Clients } from './clients.ts';
import { containerPort, type Endpoints, type LocalEndpoint } from './endpoints.ts';
import type { Telemetries, TelemetrySubject } from './telemetries.ts';
import type { MeshPod } from './mesh-pod.ts';
import type { MeshService } from './mesh-service.ts';
import type { ServedPods } from './served-pods.ts';
import type { Services } from './services.ts';

export interface WorkloadParts {
  readonly served: ServedPods;
  readonly services: Services;
  readonly endpoints: Endpoints;
  readonly clients: Clients;
  readonly telemetries: Telemetries;
  readonly output: Output<WorkloadConfig>;
}

export function compileWorkloads(graph: Graph, { served, services, endpoints, clients, telemetries, output }: WorkloadParts): void {
  const workloads = new Table(graph, 'workload', (key) => {
    const pod = served.get(key);
    const scope = clients.scopeOf(key)?.id;
    if (pod === null || scope === undefined) return null;
    if ('config' in pod) graph.emit(output, key, { ...pod.config, scope });
    else {
      const { identity, addresses } = pod;
      const telemetry = telemetries.ofWorkload(subjectOf(pod));
      const inbound = inboundPorts(pod, services, endpoints);
      graph.emit(output, key, {
        identity,
        addresses,
        scope,
        inbound,
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

/** By container port. Where several services lead to one port, the oldest says what it speaks. */
function inboundPorts(pod: MeshPod, services: Services, endpoints: Endpoints): Record<string, InboundPort> {
  const selecting = services.selecting(pod.namespace, pod.labels);
  const local = Map.groupBy(endpoints.local.get(pod.key), ({ host }) => host);
  const others = [...local.keys()].filter((host) => !selecting.some((service) => service.host === host));
  const all = [...selecting, ...others.flatMap((host) => services.all(host)[0] ?? [])].sort(byAge);
  const ports: Record<string, InboundPort> = {};
  for (const service of all) {
    for (const [number, port] of targets(service, selecting.includes(service) ? pod : null, local.get(service.host) ?? []))
      ports[number] ??= port;
  }
  return ports;
}

/** What a service leads to: by its selector, whether ready or not; without one by its endpoints. */
function targets(service: MeshService, selected: MeshPod | null, local: readonly LocalEndpoint[]): [number: number, port: InboundPort][] {
  return service.ports.flatMap((port) => {
    const inbound: InboundPort = { protocol: port.protocol, service: port.ref };
    const byName = selected === null ? null : containerPort(selected, port);
    const numbers = [
      ...(byName === null ? [] : [byName]),
      ...local.filter((one) => one.port === port.number).map((one) => one.containerPort),
    ];
    return numbers.map((number): [number, InboundPort] => [number, inbound]);
  });
}
