/**
 * Requests by pod of this node, and by whose listener served them: a pass of the engine belongs to the pod that it was made for, and
 * the callee that it reached on the same node is counted beside it. Cells of a pod that has been silent for long are given back.
 */
import { type Identity, UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { ExchangeRecord } from './exchange-record.ts';
import type { Stats } from './stats.ts';

/** `outbound`: its own pass as a client; `inbound`: its own pass as a server; `local`: received in the pass of its caller. */
export type PodSide = 'outbound' | 'inbound' | 'local';

const NAME = 'nodeway_pod_requests_total';

interface PodCell {
  readonly cell: number;
  silent: number;
}

export class PodUse {
  readonly #stats: Stats;
  readonly #silentSweeps: number;
  readonly #sides: Readonly<Record<PodSide, SideCells>>;

  constructor(stats: Stats, silentSweeps: number) {
    this.#stats = stats;
    this.#silentSweeps = silentSweeps;
    this.#sides = { outbound: new SideCells('outbound'), inbound: new SideCells('inbound'), local: new SideCells('local') };
  }

  record({ reporter, caller, callee }: ExchangeRecord): void {
    if (reporter === 'source') this.#sides.outbound.add(this.#stats, caller);
    else this.#sides[caller === UNKNOWN_IDENTITY ? 'inbound' : 'local'].add(this.#stats, callee);
  }

  /** Called at even intervals. */
  sweep(): void {
    if (this.#silentSweeps === 0) return;
    for (const side of Object.values(this.#sides)) side.sweep(this.#stats, this.#silentSweeps);
  }
}

class SideCells {
  readonly #side: PodSide;
  readonly #byPod = new Map<string, PodCell>();
  #byIdentity = new WeakMap<Identity, PodCell>();
  // Requests of one connection follow each other.
  #lastIdentity: Identity | null = null;
  #last: PodCell | null = null;

  constructor(side: PodSide) {
    this.#side = side;
  }

  add(stats: Stats, identity: Identity): void {
    const known = identity === this.#lastIdentity ? this.#last : null;
    const pod = known ?? this.#find(stats, identity);
    pod.silent = 0;
    stats.add(pod.cell, 1);
  }

  sweep(stats: Stats, silentSweeps: number): void {
    const before = this.#byPod.size;
    for (const [key, pod] of this.#byPod) {
      if (pod.silent++ < silentSweeps) continue;
      stats.release([[pod.cell, 'counter']]);
      this.#byPod.delete(key);
    }
    if (this.#byPod.size === before) return;
    this.#byIdentity = new WeakMap();
    this.#lastIdentity = this.#last = null;
  }

  #find(stats: Stats, identity: Identity): PodCell {
    let pod = this.#byIdentity.get(identity);
    if (pod === undefined) this.#byIdentity.set(identity, (pod = this.#named(stats, identity)));
    this.#lastIdentity = identity;
    this.#last = pod;
    return pod;
  }

  /** A gateway of the node is no pod: it has the name of its workload. */
  #named(stats: Stats, { namespace, pod: name, workload }: Identity): PodCell {
    const pod = name === 'unknown' ? workload : name;
    const key = `${namespace}/${pod}`;
    let cell = this.#byPod.get(key);
    if (cell === undefined) {
      cell = { cell: stats.counter(NAME, { namespace, pod, side: this.#side }), silent: 0 };
      this.#byPod.set(key, cell);
    }
    return cell;
  }
}
