/**
 * Where things are: `region/zone/subzone`, as Istio finds it. Of a pod by its label `istio-locality`, or else by the labels of its
 * node; of an endpoint of a ServiceEntry by its field. The agent's clients are where their node is.
 */
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import type { Node, StringMap } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { order } from './age.ts';
import type { CompileOptions } from './options.ts';

export const REGION = 'topology.kubernetes.io/region';
export const ZONE = 'topology.kubernetes.io/zone';
export const SUBZONE = 'topology.istio.io/subzone';
const POD_LABEL = 'istio-locality';

/** The parts that are known, the widest first; empty: nothing is known. */
export type Locality = readonly string[];
const UNKNOWN: Locality = [];

interface LabelledPod {
  readonly key: string;
  readonly locality: string;
}

export class Localities {
  readonly #options: CompileOptions;
  /** All endpoints of a node share what it says. */
  readonly #nodes: Input<Packed<Node>, Locality>;
  /** A node of each zone. */
  readonly #byZone: Index<string>;
  /** Pods of this node that say where they are. */
  readonly #pods: Index<LabelledPod>;

  constructor(graph: Graph, options: CompileOptions) {
    this.#options = options;
    this.#nodes = new Input(graph, 'Node', (packed) => this.#compute(unpack(packed)));
    this.#byZone = new Index(graph, order);
    this.#pods = new Index(graph, (a, b) => order(a.key, b.key));
  }

  set(name: string, node: Packed<Node> | null): void {
    this.#nodes.set(name, node);
  }

  /** A pod of this node is known. */
  notePod(key: string, labels: StringMap): void {
    const locality = labels[POD_LABEL];
    if (locality !== undefined) this.#pods.emit('', { key, locality });
  }

  /** Of this node's clients; where its Node says nothing, what the first of its pods says. */
  own(): Locality {
    const ofNode = this.#ofNode(this.#options.nodeName);
    return ofNode.length > 0 ? ofNode : localityOf(this.#pods.get('')[0]?.locality ?? '');
  }

  /** Of an endpoint. @param zone what its EndpointSlice says. */
  of(labels: StringMap, node: string | undefined, zone: string | undefined): Locality {
    const written = labels[POD_LABEL];
    if (written !== undefined) return localityOf(written);
    const ofNode = node === undefined ? UNKNOWN : this.#ofNode(node);
    if (ofNode.length > 0 || zone === undefined || zone === '') return ofNode;
    const own = this.own();
    const [neighbour] = this.#byZone.get(zone);
    return neighbour === undefined ? (own[1] === zone ? own.slice(0, 2) : ['', zone]) : this.#ofNode(neighbour).slice(0, 2);
  }

  #ofNode(name: string): Locality {
    return this.#nodes.get(name) ?? UNKNOWN;
  }

  #compute({ metadata: { labels = {}, name } }: Node): Locality {
    const { [REGION]: region = '', [ZONE]: zone, [SUBZONE]: subzone = '' } = labels;
    if (zone !== undefined) this.#byZone.emit(zone, name);
    return region === '' && (zone ?? '') === '' ? UNKNOWN : [region, zone ?? '', subzone];
  }
}

/** A label has dots where Istio writes slashes. */
export function localityOf(text: string): Locality {
  if (text === '') return UNKNOWN;
  return (text.includes('/') ? text : text.replaceAll('.', '/')).split('/');
}

const part = (locality: Locality, index: number): string => locality[index] ?? '';

/** As in Envoy: how far an endpoint is from a client. 0: the same subzone; 3: another region. */
export function distance(client: Locality, endpoint: Locality): 0 | 1 | 2 | 3 {
  if (part(client, 0) !== part(endpoint, 0)) return 3;
  if (part(client, 1) !== part(endpoint, 1)) return 2;
  return part(client, 2) === part(endpoint, 2) ? 0 : 1;
}

/** `region/zone/subzone` with `*` for what may be anything, and what follows left out. */
export function matches(locality: Locality, pattern: string): boolean {
  return pattern.split('/').every((wanted, index) => wanted === '*' || (index > 0 && wanted === '') || wanted === part(locality, index));
}
