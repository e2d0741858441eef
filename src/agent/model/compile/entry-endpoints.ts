/**
 * Endpoints that ServiceEntries and WorkloadEntries give: addresses as written, those that DNS has for a name, and WorkloadEntries that
 * a selector of a ServiceEntry or of a Kubernetes Service meets.
 */
import { isIP } from 'node:net';
import { type Identity, UNKNOWN_IDENTITY } from '../../../l7/config/identity.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Output } from '../incremental/output.ts';
import { Input, Table } from '../incremental/table.ts';
import type { StringMap, WorkloadEntry, WorkloadFields } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { refOf } from '../problem.ts';
import { isUnixAddress } from '../schema/workload-entry.ts';
import { ageOf, byAge } from './age.ts';
import { socketForm } from './hosts.ts';
import { localityOf } from './localities.ts';
import type { EntryPart, MeshPort, MeshService, ServiceEndpoint } from './mesh-service.ts';
import type { ProblemLog } from './problem-log.ts';
import type { Resolution } from './resolution.ts';
import { selects } from './selectors.ts';

/** Of a name that has more addresses, the rest is left out: a worker holds pools for each. */
const MAX_ADDRESSES = 1000;

interface MeshWorkload {
  readonly created: number;
  readonly name: string;
  readonly namespace: string;
  readonly fields: WorkloadFields;
  readonly labels: StringMap;
  readonly identity: Identity;
}

const NO_LABELS: StringMap = {};

export class EntryEndpoints {
  /** Names that DNS is to be asked for. */
  readonly names = new Output<true>();
  readonly #names: Index<true>;
  readonly #problems: ProblemLog;
  readonly #workloads: Input<Packed<WorkloadEntry>, true>;
  readonly #byLabel: Index<MeshWorkload>;
  readonly #resolutions: Input<Resolution, Resolution>;

  constructor(graph: Graph, problems: ProblemLog) {
    this.#names = new Index(graph);
    this.#problems = problems;
    this.#workloads = new Input(graph, 'WorkloadEntry', (packed) => this.#compute(unpack(packed)));
    this.#byLabel = new Index<MeshWorkload>(graph, byAge);
    this.#resolutions = new Input(graph, 'resolution', (resolution) => resolution);
  }

  /** To be called after those who ask for endpoints are there. */
  collectNames(graph: Graph): void {
    const names = new Table(graph, 'name', (name) => {
      graph.emit(this.names, name, true);
      return null;
    });
    this.#names.each(names);
  }

  /** @param key `namespace/name` */
  set(key: string, object: Packed<WorkloadEntry> | null): void {
    this.#workloads.set(key, object);
  }

  /** What is known of a name. */
  resolve(name: string, resolution: Resolution | null): void {
    this.#resolutions.set(name, resolution);
  }

  /** At a port of a ServiceEntry; pods that it selects are not among them. */
  of(service: MeshService, entry: EntryPart, port: MeshPort): ServiceEndpoint[] {
    const given = entry.endpoints.flatMap((fields, index) => {
      const labels = fields.labels ?? NO_LABELS;
      const identity = workloadIdentity(`${entry.ref.name}-${index}`, service.namespace, labels, fields.serviceAccount);
      return this.#endpoints(entry, port, { fields, labels, identity });
    });
    return [...given, ...this.selected(service, port)];
  }

  /** WorkloadEntries that the service selects. */
  selected(service: MeshService, port: MeshPort): ServiceEndpoint[] {
    const { selector, namespace, entry } = service;
    const [first] = Object.entries(selector ?? {});
    if (selector === null || first === undefined) return [];
    const found = this.#byLabel.get(labelKey(namespace, first)).filter(({ labels }) => selects(selector, labels));
    return found.flatMap((workload) => this.#endpoints(entry, port, workload));
  }

  #endpoints(
    entry: EntryPart | null,
    port: MeshPort,
    { fields, labels, identity }: Pick<MeshWorkload, 'fields' | 'labels' | 'identity'>,
  ): ServiceEndpoint[] {
    const { ports = {}, weight = 1 } = fields;
    const number = ports[port.name] ?? (typeof port.targetPort === 'number' && port.targetPort > 0 ? port.targetPort : port.number);
    return this.#addresses(fields.address ?? '', entry).map((address) => ({
      config: { address, port: number, weight, identity, local: null },
      labels,
      hostname: '',
      locality: localityOf(fields.locality ?? ''),
      node: undefined,
    }));
  }

  #addresses(address: string, entry: EntryPart | null): string[] {
    if (address === '' || isUnixAddress(address)) return [];
    if (isIP(address) !== 0) return [socketForm(address) ?? []].flat();
    if (entry?.resolution !== 'dns' && entry?.resolution !== 'first') return [];
    const name = address.toLowerCase();
    this.#names.emit(name, true);
    const known = this.#resolutions.get(name);
    if (known === null) return [];
    const { addresses, fault } = known;
    const complain = (message: string): void => {
      const path = ['spec', ...(entry.named ? ['endpoints'] : ['hosts'])];
      this.#problems.add('warning', entry.ref, path, message);
    };
    if (fault !== null) complain(`${name} cannot be resolved: ${fault}${addresses.length > 0 ? '; the addresses before stay in use' : ''}`);
    if (entry.resolution === 'first') return addresses.slice(0, 1);
    if (addresses.length > MAX_ADDRESSES) complain(`${name} has ${addresses.length} addresses, of which ${MAX_ADDRESSES} are used`);
    return addresses.slice(0, MAX_ADDRESSES);
  }

  #compute(object: WorkloadEntry): true {
    const { created, name, namespace } = ageOf(object);
    // Labels of the object win over those of its spec, as in Istio.
    const labels = { ...object.spec.labels, ...object.metadata.labels };
    const identity = workloadIdentity(name, namespace, labels, object.spec.serviceAccount);
    const workload: MeshWorkload = { created, name, namespace, fields: object.spec, labels, identity };
    const { address = '' } = object.spec;
    if (address !== '' && isIP(address) === 0 && !isUnixAddress(address)) {
      const message = 'a name is asked of DNS only for ServiceEntries with the resolution DNS';
      this.#problems.add('warning', refOf(object), ['spec', 'address'], message);
    }
    for (const pair of Object.entries(labels)) this.#byLabel.emit(labelKey(namespace, pair), workload);
    return true;
  }
}

function labelKey(namespace: string, [key, value]: readonly [string, string]): string {
  return `${namespace}/${key}=${value}`;
}

function workloadIdentity(name: string, namespace: string, labels: StringMap, serviceAccount: string | undefined): Identity {
  const { app, version } = labels;
  const workload = labels['service.istio.io/workload-name'] ?? name;
  return {
    ...UNKNOWN_IDENTITY,
    workload,
    namespace,
    app: app ?? 'unknown',
    version: version ?? 'unknown',
    canonicalService: labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? app ?? workload,
    canonicalRevision: labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? version ?? 'latest',
    serviceAccount: serviceAccount ?? 'unknown',
  };
}
