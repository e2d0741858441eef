/** The enrolled pods of this node: who they are, what they serve, what they see. Those that are leaving stay as they were. */
import type { InboundPort, WorkloadConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import type { Output } from '../incremental/output.ts';
import { Table } from '../incremental/table.ts';
import { byAge } from './age.ts';
import { scopeId } from './client-class.ts';
import type { Clients, ClientScope } from './clients.ts';
import { type DestinationRules, policyOf } from './destination-rules.ts';
import { containerPort, type Endpoints, type LocalEndpoint } from './endpoints.ts';
import type { Telemetries, TelemetrySubject } from './telemetries.ts';
import type { MeshPod } from './mesh-pod.ts';
import type { MeshService } from './mesh-service.ts';
import type { MergedRule } from './merged-rules.ts';
import type { ServedPods } from './served-pods.ts';
import type { Services } from './services.ts';

export interface WorkloadParts {
  readonly served: ServedPods;
  readonly services: Services;
  readonly endpoints: Endpoints;
  readonly clients: Clients;
  readonly rules: DestinationRules;
  readonly telemetries: Telemetries;
  readonly output: Output<WorkloadConfig>;
}

export function compileWorkloads(graph: Graph, parts: WorkloadParts): void {
  const { served, clients, telemetries, output } = parts;
  const workloads = new Table(graph, 'workload', (key) => {
    const pod = served.get(key);
    const client = clients.scopeOf(key);
    if (pod === null || client === null) return null;
    const scope = client.id;
    if ('config' in pod) graph.emit(output, key, { ...pod.config, scope });
    else {
      const { identity, addresses } = pod;
      const telemetry = telemetries.ofWorkload(subjectOf(pod));
      const inbound = inboundPorts(parts, pod, client);
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
function inboundPorts({ services, endpoints, rules }: WorkloadParts, pod: MeshPod, client: ClientScope): Record<string, InboundPort> {
  const selecting = services.selecting(pod.namespace, pod.labels);
  const local = Map.groupBy(endpoints.local.get(pod.key), ({ host }) => host);
  const others = [...local.keys()].filter((host) => !selecting.some((service) => service.host === host));
  const all = [...selecting, ...others.flatMap((host) => services.all(host)[0] ?? [])].sort(byAge);
  const own = scopeId(client.namespace, client.labels);
  const ports: Record<string, InboundPort> = {};
  for (const service of all) {
    // A proxy has its own service's rule for what it receives, too, as far as that says which protocol is spoken.
    const rule = rules.find(own, service);
    for (const [number, port] of targets(service, rule, selecting.includes(service) ? pod : null, local.get(service.host) ?? []))
      ports[number] ??= port;
  }
  return ports;
}

/** What a service leads to: by its selector, whether ready or not; without one by its endpoints. */
function targets(
  service: MeshService,
  rule: MergedRule | null,
  selected: MeshPod | null,
  local: readonly LocalEndpoint[],
): [number: number, port: InboundPort][] {
  return service.ports.flatMap((port) => {
    const byClient = policyOf(rule, '', port.number).connectionPool?.http?.useClientProtocol === true;
    const inbound: InboundPort = { protocol: port.protocol, service: port.ref, ...(byClient && { wire: 'client' }) };
    const byName = selected === null ? null : containerPort(selected, port);
    const numbers = [
      ...(byName === null ? [] : [byName]),
      ...local.filter((one) => one.port === port.number).map((one) => one.containerPort),
    ];
    return numbers.map((number): [number, InboundPort] => [number, inbound]);
  });
}
