/** Sidecars: what of the mesh the clients of a namespace, or some of its pods, see, and how they receive connections. The pod's own comes first, then the namespace's, then the root's. */
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import type { ConnectionPool, Sidecar, StringMap } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import { covers, isWildcard } from './hosts.ts';
import type { CompileOptions } from './options.ts';
import type { MeshService } from './mesh-service.ts';
import type { ProblemLog } from './problem-log.ts';
import { selects } from './selectors.ts';

type Policy = 'ALLOW_ANY' | 'REGISTRY_ONLY';

interface BoundSidecar extends Aged {
  readonly selector: StringMap;
  readonly spec: Sidecar['spec'];
}

/** What a pod's Sidecar says of the connections that it receives. */
export interface InboundSidecar {
  readonly name: string;
  readonly namespace: string;
  /** Empty: as the services have it that lead to the pod. */
  readonly ingress: readonly IngressListener[];
  readonly pool: ConnectionPool | undefined;
}

export type IngressListener = NonNullable<Sidecar['spec']['ingress']>[number];

/** What a client's Sidecar says. */
export interface SidecarView {
  /** Null: everything that is exported to its namespace. */
  readonly imports: Imports | null;
  /** Namespaces of which it sees all that is exported to it, at every port. */
  readonly whole: readonly string[];
  /** Null: the mesh's. */
  readonly outboundTrafficPolicy: Policy | null;
}

/** One `namespace/host`. */
interface Import {
  /** `*`: any. */
  readonly namespace: string;
  readonly host: string;
}

interface Listener {
  /** Null: all ports that no other listener has. */
  readonly port: number | null;
  readonly hosts: readonly Import[];
  readonly excluded: readonly Import[];
}

export type Imports = readonly Listener[];

const EVERYTHING: SidecarView = { imports: null, whole: [], outboundTrafficPolicy: null };
const ANY = '*';

export class Sidecars {
  readonly #options: CompileOptions;
  readonly #problems: ProblemLog;
  readonly #sidecars: Input<Packed<Sidecar>, true>;
  readonly #byNamespace: Index<BoundSidecar>;

  constructor(graph: Graph, options: CompileOptions, problems: ProblemLog) {
    this.#options = options;
    this.#problems = problems;
    this.#sidecars = new Input(graph, 'Sidecar', (packed) => this.#compute(unpack(packed)));
    this.#byNamespace = new Index<BoundSidecar>(graph, byAge);
  }

  set(key: string, object: Packed<Sidecar> | null): void {
    this.#sidecars.set(key, object);
  }

  /** What a client sees. */
  of(namespace: string, labels: StringMap): SidecarView {
    const chosen = this.#chosen(namespace, labels);
    if (chosen === undefined) return EVERYTHING;
    const { egress = [], outboundTrafficPolicy } = chosen.spec;
    const policy = outboundTrafficPolicy === undefined ? null : (outboundTrafficPolicy.mode ?? 'REGISTRY_ONLY');
    const imports = importsOf(egress, namespace);
    return { imports, whole: wholeNamespaces(imports), outboundTrafficPolicy: policy };
  }

  /** What is said of the connections that a pod receives; null: nothing. */
  inboundOf(namespace: string, labels: StringMap): InboundSidecar | null {
    const chosen = this.#chosen(namespace, labels);
    if (chosen === undefined) return null;
    const { ingress = [], inboundConnectionPool: pool } = chosen.spec;
    return ingress.length === 0 && pool === undefined ? null : { name: chosen.name, namespace: chosen.namespace, ingress, pool };
  }

  /** The one Sidecar that is for a pod. */
  #chosen(namespace: string, labels: StringMap): BoundSidecar | undefined {
    const own = this.#byNamespace.get(namespace);
    const { rootNamespace } = this.#options;
    const root = namespace === rootNamespace ? own : this.#byNamespace.get(rootNamespace);
    return own.find(({ selector }) => !isEmpty(selector) && selects(selector, labels)) ?? own.find(isDefault) ?? root.find(isDefault);
  }

  #compute(object: Sidecar): true {
    const { namespace } = ageOf(object);
    const selector = object.spec.workloadSelector?.labels ?? {};
    this.#byNamespace.emit(namespace, { ...ageOf(object), selector, spec: object.spec });
    if (namespace === this.#options.rootNamespace && !isEmpty(selector)) {
      const message = 'in the root namespace it is for pods of that namespace only';
      this.#problems.add('warning', refOf(object), ['spec', 'workloadSelector'], message);
    }
    return true;
  }
}

