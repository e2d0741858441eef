/** Destinations: Kubernetes Services, and the hosts of ServiceEntries. */
import { internal } from '../../../base/internal.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input, Table } from '../incremental/table.ts';
import type { Service, ServiceEntry, ServicePort, StringMap } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { refOf } from '../problem.ts';
import { ageOf, byAge, order } from './age.ts';
import { Aliases } from './aliases.ts';
import { GatewayPorts } from './gateway-ports.ts';
import { HostIndex } from './host-index.ts';
import { serviceHost, socketForm } from './hosts.ts';
import { merged } from './merged-services.ts';
import { type AddressClaim, clusterName, type Family, type MeshPort, type MeshService } from './mesh-service.ts';
import type { Mesh } from './mesh-config.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { portProtocol } from './protocols.ts';
import { selects } from './selectors.ts';
import { entryServices } from './service-entries.ts';
import { exportedTo } from './visibility.ts';

const EXPORT_TO = 'networking.istio.io/exportTo';

export class Services {
  /** By their hosts: of several that have one, in the order in which they are preferred. */
  readonly hosts: HostIndex<MeshService>;
  /** Other names of hosts. */
  readonly aliases: Aliases;
  /** By IP address. */
  readonly addressClaims: Index<AddressClaim>;
  /** Numbers of ports that are declared to speak HTTP. */
  readonly httpPorts: Index<true>;
  /** Where Services lead that stand in front of this node's gateways. */
  readonly gatewayPorts: GatewayPorts;
  /** Of ServiceEntries without addresses, by port: connections to any address there are theirs, or those that ask for their host. */
  readonly anywhere: Index<MeshService>;
  /** By namespace and one label of the selector. */
  readonly #bySelector: Index<MeshService>;
  readonly #options: CompileOptions;
  readonly #mesh: Mesh;
  readonly #problems: ProblemLog;
  readonly #services: Input<Packed<Service>, true>;
  readonly #entries: Input<Packed<ServiceEntry>, true>;
  readonly #merged: Table<readonly MeshService[]>;

  constructor(graph: Graph, options: CompileOptions, mesh: Mesh, problems: ProblemLog) {
    this.#mesh = mesh;
    this.#options = options;
    this.#problems = problems;
    this.#services = new Input(graph, 'Service', (packed) => this.#compute(unpack(packed)));
    this.#entries = new Input(graph, 'ServiceEntry', (packed) => this.#computeEntry(unpack(packed)));
    this.hosts = new HostIndex<MeshService>(graph, byPreference);
    this.aliases = new Aliases(graph);
    this.anywhere = new Index<MeshService>(graph, byAge);
    this.#merged = new Table<readonly MeshService[]>(graph, 'merged services', (host) => merged(this.hosts.own(host)));
    this.addressClaims = new Index<AddressClaim>(graph, byAge);
    this.httpPorts = new Index(graph);
    this.gatewayPorts = new GatewayPorts(graph, options);
    this.#bySelector = new Index<MeshService>(graph, byAge);
  }

  set(namespace: string, name: string, object: Packed<Service> | null): void {
    this.#services.set(serviceHost(name, namespace, this.#options.clusterDomain), object);
  }

  /** @param key `namespace/name` */
  setEntry(key: string, object: Packed<ServiceEntry> | null): void {
    this.#entries.set(key, object);
  }

  /** All that have the host, in the order in which they are preferred. */
  all(host: string): readonly MeshService[] {
    const own = this.hosts.own(host);
    return own.length < 2 ? own : this.#merged.get(host);
  }

  /** What clients of that namespace see at the host. @param client null: clients for which nothing is there that others do not see. */
  get(host: string, client: string | null = null): MeshService | null {
    const all = this.all(host);
    if (all.length < 2 && all.every(isPublic)) return all[0] ?? null;
    if (client !== null) {
      // Those that are there for it by name come before those of everyone, and what is of its own namespace before both.
      const seen = [...all.filter((service) => isFor(service, client)), ...all.filter(isPublic)];
      const own = seen.filter(({ namespace }) => namespace === client);
      const candidates = own.length > 0 ? own : seen;
      return candidates.find(({ registry }) => registry === 'kubernetes') ?? candidates[0] ?? null;
    }
    return all.find(isPublic) ?? null;
  }

  /** Namespaces whose clients see another service at the host than most. */
  clientsOfTheirOwn(host: string): string[] {
    const all = this.all(host);
    if (all.length < 2 && all.every(isPublic)) return [];
    const most = this.get(host);
    const named = all.flatMap(({ exportTo, namespace }) => exportTo ?? namespace);
    return [...new Set(named)].filter((namespace) => this.get(host, namespace) !== most).sort();
  }

