/**
 * Manifests of a set as a cluster would have them: Deployments become Pods, everything has addresses and a time of creation, and
 * Services have EndpointSlices. Addresses are handed out as they were when the answers were recorded, so that both sides see the same.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWhole } from '../../src/agent/sources/yaml-text.ts';

const POD_NET = '10.44.0.';
const SERVICE_NET = '10.96.0.';
const FIRST = 10;
/** An address that nobody has. */
const NOWHERE = `${SERVICE_NET}250`;
/** Of the first object; the others follow by a second each, because age decides between rivals. */
const CREATED = 1_700_000_000;
const NO_NAMESPACE = new Set(['Namespace', 'GatewayClass', 'Node']);

export type Labels = Record<string, string>;
interface Port {
  name?: string;
  port: number;
  targetPort?: number | string;
  protocol?: string;
  appProtocol?: string;
}
export interface Doc {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels; annotations?: Labels; creationTimestamp?: string };
  spec?: Record<string, unknown>;
  [field: string]: unknown;
}
interface Container {
  name: string;
  image?: string;
  ports?: { name?: string; containerPort: number }[];
}
export interface PodDoc extends Doc {
  spec: { nodeName?: string; serviceAccountName?: string; containers?: Container[] };
  status?: { podIP?: string; podIPs?: unknown; phase?: string; conditions?: unknown };
}
export interface ServiceDoc extends Doc {
  spec: { type?: string; clusterIP?: string; clusterIPs?: string[]; selector?: Labels; ports?: Port[] };
}

export interface SetPod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Labels>;
  /** Its own proxy, or the agent in its place, has its traffic. */
  readonly inMesh: boolean;
  readonly isGateway: boolean;
  /** What its application serves, by port. */
  readonly serves: ReadonlyMap<number, 'http' | 'tcp'>;
}

export class Cluster {
  readonly docs: Doc[];
  readonly podDocs: PodDoc[];
  readonly services: ServiceDoc[];

  constructor(docs: Doc[]) {
    this.docs = docs;
    addNamespaces(docs);
    docs.push(...docs.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet').flatMap(podsOf));
    this.podDocs = docs.filter(({ kind }) => kind === 'Pod') as PodDoc[];
    this.services = docs.filter(({ kind }) => kind === 'Service') as ServiceDoc[];
    completePods(this.podDocs);
    completeServices(this.services);
    const sliced = new Set(docs.filter(({ kind }) => kind === 'EndpointSlice').map(serviceOfSlice));
    for (const service of this.services.toSorted(byName)) {
      if (service.spec.selector !== undefined && !sliced.has(keyOf(service))) docs.push(sliceOf(service, this.selected(service)));
    }
    for (const [index, { metadata }] of docs.entries()) {
      metadata.creationTimestamp ??= new Date((CREATED + index) * 1000).toISOString().replace('.000', '');
    }
  }

  static read(directory: string): Cluster {
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ya?ml$/.test(file));
    const docs = files.sort().flatMap((file) => {
      const parsed = readWhole(readFileSync(join(directory, file), 'utf8'));
      if (!parsed.ok) throw new Error(`${file}: ${JSON.stringify(parsed.faults)}`);
      return (parsed.values as readonly Doc[]).flatMap(listed);
    });
    for (const { kind, metadata } of docs) if (!NO_NAMESPACE.has(kind)) metadata.namespace ??= 'default';
    return new Cluster(docs);
  }

  get pods(): SetPod[] {
    return this.podDocs.map((pod) => ({
      name: pod.metadata.name,
      namespace: pod.metadata.namespace ?? '',
      ip: ipOf(pod),
      labels: labelsOf(pod),
      inMesh: this.#inMesh(pod),
      isGateway: isGateway(pod),
      serves: this.#serves(pod),
    }));
  }

