/** Something that happens now and then, and for which others cut their waits short. */
export class Occasion {
  #next = new AbortController();

  /** Aborted when it happens the next time. Who takes it before a look misses nothing that happens during the look. */
  get next(): AbortSignal {
    return this.#next.signal;
  }

  happens(): void {
    this.#next.abort();
    this.#next = new AbortController();
  }
}
