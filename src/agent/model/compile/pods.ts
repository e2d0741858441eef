/** Pods as the rest of the compiler sees them: who they are, where, and whether this node serves them. */
import { enrollment } from '../enrollment.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Output } from '../incremental/output.ts';
import { Input } from '../incremental/table.ts';
import { type ApiObject, objectKey, type Pod, type StringMap } from '../objects.ts';
import { ownMarks } from '../own-marks.ts';
import { type Packed, unpack } from '../packed.ts';
import { refOf } from '../problem.ts';
import { ageOf, byAge } from './age.ts';
import { socketForm } from './hosts.ts';
import { podIdentity } from './identity.ts';
import type { Localities } from './localities.ts';
import type { LocalPod, MeshPod } from './mesh-pod.ts';
import type { CompileOptions } from './options.ts';
import type { NeededObjects } from './needed-objects.ts';
import { type Owner, Owners, scopesOf } from './owners.ts';
import type { ProblemLog } from './problem-log.ts';
import type { ServedPods } from './served-pods.ts';
import { selects } from './selectors.ts';

const NETNS_ANNOTATION = 'nodeway.io/netns';
const FAIL_CLOSED_ANNOTATION = 'nodeway.io/fail-closed';

/** An object, and whether its author may name paths on this node. */
export interface GivenPod {
  readonly object: Packed<Pod>;
  readonly trusted: boolean;
}

const NO_PORTS: Readonly<Record<string, number>> = {};
const NO_LABELS: StringMap = {};

interface PodParts {
  readonly served: ServedPods;
  readonly needed: NeededObjects;
  readonly localities: Localities;
}

export class Pods {
  /** Of this node, enrolled or not. */
  readonly local = new Output<LocalPod>();
  readonly #graph: Graph;
  readonly #options: CompileOptions;
  readonly #problems: ProblemLog;
  readonly #served: ServedPods;
  readonly #needed: NeededObjects;
  readonly #localities: Localities;
  readonly #owners: Owners;
  readonly #namespaces: Input<Packed<ApiObject>, ApiObject>;
  readonly #pods: Input<GivenPod, MeshPod>;
  readonly #byAddress: Index<MeshPod>;
  readonly #byLabel: Index<MeshPod>;

  constructor(graph: Graph, options: CompileOptions, { served, needed, localities }: PodParts, problems: ProblemLog) {
    this.#graph = graph;
    this.#options = options;
    this.#problems = problems;
    this.#served = served;
    this.#needed = needed;
    this.#localities = localities;
    this.#owners = new Owners(graph);
    this.#namespaces = new Input(graph, 'Namespace', (packed) => unpack(packed));
    this.#pods = new Input(graph, 'Pod', (given) => this.#compute(given));
    this.#byAddress = new Index<MeshPod>(graph, byAge);
    this.#byLabel = new Index(graph);
  }

  set(key: string, given: GivenPod | null): void {
    this.#pods.set(key, given);
  }

  setNamespace(name: string, object: Packed<ApiObject> | null): void {
    this.#namespaces.set(name, object);
  }

  setOwner(kind: string, namespace: string, name: string, object: Packed<ApiObject> | null): void {
    this.#owners.set(kind, namespace, name, object);
  }

  get(key: string): MeshPod | null {
    return this.#pods.get(key);
  }

  /** As of now, also between commits. */
  isEnrolled(key: string): boolean {
    return this.#pods.get(key)?.local?.enrolled === true;
  }

  /** Addresses of nodes and of pods that have ended identify no pod. */
  at(address: string): MeshPod | null {
    return this.#byAddress.get(address).at(-1) ?? null;
  }