  /** Those whose selector a pod with these labels meets. */
  selecting(namespace: string, labels: StringMap): MeshService[] {
    const candidates = Object.entries(labels).flatMap((pair) => this.#bySelector.get(selectorKey(namespace, pair)));
    return candidates.filter(({ selector }) => selects(selector ?? {}, labels));
  }

  #compute(object: Service): true {
    const { type, externalName = '' } = object.spec ?? {};
    if (type !== 'ExternalName') {
      this.#emit(this.#meshService(object));
      this.gatewayPorts.emit(object);
    }
    if (type === 'ExternalName' && externalName !== '') this.#emitAlias(object, externalName.toLowerCase());
    return true;
  }

  #emitAlias(object: Service, target: string): void {
    const { created, name, namespace } = ageOf(object);
    const host = serviceHost(name, namespace, this.#options.clusterDomain);
    const ports = uniquePorts(object.spec?.ports ?? []).map(({ port }) => port);
    this.aliases.emit({ created, name, namespace, host, target, ports });
  }

  #computeEntry(object: ServiceEntry): true {
    const exportTo = this.#exportedTo(object.spec.exportTo ?? [], object.metadata.namespace ?? '');
    for (const service of entryServices(object, exportTo)) {
      this.#emit(service);
      const { addresses, entry, ports } = service;
      if (addresses.length > 0 || (entry?.ranges.length ?? 0) > 0) continue;
      for (const { number, declaredHttp } of ports) if (!declaredHttp) this.anywhere.emit(String(number), service);
    }
    return true;
  }

  #exportedTo(said: readonly string[], namespace: string): readonly string[] | null {
    return exportedTo(said, namespace, this.#mesh.get().defaultServiceExportTo);
  }

  #emit(service: MeshService): void {
    const { host, ports, addresses, entry, selector } = service;
    this.hosts.emit(host, service);
    for (const address of [...addresses, ...(entry?.ranges ?? [])]) this.addressClaims.emit(address, service);
    for (const number of new Set(ports.filter(({ declaredHttp }) => declaredHttp).map((port) => port.number))) {
      this.httpPorts.emit(String(number), true);
    }
    const [first] = Object.entries(selector ?? {});
    if (first !== undefined) this.#bySelector.emit(selectorKey(service.namespace, first), service);
  }

  #meshService(object: Service): MeshService {
    const { created, name, namespace } = ageOf(object);
    const { spec } = object;
    const host = internal(serviceHost(name, namespace, this.#options.clusterDomain));
    const addresses = this.#addresses(object);
    const selector = spec?.selector;
    return {
      created,
      name,
      namespace,
      host,
      registry: 'kubernetes',
      headless: spec?.clusterIP === 'None',
      addresses,
      entry: null,
      exportTo: this.#exportedTo(exportAnnotation(object), namespace),
      families: familiesOf(object, addresses),
      selector: selector && Object.keys(selector).length > 0 ? selector : null,
      publishesNotReady: spec?.publishNotReadyAddresses === true,
      distribution: distributionOf(object),
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

/** Nobody squats on the name of a Kubernetes Service, but for the clients of his own namespace. */
function byPreference(a: MeshService, b: MeshService): number {
  return (
    Number(a.registry === 'entry') - Number(b.registry === 'entry') ||
    byAge(a, b) ||
    order(a.entry?.ref.name ?? '', b.entry?.ref.name ?? '')
  );
}

const isPublic = ({ exportTo }: MeshService): boolean => exportTo === null;
const isFor = ({ exportTo }: MeshService, client: string): boolean => exportTo?.includes(client) === true;

function exportAnnotation({ metadata: { annotations } }: Service): readonly string[] {
  return (annotations?.[EXPORT_TO] ?? '').split(',').flatMap((entry) => entry.trim() || []);
}

function selectorKey(namespace: string, [key, value]: readonly [string, string]): string {
  return `${namespace}/${key}=${value}`;
}

/** TCP only; of two ports of one number, which the API refuses, the first. */
function uniquePorts(ports: readonly ServicePort[]): ServicePort[] {
  const tcp = ports.filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
  return tcp.filter((port, index) => tcp.findIndex((other) => other.port === port.port) === index);
}

const FAMILIES: readonly (readonly Family[])[] = [[], [4], [6], [4, 6], [6, 4]];

/** In the order that is preferred; each of the few orders is one list. */
function familiesOf({ spec }: Service, addresses: readonly string[]): readonly Family[] {
  const said = spec?.ipFamilies ?? [];
  const families = said.length > 0 ? said.map((family) => family === 'IPv6') : addresses.map((address) => address.includes(':'));
  const order = [...new Set(families)].map((ipv6) => (ipv6 ? 6 : 4)).join();
  return FAMILIES.find((list) => list.join() === order) as readonly Family[];
}

const DISTRIBUTION = 'networking.istio.io/traffic-distribution';

/** Kubernetes' field, or else Istio's annotation. PreferClose is an older name of PreferSameZone. */
function distributionOf({ spec, metadata }: Service): MeshService['distribution'] {
  const said = (spec?.trafficDistribution ?? metadata.annotations?.[DISTRIBUTION] ?? '').toLowerCase();
  if (said === 'prefersamenode') return 'node';
  return said === 'preferclose' || said === 'prefersamezone' ? 'zone' : null;
}
