/**
 * Pods as clients, as far as rules distinguish them: by their namespace, and by those of their labels that some rule asks for. Clients
 * that look the same share a scope. What all see alike stands in one layer; a scope has a layer of its own for what differs for its
 * namespace, and before it one for what differs for its labels besides.
 */
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Output } from '../incremental/output.ts';
import { Table } from '../incremental/table.ts';
import type { StringMap } from '../objects.ts';
import { order } from './age.ts';
import { importedNamespaces, type Sidecars, type SidecarView } from './sidecars.ts';

/** The layer that all clients share. */
export const SHARED_LAYER = 'mesh';

export interface ClientPod {
  readonly namespace: string;
  readonly labels: StringMap;
}

export interface ClientScope extends ClientPod {
  readonly id: string;
  readonly sidecar: SidecarView;
}

export class Clients {
  readonly scopes: Index<ClientScope>;
  /** The same, for whoever is outside of computations. */
  readonly known = new Output<ClientScope>();
  readonly #pods: Pick<Index<ClientPod>, 'get'>;
  readonly #asked: readonly Index<true>[];
  readonly #scopeOf: Table<ClientScope | null>;
  readonly #labelled: Index<ClientScope>;
  readonly #sidecars: Sidecars;
  /** Those that see a part of the mesh only, by the namespaces of what they see. */
  readonly #importing: Index<ClientScope>;
  /** Namespaces of which some see all that is exported to them. */
  readonly wholeNamespaces: Index<true>;

  /** @param pods those that are served, by key. @param asked labels about which rules ask. */
  constructor(graph: Graph, pods: Pick<Index<ClientPod>, 'get' | 'each'>, asked: readonly Index<true>[], sidecars: Sidecars) {
    this.#sidecars = sidecars;
    this.#pods = pods;
    this.#asked = asked;
    this.scopes = new Index(graph);
    this.#scopeOf = new Table(graph, 'client', (key) => this.#compute(key));
    pods.each(this.#scopeOf);
    this.#labelled = new Index(graph, (a, b) => order(a.id, b.id));
    this.#importing = new Index(graph, (a, b) => order(a.id, b.id));
    this.wholeNamespaces = new Index(graph);
    const scopes = new Table(graph, 'client scope', (id) => {
      const scope = this.scopes.get(id)[0];
      if (scope === undefined) return null;
      graph.emit(this.known, id, scope);
      const { imports, whole } = scope.sidecar;
      for (const namespace of whole) this.wholeNamespaces.emit(namespace, true);
      if (imports !== null) for (const namespace of importedNamespaces(imports)) this.#importing.emit(namespace, scope);
      else if (Object.keys(scope.labels).length > 0) this.#labelled.emit('', scope);
      return null;
    });
    this.scopes.each(scopes);
  }

  /** The scope of a pod that is served. */
  scopeOf(pod: string): ClientScope | null {
    return this.#scopeOf.get(pod);
  }

  /** Scopes of clients that see a part of the mesh only, and something of one of these namespaces. */
  importing(namespaces: Iterable<string>): ReadonlySet<ClientScope> {
    return new Set([...new Set(['*', ...namespaces])].flatMap((namespace) => this.#importing.get(namespace)));
  }

  /** Scopes of clients that see the whole mesh, and have labels by which some rule distinguishes clients. */
  labelled(): readonly ClientScope[] {
    return this.#labelled.get('');
  }

  #compute(key: string): ClientScope | null {
    const pod = this.#pods.get(key)[0];
    if (pod === undefined) return null;
    const { namespace, labels } = pod;
    const told = [...new Set(this.#asked.flatMap((index) => [...index.keys()]))].sort();
    const relevant = told.flatMap((name) => (Object.hasOwn(labels, name) ? [[name, labels[name] as string] as const] : []));
    const sidecar = this.#sidecars.of(namespace, labels);
    const { imports, outboundTrafficPolicy } = sidecar;
    const restricted = imports === null && outboundTrafficPolicy === null ? [] : [JSON.stringify({ imports, outboundTrafficPolicy })];
    const id = [namespace, ...relevant.map(([name, value]) => `${name}=${value}`), ...restricted].join(';');
    const scope = { id, namespace, labels: Object.fromEntries(relevant), sidecar };
    this.scopes.emit(id, scope);
    return scope;
  }
}

/** Where what a namespace has for everyone stands for clients whose Sidecar imports all of it. */
export function namespaceLayer(namespace: string): string {
  return `namespace ${namespace}`;
}

/** Where what a scope sees differently stands. */
export function scopeLayer(scopeId: string): string {
  return `clients ${scopeId}`;
}
