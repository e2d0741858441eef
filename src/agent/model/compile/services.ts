/** Kubernetes Services as destinations. */
import type { ServiceRef } from '../../../l7/config/identity.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import type { Service, ServicePort, StringMap } from '../objects.ts';
import { refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import { HostIndex } from './host-index.ts';
import { serviceHost, socketForm } from './hosts.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { portProtocol, type PortProtocol } from './protocols.ts';
import { selects } from './selectors.ts';

export type Family = 4 | 6;

export interface MeshService extends Aged {
  /** Fully qualified. */
  readonly host: string;
  /** Clients get its endpoints' addresses from DNS. */
  readonly headless: boolean;
  readonly addresses: readonly string[];
  /** In the order of preference; empty: it says nothing about them. */
  readonly families: readonly Family[];
  /** Null: its endpoints are not found by labels. */
  readonly selector: StringMap | null;
  readonly publishesNotReady: boolean;
  readonly ports: readonly MeshPort[];
}

export interface MeshPort extends PortProtocol {
  readonly name: string;
  readonly number: number;
  readonly targetPort: number | string | undefined;
  readonly ref: ServiceRef;
  /** Istio's name of the cluster of all of its endpoints. */
  readonly cluster: string;
}

/** Who claims an address, at which ports. VirtualServices claim one as a name only, at none. */
export interface AddressClaim extends Aged {
  readonly host: string;
  readonly ports: readonly Pick<MeshPort, 'number'>[];
}

export class Services {
  /** By their hosts. */
  readonly hosts: HostIndex<MeshService>;
  /** By IP address. */
  readonly addressClaims: Index<AddressClaim>;
  /** Numbers of ports that are declared to speak HTTP. */
  readonly httpPorts: Index<true>;
  /** By namespace and one label of the selector. */
  readonly #bySelector: Index<MeshService>;
  readonly #options: CompileOptions;
  readonly #problems: ProblemLog;
  readonly #services: Input<Service, MeshService>;

  constructor(graph: Graph, options: CompileOptions, problems: ProblemLog) {
    this.#options = options;
    this.#problems = problems;
    this.#services = new Input(graph, 'Service', (object) => this.#compute(object));
    this.hosts = new HostIndex<MeshService>(graph, byAge);
    this.addressClaims = new Index<AddressClaim>(graph, byAge);
    this.httpPorts = new Index(graph);
    this.#bySelector = new Index<MeshService>(graph, byAge);
  }

  set(namespace: string, name: string, object: Service | null): void {
    this.#services.set(serviceHost(name, namespace, this.#options.clusterDomain), object);
  }

  get(host: string): MeshService | null {
    return this.#services.get(host);
  }

  /** Those whose selector a pod with these labels meets. */
  selecting(namespace: string, labels: StringMap): MeshService[] {
    const candidates = Object.entries(labels).flatMap((pair) => this.#bySelector.get(selectorKey(namespace, pair)));
    return candidates.filter(({ selector }) => selects(selector ?? {}, labels));
  }

  #compute(object: Service): MeshService | null {
    if (object.spec?.type === 'ExternalName') {
      const message = 'ExternalName is not served yet; requests pass to where the name leads';
      this.#problems.add('unsupported', refOf(object), ['spec', 'type'], message);
      return null;
    }
    const service = this.#meshService(object);
    const { host, ports, addresses, selector } = service;
    this.hosts.emit(host, service);
    for (const address of addresses) this.addressClaims.emit(address, service);
    for (const number of new Set(ports.filter(({ declaredHttp }) => declaredHttp).map((port) => port.number))) {
      this.httpPorts.emit(String(number), true);
    }
    const [first] = Object.entries(selector ?? {});
    if (first !== undefined) this.#bySelector.emit(selectorKey(service.namespace, first), service);
    return service;
  }

  #meshService(object: Service): MeshService {
    const { name, namespace = '' } = object.metadata;
    const { spec } = object;
    const host = serviceHost(name, namespace, this.#options.clusterDomain);
    const addresses = this.#addresses(object);
    const selector = spec?.selector;
    return {
      created: ageOf(object).created,
      name,
      namespace,
      host,
      headless: spec?.clusterIP === 'None',
      addresses,
      families: familiesOf(object, addresses),
      selector: selector && Object.keys(selector).length > 0 ? selector : null,
      publishesNotReady: spec?.publishNotReadyAddresses === true,
      ports: uniquePorts(spec?.ports ?? []).map((port): MeshPort => {
        const { protocol, declaredHttp, routed } = portProtocol(port);
        return {
          name: port.name ?? '',
          number: port.port,
          targetPort: port.targetPort,
          protocol,
          declaredHttp,
          routed,
          ref: { host, name, namespace, port: port.port },
          cluster: clusterName(port.port, '', host),
        };
      }),
    };
  }

  #addresses(object: Service): string[] {
    const { clusterIPs, clusterIP } = object.spec ?? {};
    const found = new Set<string>();
    for (const [index, ip] of [...(clusterIPs ?? []), clusterIP ?? ''].entries()) {
      if (ip === '' || ip === 'None') continue;
      const address = socketForm(ip);
      const path = index < (clusterIPs?.length ?? 0) ? ['spec', 'clusterIPs', index] : ['spec', 'clusterIP'];
      if (address === null) this.#problems.add('error', refOf(object), path, `"${ip}" is no IP address; it is left out`);
      else found.add(address);
    }
    return [...found];
  }
}

/** `outbound|80|v1|reviews.default.svc.cluster.local` */
export function clusterName(port: number, subset: string, host: string): string {
  // Joined, so that it is no chain of its parts.
  return ['outbound', port, subset, host].join('|');
}

export function portOf(service: MeshService, number: number): MeshPort | null {
  return service.ports.find((port) => port.number === number) ?? null;
}

function selectorKey(namespace: string, [key, value]: readonly [string, string]): string {
  return `${namespace}/${key}=${value}`;
}

/** TCP only; of two ports of one number, which the API refuses, the first. */
function uniquePorts(ports: readonly ServicePort[]): ServicePort[] {
  const tcp = ports.filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
  return tcp.filter((port, index) => tcp.findIndex((other) => other.port === port.port) === index);
}

function familiesOf({ spec }: Service, addresses: readonly string[]): Family[] {
  const said = spec?.ipFamilies ?? [];
  const families = said.length > 0 ? said.map((family) => family === 'IPv6') : addresses.map((address) => address.includes(':'));
  return [...new Set(families.map((ipv6): Family => (ipv6 ? 6 : 4)))];
}
