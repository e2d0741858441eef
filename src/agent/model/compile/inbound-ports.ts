/**
 * What a pod of this node receives, by container port: as the services have it that lead to it, or as its Sidecar's ingress listeners
 * have it. What is said of connections to the application becomes a cluster of the pod's own (Istio's `inbound|PORT||`): the Sidecar's
 * connection pool, or that of the service's DestinationRule as the pod itself sees it, or the mesh's.
 */
import type { ClusterConfig, OriginalConfig } from '../../../l7/config/cluster.ts';
import type { ServiceRef } from '../../../l7/config/identity.ts';
import type { InboundPort, Protocol } from '../../../l7/config/workload.ts';
import type { ConnectionPool } from '../objects.ts';
import { byAge } from './age.ts';
import { connectTimeout, poolConfig } from './connection-pools.ts';
import { type DestinationRules, policyOf } from './destination-rules.ts';
import { containerPort, type Endpoints, type LocalEndpoint } from './endpoints.ts';
import { applicationAt, SAME_PLACE } from './ingress-endpoint.ts';
import type { Mesh } from './mesh-config.ts';
import type { MeshPod } from './mesh-pod.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';
import { portProtocol, wireOf } from './protocols.ts';
import type { Services } from './services.ts';
import type { InboundSidecar, Sidecars } from './sidecars.ts';

export interface InboundParts {
  readonly mesh: Mesh;
  readonly services: Services;
  readonly endpoints: Endpoints;
  readonly rules: DestinationRules;
  readonly sidecars: Sidecars;
}

export interface Inbound {
  readonly ports: Readonly<Record<string, InboundPort>>;
  readonly clusters: readonly ClusterConfig[];
}

/** Who leads to a port: the oldest service, by that one of its ports. */
interface Lead {
  readonly service: MeshService;
  readonly port: MeshPort;
}

/** A port as it is received. */
interface Listener {
  readonly number: number;
  readonly protocol: Protocol;
  readonly lead: Lead | undefined;
  /** Whose number a rule's `portLevelSettings` name. */
  readonly ruledPort: number;
  /** Of the Sidecar: it takes the place of the rule's. */
  readonly pool: ConnectionPool | undefined;
  readonly original: OriginalConfig;
}

export function inboundOf(parts: InboundParts, pod: MeshPod): Inbound {
  const leads = leadsTo(parts, pod);
  const sidecar = parts.sidecars.inboundOf(pod.namespace, pod.labels);
  const listeners = sidecar === null || sidecar.ingress.length === 0 ? ofServices(leads, sidecar) : ofSidecar(sidecar, leads, pod);
  const ports: Record<string, InboundPort> = {};
  const clusters: ClusterConfig[] = [];
  for (const listener of listeners) {
    const { cluster, wire } = inboundCluster(parts, pod, sidecar, listener);
    if (cluster !== null) clusters.push(cluster);
    ports[listener.number] = {
      protocol: listener.protocol,
      service: listener.lead?.port.ref ?? null,
      ...(wire === 'client' && { wire }),
      ...(cluster !== null && { cluster: cluster.id }),
    };
  }
  return { ports, clusters };
}

/** By container port. Where several services lead to one port, the oldest says what it speaks. */
function leadsTo({ services, endpoints }: InboundParts, pod: MeshPod): ReadonlyMap<number, Lead> {
  const selecting = services.selecting(pod.namespace, pod.labels);
  const local = Map.groupBy(endpoints.local.get(pod.key), ({ host }) => host);
  const others = [...local.keys()].filter((host) => !selecting.some((service) => service.host === host));
  const all = [...selecting, ...others.flatMap((host) => services.all(host)[0] ?? [])].sort(byAge);
  const leads = new Map<number, Lead>();
  for (const service of all) {
    for (const port of service.ports) {
      for (const number of targets(port, selecting.includes(service) ? pod : null, local.get(service.host) ?? [])) {
        if (!leads.has(number)) leads.set(number, { service, port });
      }
    }
  }
  return leads;
}

/** What a service's port leads to: by its selector, whether ready or not; without one by its endpoints. */
function targets(port: MeshPort, selected: MeshPod | null, local: readonly LocalEndpoint[]): number[] {
  const byName = selected === null ? null : containerPort(selected, port);
  const byEndpoint = local.filter((one) => one.port === port.number).map((one) => one.containerPort);
  return byName === null ? byEndpoint : [byName, ...byEndpoint];
}

function ofServices(leads: ReadonlyMap<number, Lead>, sidecar: InboundSidecar | null): Listener[] {
  return [...leads].map(([number, lead]) => ({
    number,
    protocol: lead.port.protocol,
    lead,
    ruledPort: lead.port.number,
    pool: sidecar?.pool,
    original: SAME_PLACE,
  }));
}

/** Its listeners alone: what comes to another port is passed on as it is. */
function ofSidecar({ ingress, pool }: InboundSidecar, leads: ReadonlyMap<number, Lead>, pod: MeshPod): Listener[] {
  return ingress.flatMap(({ port: { number, protocol }, connectionPool, defaultEndpoint }): Listener[] => {
    if (number === undefined) return [];
    return [
      {
        number,
        protocol: portProtocol({ name: protocol, port: number }).protocol,
        lead: leads.get(number),
        ruledPort: number,
        pool: connectionPool ?? pool,
        original: applicationAt(pod.addresses, number, defaultEndpoint),
      },
    ];
  });
}

/** Null: nothing is said. */
function inboundCluster(
  { mesh, rules }: InboundParts,
  pod: MeshPod,
  sidecar: InboundSidecar | null,
  { number, protocol, lead, ruledPort, pool: sidecarPool, original }: Listener,
): { readonly cluster: ClusterConfig | null; readonly wire: ClusterConfig['wire'] } {
  const { settings, tcpKeepalive, defaultPolicy } = mesh.get();
  // One that is for some of the namespace's clients says nothing of what they receive.
  const rule = lead === undefined ? null : rules.find(pod.namespace, lead.service);
  const policy = { ...defaultPolicy, ...policyOf(rule, '', ruledPort), ...(sidecarPool !== undefined && { connectionPool: sidecarPool }) };
  const wire = wireOf(protocol, { useClientProtocol: policy.connectionPool?.http?.useClientProtocol }, 'DO_NOT_UPGRADE');
  const pool = poolConfig(policy, tcpKeepalive);
  const connectTimeoutMs = connectTimeout(policy);
  if (pool === undefined && connectTimeoutMs === undefined && original === SAME_PLACE) return { cluster: null, wire };
  const name = ['inbound', number, '', ''].join('|');
  const cluster: ClusterConfig = {
    id: `${name}@${pod.key}`,
    name,
    service: lead?.port.ref ?? sidecarRef(sidecar, number),
    balancer: { kind: 'round-robin' },
    connectTimeoutMs: connectTimeoutMs ?? settings.connectTimeoutMs,
    family: 4,
    original,
    ...(pool !== undefined && { pool }),
    ...(wire !== undefined && { wire: wire === 'undeclared' ? 'client' : wire }),
  };
  return { cluster, wire };
}

/** A listener that no service leads to is the Sidecar's own (Istio's name for it). */
function sidecarRef(sidecar: InboundSidecar | null, port: number): ServiceRef {
  const { name = '', namespace = '' } = sidecar ?? {};
  return { host: `${name}.${namespace}`, name, namespace, port };
}
