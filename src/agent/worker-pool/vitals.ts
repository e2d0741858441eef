/** What a worker shows of itself in shared memory, also while it is busy: that it is alive, and how long it kept others waiting. */

/** A beat at least every 100 ms, so that a stuck worker is seen. */
const BEATS = 0;
/** Microseconds: the longest pause of the window under way, and of the one before. */
const PAUSE_NOW = 1;
const PAUSE_BEFORE = 2;
const CELLS = 3;

export class Vitals {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory = new SharedArrayBuffer(CELLS * 4)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get beats(): number {
    return Atomics.load(this.#cells, BEATS);
  }

  beat(): void {
    Atomics.add(this.#cells, BEATS, 1);
  }

  /** In seconds, over the last one to two windows. */
  get longestPause(): number {
    return Math.max(Atomics.load(this.#cells, PAUSE_NOW), Atomics.load(this.#cells, PAUSE_BEFORE)) / 1e6;
  }

  pause(microseconds: number): void {
    if (microseconds > Atomics.load(this.#cells, PAUSE_NOW)) Atomics.store(this.#cells, PAUSE_NOW, Math.round(microseconds));
  }

  nextWindow(): void {
    Atomics.store(this.#cells, PAUSE_BEFORE, Atomics.exchange(this.#cells, PAUSE_NOW, 0));
  }
}
