/** Ends what has made no sound for too long: a peer that is gone without a word, as behind a half-open connection. */
import type { Cancel, Clock } from '../../../base/clock.ts';
import { ApiFailure } from './failure.ts';

export class Silence {
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #allowedMs: number;
  #timer: Cancel = () => {};

  constructor(clock: Clock, allowedMs: number) {
    this.#clock = clock;
    this.#allowedMs = allowedMs;
    this.#arm();
  }

  /** Aborted, with an ApiFailure, when it has lasted too long. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** There was a sound; from now on this much silence is allowed. */
  broken(allowedMs = this.#allowedMs): void {
    this.#allowedMs = allowedMs;
    this.#arm();
  }

  /** Nobody listens any more. */
  end(): void {
    this.#timer();
  }

  #arm(): void {
    this.#timer();
    this.#timer = this.#clock.after(this.#allowedMs, () => {
      const seconds = Math.round(this.#allowedMs / 1000);
      this.#controller.abort(new ApiFailure('unreachable', `nothing came from the API server for ${seconds} s`));
    });
  }
}
