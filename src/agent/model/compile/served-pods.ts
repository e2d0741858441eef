/**
 * Pods whose traffic this node serves: those that are enrolled, and those that are leaving. A pod that is no longer enrolled is
 * served as it was until the last connection that the kernel had sent here on its behalf was accepted.
 */
import type { ClusterConfig } from '../../../l7/config/cluster.ts';
import type { WorkloadConfig } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Input } from '../incremental/table.ts';
import type { ClientPod } from './clients.ts';
import type { MeshPod } from './mesh-pod.ts';

/** What is kept of a pod that is leaving. */
export interface LeavingPod extends ClientPod {
  readonly config: WorkloadConfig;
  /** Of what it receives. */
  readonly clusters: readonly ClusterConfig[];
}

export type ServedPod = MeshPod | LeavingPod;

export class ServedPods {
  /** By `namespace/name`: the enrolled one first. */
  readonly pods: Index<ServedPod>;
  /** Namespaces of clients. */
  readonly #namespaces: Index<true>;
  readonly #leaving: Input<LeavingPod, LeavingPod>;
  readonly #keys = new Set<string>();

  constructor(graph: Graph, namespaces: Index<true>) {
    this.#namespaces = namespaces;
    this.pods = new Index(graph, (a, b) => Number('config' in a) - Number('config' in b));
    this.#leaving = new Input(graph, 'leaving pod', (pod, key) => {
      this.serve(key, pod);
      return pod;
    });
  }

  /** Keys of those that are leaving. */
  get leaving(): ReadonlySet<string> {
    return this.#keys;
  }

  /** Of the cell that is being computed. */
  serve(key: string, pod: ServedPod): void {
    this.pods.emit(key, pod);
    this.#namespaces.emit(pod.namespace, true);
  }

  get(key: string): ServedPod | null {
    return this.pods.get(key)[0] ?? null;
  }

  keep(key: string, pod: LeavingPod): void {
    this.#keys.add(key);
    this.#leaving.set(key, pod);
  }

  release(key: string): void {
    this.#keys.delete(key);
    this.#leaving.set(key, null);
  }
}
