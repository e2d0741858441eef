/**
 * What the agent says, asked for again and again while somebody looks.
 *
 * Invariants (test/console/feeds.test.ts):
 *  1. only what is watched is asked for, and each of it once at a time;
 *  2. nothing is asked while it is paused or the page is hidden, and everything at once when that ends;
 *  3. the last answer stays until there is another one; a failure says since when there was none;
 *  4. an answer that comes after it was last watched changes nothing.
 */

/** `at` and `since` are milliseconds since the epoch. */
export interface Reading<T> {
  /** The last answer; null: there was none. */
  readonly data: T | null;
  /** Of the last answer. */
  readonly at: number | null;
  /** Null: the last question was answered, or none was asked yet. */
  readonly failure: { readonly since: number; readonly message: string } | null;
}

export interface FeedMeans {
  /** @throws an error whose message a person can read. */
  readonly ask: (path: string) => Promise<unknown>;
  readonly now: () => number;
  /** Returns how to call it off. */
  readonly after: (ms: number, run: () => void) => () => void;
}

const INTERVAL_MS = 2000;
const NOTHING: Reading<never> = { data: null, at: null, failure: null };

interface Watched {
  reading: Reading<unknown>;
  readonly listeners: Set<() => void>;
  isAsking: boolean;
}

export class Feeds {
  readonly #means: FeedMeans;
  readonly #watched = new Map<string, Watched>();
  #callOff: (() => void) | null = null;
  #isPaused = false;
  #isHidden = false;

  constructor(means: FeedMeans) {
    this.#means = means;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  reading<T>(path: string): Reading<T> {
    return (this.#watched.get(path)?.reading ?? NOTHING) as Reading<T>;
  }

  /** @param listener is told of every new reading. Returns how to stop watching. */
  watch(path: string, listener: () => void): () => void {
    const watched = this.#watched.get(path) ?? { reading: NOTHING, listeners: new Set(), isAsking: false };
    this.#watched.set(path, watched);
    watched.listeners.add(listener);
    if (!this.#isHidden && watched.reading === NOTHING) void this.#ask(path, watched);
    this.#plan();
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.#watched.get(path) === watched) this.#watched.delete(path);
    };
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#resume();
    for (const { listeners } of this.#watched.values()) for (const listener of listeners) listener();
  }

  hide(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.#resume();
  }

  get #rests(): boolean {
    return this.#isPaused || this.#isHidden;
  }

  #resume(): void {
    this.#callOff?.();
    this.#callOff = null;
    if (!this.#rests) void this.#round();
  }

  #plan(): void {
    if (this.#rests || this.#callOff !== null) return;
    this.#callOff = this.#means.after(INTERVAL_MS, () => {
      this.#callOff = null;
      void this.#round();
    });
  }

  /** The next round begins an interval after the answers to this one. */
  async #round(): Promise<void> {
    await Promise.all([...this.#watched].map(([path, watched]) => this.#ask(path, watched)));
    if (this.#watched.size > 0) this.#plan();
  }

  async #ask(path: string, watched: Watched): Promise<void> {
    if (watched.isAsking) return;
    watched.isAsking = true;
    const reading = await this.#question(path, watched);
    watched.isAsking = false;
    if (this.#watched.get(path) !== watched) return;
    watched.reading = reading;
    for (const listener of watched.listeners) listener();
  }

  async #question(path: string, watched: Watched): Promise<Reading<unknown>> {
    const { ask, now } = this.#means;
    try {
      return { data: await ask(path), at: now(), failure: null };
    } catch (error) {
      const { data, at, failure } = watched.reading;
      const message = error instanceof Error ? error.message : String(error);
      return { data, at, failure: { since: failure?.since ?? now(), message } };
    }
  }
}
