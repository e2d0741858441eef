/** Kubernetes Services as destinations. */
import type { ServiceRef } from '../../../l7/snapshot.ts';
import type { Service, ServicePort } from '../objects.ts';
import type { Endpoints, ServiceEndpoint } from './endpoints.ts';
import { canonicalAddress, serviceHost } from './hosts.ts';
import { type ObjectSet, objectsOf } from './object-set.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { portProtocol, type PortProtocol } from './protocols.ts';

export interface MeshService {
  /** Fully qualified. */
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly object: Service;
  /** Clients get its endpoints' addresses from DNS. */
  readonly headless: boolean;
  readonly addresses: readonly string[];
  readonly ports: readonly MeshPort[];
}

export interface MeshPort extends PortProtocol {
  readonly object: ServicePort;
  readonly number: number;
  readonly ref: ServiceRef;
  readonly endpoints: readonly ServiceEndpoint[];
}

export interface PortOfService {
  readonly service: MeshService;
  readonly port: MeshPort;
}

export class Services {
  /** The oldest first. */
  readonly list: readonly MeshService[];
  readonly #byHost: ReadonlyMap<string, MeshService>;
  readonly #byPort = new Map<number, PortOfService[]>();

  constructor(objects: ObjectSet, endpoints: Endpoints, { clusterDomain }: CompileOptions, problems: ProblemLog) {
    this.list = objectsOf(objects, 'Service').flatMap((service) => {
      if (service.spec?.type !== 'ExternalName') return [meshService(service, endpoints, clusterDomain)];
      problems.add('unsupported', service, ['spec', 'type'], 'ExternalName is not served yet; requests pass to where the name leads');
      return [];
    });
    this.#byHost = new Map(this.list.map((service) => [service.host, service]));
    for (const service of this.list) {
      for (const port of service.ports) {
        const known = this.#byPort.get(port.number);
        if (known === undefined) this.#byPort.set(port.number, [{ service, port }]);
        else known.push({ service, port });
      }
    }
  }

  get(host: string): MeshService | null {
    return this.#byHost.get(host) ?? null;
  }

  /** All that have that port. */
  at(port: number): readonly PortOfService[] {
    return this.#byPort.get(port) ?? [];
  }

  get portNumbers(): readonly number[] {
    return [...this.#byPort.keys()].sort((a, b) => a - b);
  }
}

export function portOf(service: MeshService, number: number): MeshPort | null {
  return service.ports.find((port) => port.number === number) ?? null;
}

function meshService(object: Service, endpoints: Endpoints, clusterDomain: string): MeshService {
  const { name, namespace = '' } = object.metadata;
  const host = serviceHost(name, namespace, clusterDomain);
  const given = [...(object.spec?.clusterIPs ?? []), object.spec?.clusterIP ?? ''];
  const addresses = [...new Set(given.filter((ip) => ip !== '' && ip !== 'None').map(canonicalAddress))];
  const ipv6 = addresses[0]?.includes(':') ?? false;
  const ports = (object.spec?.ports ?? []).filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
  return {
    host,
    name,
    namespace,
    object,
    headless: object.spec?.clusterIP === 'None',
    addresses,
    ports: ports.map((port) => ({
      ...portProtocol(port),
      object: port,
      number: port.port,
      ref: { host, name, namespace, port: port.port },
      endpoints: endpoints.of(object, port, ipv6),
    })),
  };
}