  /** Where a client in that namespace finds a host. @param direct without a mesh, which would take it to an endpoint. */
  addressOf(host: string, port: number, namespace: string, direct: boolean): { readonly ip: string; readonly port: number } {
    const name = host.replace(/:\d+$/, '');
    if (/^[\d.]+$/.test(name)) return { ip: name, port };
    const [first = '', second = namespace] = name.split('.');
    const service = this.services.find(({ metadata }) => metadata.name === first && metadata.namespace === second);
    if (service?.spec.clusterIP !== undefined && service.spec.clusterIP !== 'None') {
      return direct ? this.#endpoint(service, port) : { ip: service.spec.clusterIP, port };
    }
    const entry = this.docs.find(({ kind, spec }) => kind === 'ServiceEntry' && (spec?.['hosts'] as string[] | undefined)?.includes(name));
    const [address] = (entry?.spec?.['addresses'] as string[] | undefined) ?? [];
    if (address !== undefined) return { ip: address.split('/')[0] as string, port };
    const pod = this.podDocs.find(({ metadata }) => metadata.name === name);
    return { ip: pod === undefined ? NOWHERE : ipOf(pod), port };
  }

  /** The objects as an agent gets them, with where each pod's network namespace is. */
  manifests(namespaceOf: (pod: string) => string | null): Doc[] {
    return this.docs.map((doc) => {
      if (doc.kind !== 'Pod') return doc;
      const path = namespaceOf(keyOf(doc));
      const own: Labels = { 'nodeway.io/enroll': String(this.#inMesh(doc as PodDoc) && !isGateway(doc as PodDoc)) };
      if (path !== null) own['nodeway.io/netns'] = path;
      return { ...doc, metadata: { ...doc.metadata, annotations: { ...own, ...doc.metadata.annotations } } };
    });
  }

  #endpoint(service: ServiceDoc, port: number): { readonly ip: string; readonly port: number } {
    const found = service.spec.ports?.find((one) => one.port === port);
    const [pod] = this.selected(service);
    if (pod === undefined || found === undefined) return { ip: NOWHERE, port };
    return { ip: ipOf(pod), port: targetOf(pod, found.targetPort ?? found.port) ?? found.port };
  }

  #inMesh(pod: PodDoc): boolean {
    if (isGateway(pod)) return true;
    const asked = labelsOf(pod)['sidecar.istio.io/inject'] ?? pod.metadata.annotations?.['sidecar.istio.io/inject'];
    if (asked !== undefined) return asked.toLowerCase() === 'true';
    const namespace = this.docs.find(({ kind, metadata }) => kind === 'Namespace' && metadata.name === pod.metadata.namespace);
    return namespace?.metadata.labels?.['istio-injection'] === 'enabled';
  }

  /** What its Services say of its ports, then their names; 8080 at least. */
  #serves(pod: PodDoc): Map<number, 'http' | 'tcp'> {
    const serves = new Map<number, 'http' | 'tcp'>();
    for (const { metadata, spec } of this.services) {
      if (metadata.namespace !== pod.metadata.namespace || !selects(spec.selector, labelsOf(pod))) continue;
      for (const { name = '', appProtocol = '', port, targetPort } of spec.ports ?? []) {
        const number = targetOf(pod, targetPort ?? port);
        const word = (appProtocol || name).split('-')[0] as string;
        if (number !== null) serves.set(number, ['tcp', 'mongo', 'redis', 'mysql'].includes(word) ? 'tcp' : 'http');
      }
    }
    for (const { name = '', containerPort } of (pod.spec.containers ?? []).flatMap(({ ports }) => ports ?? [])) {
      if (!serves.has(containerPort)) serves.set(containerPort, name.startsWith('tcp') ? 'tcp' : 'http');
    }
    if (!serves.has(8080)) serves.set(8080, 'http');
    return serves;
  }

  selected(service: ServiceDoc): PodDoc[] {
    const { metadata, spec } = service;
    return this.podDocs.filter((pod) => pod.metadata.namespace === metadata.namespace && selects(spec.selector, labelsOf(pod)));
  }
}

function listed(doc: Doc): Doc[] {
  return doc.kind === 'List' ? (doc['items'] as Doc[]) : [doc];
}

/** A namespace that only its objects name is in the mesh. */
function addNamespaces(docs: Doc[]): void {
  const known = new Set(docs.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name));
  for (const name of new Set(docs.flatMap(({ metadata }) => metadata.namespace ?? []))) {
    if (!known.has(name)) docs.push({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'istio-injection': 'enabled' } } });
  }
  for (const { kind, metadata } of docs) {
    if (kind === 'Namespace') metadata.labels = { 'kubernetes.io/metadata.name': metadata.name, ...metadata.labels };
  }
}