  /** Those of the namespace that have all of these labels, of which there must be one. */
  selected(namespace: string, selector: StringMap): readonly MeshPod[] {
    const keys = Object.entries(selector).map((pair) => labelKey(namespace, pair));
    // Any of the labels finds them all; the rarest has the shortest list.
    const rarest = keys.reduce((best, key) => (this.#byLabel.peekSize(key) < this.#byLabel.peekSize(best) ? key : best));
    return this.#byLabel.get(rarest).filter(({ labels }) => selects(selector, labels));
  }

  #compute({ object: packed, trusted }: GivenPod): MeshPod {
    const object = unpack(packed);
    const owners = this.#owners.of(object);
    const { created, name, namespace } = ageOf(object);
    const { labels } = object.metadata;
    const { hostname, subdomain } = object.spec ?? {};
    const pod: MeshPod = {
      created,
      name,
      namespace,
      key: objectKey(object.metadata),
      labels: labels ?? NO_LABELS,
      addresses: this.#addresses(object),
      identity: podIdentity(object, owners),
      node: object.spec?.nodeName,
      ports: namedPorts(object),
      ready: isReady(object),
      ended: hasEnded(object),
      hostname,
      subdomain,
      stateful: owners[0]?.kind === 'StatefulSet',
      local: this.#local(object, trusted, owners),
    };
    for (const pair of Object.entries(pod.labels)) this.#byLabel.emit(labelKey(namespace, pair), pod);
    if (object.spec?.hostNetwork !== true && !pod.ended) for (const ip of pod.addresses) this.#byAddress.emit(ip, pod);
    if (pod.local !== null) this.#graph.emit(this.local, pod.key, pod.local);
    if (pod.local !== null) this.#localities.notePod(pod.key, pod.labels);
    if (pod.local?.enrolled === true) this.#served.serve(pod.key, pod);
    return pod;
  }

  #addresses(pod: Pod): string[] {
    const { podIP, podIPs } = pod.status ?? {};
    const found = new Set<string>();
    const all = [podIP, ...(podIPs ?? []).map(({ ip }) => ip)];
    for (const [index, ip] of all.entries()) {
      if (ip === undefined || ip === '') continue;
      const address = socketForm(ip);
      const path = index === 0 ? ['status', 'podIP'] : ['status', 'podIPs', index - 1, 'ip'];
      if (address === null) this.#problems.add('error', refOf(pod), path, `"${ip}" is no IP address; it is left out`);
      else found.add(address);
    }
    return [...found];
  }

  #local(pod: Pod, trusted: boolean, owners: readonly Owner[]): LocalPod | null {
    // Believed only where the author of the object is: in a cluster any user could name another pod's namespace.
    const netns = trusted ? (pod.metadata.annotations?.[NETNS_ANNOTATION] ?? null) : null;
    if (netns === null && (pod.spec?.nodeName === undefined || pod.spec.nodeName !== this.#options.nodeName)) return null;
    const makers = owners.flatMap(({ object }) => (object === null ? [] : [object]));
    const { namespace = '' } = pod.metadata;
    const decision = enrollment(pod, makers, this.#namespaces.get(namespace), this.#options);
    const { enrolled, reason, asksOwners, asked, invalid } = decision;
    const key = objectKey(pod.metadata);
    const scopes = asksOwners ? scopesOf(owners, namespace) : [];
    if (scopes.length > 0) this.#graph.emit(this.#needed.owners, key, scopes);
    for (const { object, annotation, value } of invalid) this.#refuseAnnotation(object, annotation, value);
    return {
      key,
      uid: pod.metadata.uid ?? '',
      netns,
      addresses: this.#addresses(pod),
      failClosed: this.#failClosed(pod),
      enrolled,
      reason,
      asked,
      ended: hasEnded(pod),
      fromCluster: !trusted,
      marks: ownMarks(pod.metadata.annotations, pod.metadata.labels),
    };
  }

  #failClosed(pod: Pod): boolean {
    const value = pod.metadata.annotations?.[FAIL_CLOSED_ANNOTATION];
    if (value !== undefined && value !== 'true' && value !== 'false') this.#refuseAnnotation(pod, FAIL_CLOSED_ANNOTATION, value);
    return value === 'true';
  }

  #refuseAnnotation(object: ApiObject, annotation: string, value: string): void {
    const message = `must be "true" or "false", not "${value}"; it is ignored`;
    this.#problems.add('error', refOf(object), ['metadata', 'annotations', annotation], message);
  }
}

function labelKey(namespace: string, [key, value]: readonly [string, string]): string {
  return `${namespace}/${key}=${value}`;
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** No word about readiness means ready. */
function isReady({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null) return false;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return ready === undefined || ready === 'True';
}

function namedPorts({ spec }: Pod): Readonly<Record<string, number>> {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...(spec?.containers ?? []), ...sidecars].flatMap((container) => container.ports ?? []);
  const named = ports.filter(({ name }) => name !== undefined && name !== '');
  // The first of a name counts.
  return named.length === 0 ? NO_PORTS : Object.fromEntries(named.toReversed().map(({ name, containerPort }) => [name, containerPort]));
}
