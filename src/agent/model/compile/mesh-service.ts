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
  /** Where several of its namespace have the host: all of them, whose endpoints it has together. */
  readonly parts?: readonly MeshService[];
}

export interface EntryPart {
  /** Others of its namespace for the same host give it their ports if they have the same. */
  readonly likeness: string;
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
  /** Where several of a namespace have the host: the addresses and ranges of those that have the port. */
  readonly addresses?: readonly string[];
  /** Those of the youngest of them: clients may ask for these as for names. */
  readonly asNames?: readonly string[];
  /** It leads nowhere: clients meet it at its addresses and by its name, and there is no cluster. */
  readonly leadsNowhere?: true;
}

export function isRange(address: string): boolean {
  return address.includes('/');
}

/** Addresses and ranges at which clients find a port of a service. */
export function addressesAt({ addresses, entry }: MeshService, port: MeshPort): readonly string[] {
  return port.addresses ?? (entry === null ? addresses : [...addresses, ...entry.ranges]);
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
