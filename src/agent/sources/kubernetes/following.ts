/** Whether a resource is followed, and since when not: for people and for metrics. */
import type { Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import type { SourceReport } from '../../model/sink.ts';
import { ApiFailure, type Reason } from './failure.ts';

const STATES: Readonly<Record<Reason, SourceReport['state']>> = {
  unreachable: 'unreachable',
  unauthorized: 'forbidden',
  forbidden: 'forbidden',
  missing: 'absent',
  // Read anew, which is no failure.
  expired: 'starting',
};

export class Following {
  events = 0;
  lists = 0;
  readonly onBytes = (bytes: number): void => void (this.#bytes += bytes);
  readonly #resource: string;
  readonly #scope: string;
  readonly #clock: Clock;
  #bytes = 0;
  #state: SourceReport['state'] = 'starting';
  /** Since when changes may have been missed; null: none can be. */
  #staleSince: number | null;
  #error = '';

  constructor(resource: string, scope: string, clock: Clock) {
    this.#resource = resource;
    this.#scope = scope;
    this.#clock = clock;
    this.#staleSince = clock.monotonic();
  }

  /** Whether changes may have been missed, or be missed now. */
  get isStale(): boolean {
    return this.#staleSince !== null;
  }

  begins(): void {
    this.#state = 'followed';
    this.#staleSince = null;
  }

  /** A watch has ended, in order where there is no error; the next one begins at once. */
  ends(error: unknown): void {
    this.#staleSince ??= this.#clock.monotonic();
    if (error !== null) this.#error = messageOf(error);
  }

  fails(failure: ApiFailure): void {
    this.#state = STATES[failure.reason];
    this.#staleSince ??= this.#clock.monotonic();
    this.#error = failure.message;
  }

  report(): SourceReport {
    const staleSeconds = this.#staleSince === null ? 0 : Math.round((this.#clock.monotonic() - this.#staleSince) / 1000);
    return {
      resource: this.#resource,
      scope: this.#scope,
      state: this.#state,
      staleSeconds: this.#state === 'absent' ? 0 : staleSeconds,
      error: this.#error,
      events: this.events,
      lists: this.lists,
      bytes: this.#bytes,
    };
  }
}
