/**
 * The streams of a connection by identifier. A Map would do, but one that streams come and go in leaves a trail of tables behind, each of
 * which holds what it held, and refers to the next one: once the first has grown old, V8's young collections free none of them.
 *
 * Open addressing; what is taken out leaves no mark. Invariants (test/l7/http2/stream-table.test.ts): it holds what a Map would hold; at
 * least half of the slots are free.
 */

const SMALLEST = 8;
/** 2^32 divided by the golden ratio, odd. */
const GOLDEN = 0x9e3779b1;
/** Slots that a table without streams gives back. */
const LARGE = 512;

export class StreamTable<S extends { readonly id: number }> {
  size = 0;
  #slots: (S | null)[] = free(SMALLEST);

  get(id: number): S | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = home(id, mask); ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream == null) return undefined;
      if (stream.id === id) return stream;
    }
  }

  /** The identifier is none that is there. */
  add(stream: S): void {
    if (2 * (this.size + 1) > this.#slots.length) this.#grow();
    this.#put(stream);
    this.size++;
  }

  delete(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = home(id, mask);
    for (; slots[at]?.id !== id; at = (at + 1) & mask) if (slots[at] == null) return;
    this.size--;
    this.#close(at);
    if (this.size === 0 && slots.length > LARGE) this.#slots = free(SMALLEST);
  }

  /** Those that are there now, the oldest first. */
  all(): S[] {
    return this.#slots.filter((stream) => stream !== null).toSorted((a, b) => a.id - b.id);
  }

  #put(stream: S): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = home(stream.id, mask);
    while (slots[at] != null) at = (at + 1) & mask;
    slots[at] = stream;
  }

  /** Moves up what could not stand nearer to its own slot. */
  #close(hole: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream == null) break;
      if (((at - home(stream.id, mask)) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = stream;
      hole = at;
    }
    slots[hole] = null;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = free(2 * before.length);
    for (const stream of before) if (stream !== null) this.#put(stream);
  }
}

function free<S>(slots: number): (S | null)[] {
  return new Array<S | null>(slots).fill(null);
}

/** Identifiers follow each other: slots beside each other would make one long row, which every removal would have to pass along. */
function home(id: number, mask: number): number {
  return (Math.imul(id, GOLDEN) >>> 15) & mask;
}
