/**
 * Gives a configuration its share of a worker's time: one slice per turn, so that requests wait for one slice at most.
 *
 *     idle --commit()--> preparing --commit--> settling --> idle (rebuilding, until the next part comes)
 */
import { messageOf } from '../../base/errors.ts';
import { Timer, type TimerWheel } from '../../base/timer-wheel.ts';
import type { Steps } from '../upstream/pick.ts';
import type { DeltaPart } from './parts.ts';
import type { Runtime } from './runtime.ts';

/** Of a turn in which requests wait. With one step more, a turn still stays below 2 ms. */
const SLICE_MS = 0.7;
/** Before the first listener is served no request waits, but the heartbeat must go on. */
const UNSERVED_SLICE_MS = 20;

export type Watch = (work: () => void) => void;

export interface ConfiguratorOptions {
  readonly runtime: Runtime;
  readonly timers: TimerWheel;
  /** Milliseconds that never step back, read at each call. */
  readonly monotonic: () => number;
  /** A record could not be prepared. */
  readonly countFault: () => void;
  /** Does a slice, for which everyone else waits, and may measure it. */
  readonly watch: Watch;
  readonly log: (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export class Configurator {
  readonly #runtime: Runtime;
  readonly #timers: TimerWheel;
  readonly #monotonic: () => number;
  readonly #watch: Watch;
  readonly #timer = new Timer(() => this.#slice());
  #work: Steps<void> | null = null;
  /** Goes on when nothing else is to be done. */
  #rebuilding: Steps<void> | null = null;

  constructor({ runtime, timers, monotonic, log, countFault, watch }: ConfiguratorOptions) {
    this.#watch = watch;
    this.#runtime = runtime;
    this.#timers = timers;
    this.#monotonic = monotonic;
    runtime.onFault = ({ kind, id, error }) => {
      countFault();
      log('error', 'a part of the configuration could not be prepared; what it replaces stays in effect', {
        record: `${kind}/${id}`,
        error: messageOf(error),
      });
    };
  }

  /** Takes over a part of the next configuration. The one before must have settled. */
  take(part: DeltaPart): void {
    this.#runtime.staging.take(part);
  }

  /** Puts all parts into effect. @param inForce called when it has taken effect. @param settled called when called when the next one may begin. */
  commit(version: number, inForce: () => void, settled: () => void): void {
    this.#work = this.#steps(version, inForce, settled);
    this.#slice();
  }

  /** A listener is about to be served. */
  serve(): void {
    this.#runtime.serve();
  }

  *#steps(version: number, inForce: () => void, settled: () => void): Steps<void> {
    const { staging } = this.#runtime;
    yield* staging.prepare();
    staging.commit(version);
    inForce();
    yield* staging.settle();
    settled();
  }

  #slice(): void {
    this.#watch(() => {
      if (this.#spend(this.#monotonic())) this.#timers.arm(this.#timer, 0);
    });
  }

  /** Whether there is more to do. */
  #spend(start: number): boolean {
    const until = start + (this.#runtime.serving ? SLICE_MS : UNSERVED_SLICE_MS);
    while (this.#step()) {
      if (this.#monotonic() >= until) return true;
    }
    return false;
  }

  /** Whether there is more to do. */
  #step(): boolean {
    if (this.#work !== null) {
      if (this.#work.next().done === true) this.#work = null;
      return true;
    }
    this.#rebuilding ??= this.#runtime.staging.rebuild();
    if (this.#rebuilding.next().done !== true) return true;
    this.#rebuilding = null;
    return false;
  }
}
