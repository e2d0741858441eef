/** What a worker shows of itself in shared memory, also while it is busy: that it is alive, and how long it kept others waiting. */

/** A beat at least every 100 ms, so that a stuck worker is seen. */
const BEATS = 0;
/** Microseconds, each followed by those of the window before: the longest pause, and the most that was done at once. */
const PAUSE = 1;
const WORK = 3;
const CELLS = 5;

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
    return this.#longest(PAUSE);
  }

  /** In seconds of the worker's own processor time, over the last one to two windows. */
  get longestWork(): number {
    return this.#longest(WORK);
  }

  pause(microseconds: number): void {
    this.#note(PAUSE, microseconds);
  }

  work(microseconds: number): void {
    this.#note(WORK, microseconds);
  }

  nextWindow(): void {
    for (const cell of [PAUSE, WORK]) Atomics.store(this.#cells, cell + 1, Atomics.exchange(this.#cells, cell, 0));
  }

  #longest(cell: number): number {
    return Math.max(Atomics.load(this.#cells, cell), Atomics.load(this.#cells, cell + 1)) / 1e6;
  }

  #note(cell: number, microseconds: number): void {
    if (microseconds > Atomics.load(this.#cells, cell)) Atomics.store(this.#cells, cell, Math.round(microseconds));
  }
}
