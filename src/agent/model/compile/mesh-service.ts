/** A destination as the parts of the compiler see it: a Kubernetes Service, or a host of a ServiceEntry. */
import type { Locality } from './localities.ts';
import type { EndpointConfig } from '../../../l7/config/cluster.ts';
import type { ServiceRef } from '../../../l7/config/identity.ts';
import type { StringMap, WorkloadFields } from '../objects.ts';
import type { ObjectRef } from '../problem.ts';
import type { Aged } from './age.ts';
import type { PortProtocol } from './protocols.ts';

export type Family = 4 | 6;

export type TrafficDistribution = 'zone' | 'node';

export interface MeshService extends Aged {
  /** Fully qualified. */
  readonly host: string;
  readonly registry: 'kubernetes' | 'entry';
  /** Clients get its endpoints' addresses from DNS. */
  readonly headless: boolean;
  readonly addresses: readonly string[];
  /** What only a ServiceEntry says; null: a Kubernetes Service. */
  readonly entry: EntryPart | null;
  /** Namespaces of clients for which it is there; null: all. */
  readonly exportTo: readonly string[] | null;
  /** In the order of preference; empty: it says nothing about them. */
  readonly families: readonly Family[];
  /** Null: its endpoints are not found by labels. */
  readonly selector: StringMap | null;
  readonly publishesNotReady: boolean;
  /** Whose endpoints it prefers: those of the client's zone, or of its node; null: it says nothing about that. */
  readonly distribution: TrafficDistribution | null;
  readonly ports: readonly MeshPort[];
}

export interface EntryPart {
  readonly ref: ObjectRef;
  /**
   * Where its endpoints are: `original`, wherever the connection was going; `given`, as written or selected; `dns`, at all addresses
   * of names; `first`, at the first one.
   */
  readonly resolution: 'original' | 'given' | 'dns' | 'first';
  /** Ranges of addresses that are its own, `10.0.0.0/8`. */
  readonly ranges: readonly string[];
  readonly endpoints: readonly WorkloadFields[];
  /** Of the endpoints, within `spec.endpoints`; nothing is written there for a host that stands for itself. */
  readonly named: boolean;
}

export interface MeshPort extends PortProtocol {
  readonly name: string;
  readonly number: number;
  readonly targetPort: number | string | undefined;
  readonly ref: ServiceRef;
  /** Istio's name of the cluster of all of its endpoints. */
  readonly cluster: string;
  /** Where several ServiceEntries of a namespace give the host together: the one that gives the port. */
  readonly part?: MeshService;
}

/** What gives a port of a service: where its endpoints and addresses are. */
export function partOf(service: MeshService, port: MeshPort): MeshService {
  return port.part ?? service;
}

/** ServiceEntries of one namespace for one host are one service: a port is the oldest one's that has it. */
export function merged(services: readonly MeshService[]): MeshService[] {
  const all = new Map<string, MeshService>();
  for (const service of services) {
    const key = `${service.registry} ${service.namespace} ${service.exportTo?.join() ?? '*'}`;
    const known = all.get(key);
    all.set(key, known === undefined ? service : withPortsOf(known, service));
  }
  return [...all.values()];
}

function withPortsOf(service: MeshService, other: MeshService): MeshService {
  const own = service.ports.map((port): MeshPort => ({ ...port, part: partOf(service, port) }));
  const more = other.ports.filter(({ number }) => !own.some((port) => port.number === number));
  const addresses = [...new Set([...service.addresses, ...other.addresses])];
  return { ...service, addresses, ports: [...own, ...more.map((port): MeshPort => ({ ...port, part: other }))] };
}

/** Who stands behind a service's port. */
export interface ServiceEndpoint {
  readonly config: EndpointConfig;
  readonly labels: StringMap;
  /** Its own name below a headless service's; empty: none. */
  readonly hostname: string;
  readonly locality: Locality;
  /** Its node, where that is known. */
  readonly node: string | undefined;
}

/** Who claims an address, at which ports. VirtualServices claim one as a name only, at none. */
export interface AddressClaim extends Aged {
  readonly host: string;
  readonly ports: readonly Pick<MeshPort, 'number'>[];
}

/** `outbound|80|v1|reviews.default.svc.cluster.local` */
export function clusterName(port: number, subset: string, host: string): string {
  // Joined, so that it is no chain of its parts.
  return ['outbound', port, subset, host].join('|');
}

export function portOf(service: MeshService, number: number): MeshPort | null {
  return service.ports.find((port) => port.number === number) ?? null;
}
