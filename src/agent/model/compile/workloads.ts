/** The enrolled pods of this node: who they are, what they serve, what they see. */
import type { InboundPort, WorkloadConfig } from '../../../l7/snapshot.ts';
import { containerPort, type Endpoints } from './endpoints.ts';
import type { MeshPod } from './pods.ts';
import type { Scopes } from './scopes.ts';
import type { MeshService, Services } from './services.ts';

export function workloadConfigs(
  pods: readonly MeshPod[],
  services: Services,
  endpoints: Endpoints,
  scopes: Scopes,
): Record<string, WorkloadConfig> {
  const inbound = inboundPorts(pods, services, endpoints);
  return Object.fromEntries(
    pods.map(({ key, identity, addresses, object }): [string, WorkloadConfig] => {
      const scope = scopes.of(object.metadata.namespace ?? '', object.metadata.labels ?? {});
      return [key, { key, identity, addresses, scope, inbound: inbound.get(key) ?? {} }];
    }),
  );
}

/** By pod and container port. Where several services lead to one port, the oldest says what it speaks. */
function inboundPorts(pods: readonly MeshPod[], services: Services, endpoints: Endpoints): Map<string, Record<string, InboundPort>> {
  const ports = new Map<string, Record<string, InboundPort>>(pods.map(({ key }) => [key, {}]));
  for (const service of services.list) {
    for (const { pod, number, port } of targets(service, endpoints)) {
      const known = ports.get(pod);
      if (known !== undefined) known[number] ??= port;
    }
  }
  return ports;
}

/** What a service leads to: by its selector, whether ready or not; without one by its endpoints. */
function targets(service: MeshService, endpoints: Endpoints): { pod: string; number: number; port: InboundPort }[] {
  const selected = endpoints.selected(service.object);
  return service.ports.flatMap((port) => {
    const inbound: InboundPort = { protocol: port.protocol, service: port.ref };
    const byName = selected.flatMap((pod) => {
      const number = containerPort(pod.object, port.object);
      return number === null ? [] : [{ pod: pod.key, number, port: inbound }];
    });
    const byEndpoint = port.endpoints.flatMap(({ config }) =>
      config.local === null ? [] : [{ pod: config.local, number: config.port, port: inbound }],
    );
    return [...byName, ...byEndpoint];
  });
}