const isEmpty = (selector: StringMap): boolean => Object.keys(selector).length === 0;
const isDefault = ({ selector }: BoundSidecar): boolean => isEmpty(selector);

/** Null: nothing is left out. */
function importsOf(egress: NonNullable<Sidecar['spec']['egress']>, namespace: string): Imports | null {
  const listeners = egress.flatMap(({ port, hosts }): Listener[] => {
    if (port !== undefined && port.number === undefined) return [];
    const entries = hosts.map((entry): Import & { readonly out: boolean } => {
      const [first = '', host = ANY] = entry.split('/', 2);
      const out = first.length > 1 && first.startsWith('~');
      const of = out ? first.slice(1) : first;
      return { namespace: of === '.' ? namespace : of, host: host.toLowerCase(), out };
    });
    const plain = (out: boolean): Import[] =>
      entries.filter((one) => one.out === out).map(({ namespace: of, host }) => ({ namespace: of, host }));
    return [{ port: port?.number ?? null, hosts: plain(false), excluded: plain(true) }];
  });
  const everything = ({ port, hosts, excluded }: Listener): boolean =>
    port === null && excluded.length === 0 && hosts.some((one) => one.namespace === ANY && one.host === ANY);
  if (egress.length === 0 || (listeners.length === 1 && listeners.every(everything))) return null;
  return listeners;
}

/** Of the namespaces of services and VirtualServices that it lets pass; `*`: any. */
export function importedNamespaces(imports: Imports): string[] {
  return [...new Set(imports.flatMap(({ hosts }) => hosts.map(({ namespace }) => namespace)))];
}

function wholeNamespaces(imports: Imports | null): string[] {
  const [only, ...others] = imports ?? [];
  if (only === undefined || others.length > 0 || only.port !== null || only.excluded.length > 0) return [];
  const whole = only.hosts.filter(({ namespace, host }) => host === ANY && namespace !== ANY);
  return [...new Set(whole.map(({ namespace }) => namespace))];
}

/** Whether a service is seen at a port. */
export function importsService(imports: Imports, host: string, namespace: string, port: number): boolean {
  const listener = listenerAt(imports, port);
  if (listener === undefined) return false;
  const matches = (one: Import): boolean => (one.namespace === ANY || one.namespace === namespace) && covers(one.host, host);
  return listener.hosts.some(matches) && !listener.excluded.some(matches);
}

/**
 * Whether a port of a service is seen. Where a Sidecar names every host in full, of several ServiceEntries of a namespace for one host
 * only the oldest is, as istiod looks such hosts up.
 */
export function importsPort(imports: Imports, { host, namespace, parts }: MeshService, port: number): boolean {
  if (!importsService(imports, host, namespace, port)) return false;
  const hosts = listenerAt(imports, port)?.hosts ?? [];
  const inFull = hosts.every((one) => one.namespace !== ANY && !isWildcard(one.host));
  return !inFull || parts === undefined || parts[0]?.ports.some(({ number }) => number === port) === true;
}

/** Whether a VirtualService is seen at a port: one of its hosts overlaps with what is imported from its namespace. */
export function importsRules(imports: Imports, hosts: readonly string[], namespace: string, port: number): boolean {
  const listener = listenerAt(imports, port);
  if (listener === undefined) return false;
  return listener.hosts.some((one) => {
    if (one.namespace !== ANY && one.namespace !== namespace) return false;
    return hosts.some((host) => covers(one.host, host) || (isWildcard(host) && covers(host, one.host)));
  });
}

function listenerAt(imports: Imports, port: number): Listener | undefined {
  return imports.find((listener) => listener.port === port) ?? imports.find((listener) => listener.port === null);
}
