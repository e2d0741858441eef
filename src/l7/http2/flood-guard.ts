/**
 * Counts what costs us work and costs a peer nothing (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316): a budget for each kind, which
 * fills up with time and with work that is worth something. An honest peer never comes near the bounds.
 */

/** Reasons why a connection is given up; also the label of its counter. */
export const FLOODS = ['reset', 'control', 'empty'] as const;
export type Flood = (typeof FLOODS)[number];

class Budget {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #filledAt: number;

  /** @param now milliseconds. @param first what a connection begins with. @param most what it may earn. */
  constructor(now: number, first: number, most: number, perSecond: number) {
    this.#filledAt = now;
    this.#left = first;
    this.#most = most;
    this.#perSecond = perSecond;
  }

  earn(amount: number): void {
    this.#left = Math.min(this.#most, this.#left + amount);
  }

  /** @returns false when nothing is left. */
  spend(now: number): boolean {
    if (this.#left >= 1) {
      this.#left--;
      return true;
    }
    this.earn(((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** Streams that a peer may have at a time, Envoy's default. A turn may answer them all, and what the peer says of them then comes in one turn too. */
export const MAX_STREAMS = 1024;
/** Of a stream that we give up, what its peer has sent before it knows: head, content and trailers. */
const LATE_FRAMES = 16;
/** After an answer: windows, RST_STREAM, and what crosses on the way. */
const CONTROL_OF_ANSWER = 4;
/** Milliseconds after which a stream that is given up was no attack (as Envoy's premature_reset_min_stream_lifetime_seconds). */
const YOUNG_MS = 1000;

export class FloodGuard {
  /** Streams that the peer gives up soon after it has opened them, before they are answered: each has cost a whole exchange. */
  readonly #resets: Budget;
  /** Frames about the connection, and those that concern nothing any more. */
  readonly #control: Budget;
  /** DATA without content, informational responses, and header blocks and crumbs of content that have to be thrown away. */
  readonly #empty: Budget;
  #flood: Flood | null = null;

  constructor(now: number) {
    this.#resets = new Budget(now, 200, 200, 50);
    this.#control = new Budget(now, 1000, 1000 + 2 * CONTROL_OF_ANSWER * MAX_STREAMS, 200);
    this.#empty = new Budget(now, 200, 200 + LATE_FRAMES * MAX_STREAMS, 50);
  }

  /** Which budget ran out. */
  get flood(): Flood | null {
    return this.#flood;
  }

  /** A stream was answered whole. */
  answered(): void {
    this.#resets.earn(1);
    this.#control.earn(CONTROL_OF_ANSWER);
    this.#empty.earn(1);
  }

  /** We have given a stream up. */
  gaveUp(): void {
    this.#control.earn(CONTROL_OF_ANSWER);
    this.#empty.earn(LATE_FRAMES);
  }

  /** Content was sent or received: its windows have to be opened again. */
  moved(): void {
    this.#control.earn(2);
    this.#empty.earn(1);
  }

  /** @param openedAt when the peer had opened the stream, as `now`. */
  reset(now: number, openedAt: number): boolean {
    return now - openedAt >= YOUNG_MS || this.#resets.spend(now) || this.#ranOut('reset');
  }

  control(now: number): boolean {
    return this.#control.spend(now) || this.#ranOut('control');
  }

  empty(now: number): boolean {
    return this.#empty.spend(now) || this.#ranOut('empty');
  }

  #ranOut(flood: Flood): false {
    this.#flood = flood;
    return false;
  }
}