function podsOf({ metadata, spec }: Doc): Doc[] {
  const { replicas = 1, template } = spec as { replicas?: number; template: { metadata?: Partial<Doc['metadata']>; spec: PodDoc['spec'] } };
  return Array.from({ length: replicas }, (_, index): Doc => {
    const copy = structuredClone(template);
    const own = { ...copy.metadata, name: `${metadata.name}-${index}`, namespace: metadata.namespace ?? 'default' };
    return { apiVersion: 'v1', kind: 'Pod', metadata: own, spec: copy.spec };
  });
}

function completePods(pods: readonly PodDoc[]): void {
  const used = new Set(pods.flatMap(({ status }) => status?.podIP ?? []));
  let next = FIRST;
  for (const pod of pods.toSorted(byName)) {
    while (used.has(`${POD_NET}${next}`)) next++;
    const ip = pod.status?.podIP ?? `${POD_NET}${next}`;
    used.add(ip);
    pod.status = { ...pod.status, podIP: ip, podIPs: [{ ip }], phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const labels = (pod.metadata.labels = { ...pod.metadata.labels });
    labels['service.istio.io/canonical-name'] ??= labels['app.kubernetes.io/name'] ?? labels['app'] ?? pod.metadata.name;
    labels['service.istio.io/canonical-revision'] ??= labels['version'] ?? 'latest';
    pod.spec.serviceAccountName ??= 'default';
    pod.spec.nodeName ??= 'node1';
    pod.spec.containers ??= [{ name: 'app' }];
  }
}

function completeServices(services: readonly ServiceDoc[]): void {
  let next = FIRST;
  for (const service of services.toSorted(byName)) {
    const { spec } = service;
    if (spec.type !== 'ExternalName' && spec.clusterIP === undefined) spec.clusterIP = `${SERVICE_NET}${next++}`;
    if (spec.clusterIP !== undefined) spec.clusterIPs = [spec.clusterIP];
    spec.ports = (spec.ports ?? []).map((port) => ({ protocol: 'TCP', ...port, targetPort: port.targetPort ?? port.port }));
  }
}

function sliceOf({ metadata, spec }: ServiceDoc, pods: readonly PodDoc[]): Doc {
  const numbers = new Map<string, number>();
  for (const pod of pods) {
    for (const { name = '', port, targetPort } of spec.ports ?? []) numbers.set(name, targetOf(pod, targetPort ?? port) ?? port);
  }
  const { name, namespace = 'default' } = metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: { name: `${name}-auto`, namespace, labels: { 'kubernetes.io/service-name': name } },
    endpoints: pods.map((pod) => ({
      addresses: [ipOf(pod)],
      conditions: { ready: true, serving: true },
      nodeName: pod.spec.nodeName,
      targetRef: { kind: 'Pod', name: pod.metadata.name, namespace },
    })),
    ports: [...numbers].map(([portName, port]) => ({ name: portName, port, protocol: 'TCP' })),
  };
}

function targetOf(pod: PodDoc, target: number | string): number | null {
  if (typeof target === 'number' || /^\d+$/.test(target)) return Number(target);
  const ports = (pod.spec.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === target)?.containerPort ?? null;
}

function serviceOfSlice({ metadata }: Doc): string {
  return `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;
}

export function selects(selector: Labels | undefined, labels: Readonly<Labels>): boolean {
  return selector !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function isGateway(pod: PodDoc): boolean {
  const { istio = '', 'oracle/gateway': marked } = labelsOf(pod);
  return istio.endsWith('gateway') || marked === 'true';
}

function byName(a: Doc, b: Doc): number {
  const [left, right] = [a, b].map(({ metadata }) => [metadata.namespace ?? '', metadata.name]) as [string[], string[]];
  return compare(left[0] as string, right[0] as string) || compare(left[1] as string, right[1] as string);
}

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
export const keyOf = ({ metadata }: Doc): string => `${metadata.namespace}/${metadata.name}`;
export const ipOf = ({ status }: PodDoc): string => status?.podIP ?? '';
export const labelsOf = ({ metadata }: Doc): Labels => metadata.labels ?? {};
