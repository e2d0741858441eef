/**
 * Lines of one worker for one reader on the control thread, which gets them as they are to be written: a ring of bytes in shared memory,
 * with one writer and one reader. Neither waits for the other: a line that has no room is dropped and counted.
 *
 *     head ──▶ where the reader is        between head and tail are whole lines, each with its end
 *     tail ──▶ where the writer is
 *
 * Positions grow without end modulo 2^32, and the ring's size is a power of two, so that full and empty differ. Most rings are empty most
 * of the time: the reader then offers the writer to begin at the front again, so that a ring uses no more memory than its bursts need.
 *
 *     using ──reader: empty──▶ offered ──writer: still empty──▶ moving ──▶ using      while offered or moving nothing is read;
 *       ▲──────reader: a line has come meanwhile──┘                                   only the reader takes an offer back
 *
 * Invariants (test/base/line-ring.test.ts):
 *  1. what is read is what was written, in that order, whatever the positions;
 *  2. a line is whole or not there.
 */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
const LINES = 3;
const OFFER = 4;
const COUNTERS_BYTES = 32;
const Offer = { None: 0, Made: 1, Moving: 2 } as const;

/** From where on in the ring it is worth while to begin at the front again. */
const FAR = 1 << 16;
const LINE_END = 0x0a;

export class LineRing {
  /** What a worker at full speed writes in 160 ms, in which the control thread may be busy. Virtual memory only, until it is used. */
  static readonly BYTES = 1 << 24;
  readonly memory: SharedArrayBuffer;
  readonly #state: Int32Array;
  readonly #bytes: Buffer;
  readonly #mask: number;
  /** The writer's. */
  #tail: number;
  #seenHead: number;

  /** @param memory of another thread's ring; else a new one. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_BYTES + LineRing.BYTES)) {
    this.memory = memory;
    this.#state = new Int32Array(memory, 0, COUNTERS_BYTES / 4);
    this.#bytes = Buffer.from(memory, COUNTERS_BYTES);
    this.#mask = this.#bytes.length - 1;
    this.#tail = Atomics.load(this.#state, TAIL);
    this.#seenHead = Atomics.load(this.#state, HEAD);
  }

  /** Lines that had no room. */
  get dropped(): number {
    return Atomics.load(this.#state, DROPPED) >>> 0;
  }

  /** Lines that had room. */
  get lines(): number {
    return Atomics.load(this.#state, LINES) >>> 0;
  }

  // ── the writer's side ─────────────────────────────────────────────────────────────────────────────────────────

  /** Counts lines that are not written. */
  drop(lines = 1): void {
    Atomics.add(this.#state, DROPPED, lines);
  }

  /** @returns whether there was room. */
  write(line: Buffer, length: number): boolean {
    const written = this.append(line, length);
    this.publish();
    return written;
  }

  /**
   * Writes what the reader sees from `publish` on.
   * @param line of that length, with its end; or several of them, of which all have room or none has. @returns whether there was room.
   */
  append(line: Buffer, length: number, lines = 1): boolean {
    const state = this.#state;
    if (state[OFFER] === Offer.Made) this.#moveToFront();
    const bytes = this.#bytes;
    const tail = this.#tail;
    if (bytes.length - ((tail - this.#seenHead) >>> 0) < length && !this.#hasRoom(length, lines)) return false;
    const start = tail & this.#mask;
    const first = Math.min(length, bytes.length - start);
    // Buffer's copy is one call of memmove; that of shared typed arrays goes byte by byte.
    line.copy(bytes, start, 0, first);
    if (first < length) line.copy(bytes, 0, first, length);
    state[LINES] = ((state[LINES] as number) + lines) | 0;
    this.#tail = (tail + length) | 0;
    return true;
  }

  /** A fence costs as much as writing a line: once for all lines of a turn. */
  publish(): void {
    Atomics.store(this.#state, TAIL, this.#tail);
  }

  #hasRoom(length: number, lines: number): boolean {
    this.#seenHead = Atomics.load(this.#state, HEAD);
    if (this.#bytes.length - ((this.#tail - this.#seenHead) >>> 0) >= length) return true;
    this.drop(lines);
    return false;
  }

  #moveToFront(): void {
    const state = this.#state;
    if (Atomics.load(state, HEAD) !== this.#tail) return;
    if (Atomics.compareExchange(state, OFFER, Offer.Made, Offer.Moving) !== Offer.Made) return;
    this.#tail = this.#seenHead = (this.#tail + this.#mask) & ~this.#mask;
    Atomics.store(state, HEAD, this.#tail);
    Atomics.store(state, TAIL, this.#tail);
    Atomics.store(state, OFFER, Offer.None);
  }

  // ── the reader's side ─────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes that are there to be read. */
  get ready(): number {
    const state = this.#state;
    const offer = Atomics.load(state, OFFER);
    if (offer === Offer.Moving) return 0;
    const ready = (Atomics.load(state, TAIL) - Atomics.load(state, HEAD)) >>> 0;
    if (offer === Offer.None || ready === 0) return ready;
    return Atomics.compareExchange(state, OFFER, Offer.Made, Offer.None) === Offer.Made ? ready : 0;
  }

  /** The first of them that lie together: valid until they are taken. */
  piece(): Uint8Array {
    const { ready } = this;
    const start = Atomics.load(this.#state, HEAD) & this.#mask;
    return this.#bytes.subarray(start, Math.min(start + ready, this.#bytes.length));
  }

  /** They have been read: their room is the writer's again. */
  taken(bytes: number): void {
    const state = this.#state;
    const head = (Atomics.load(state, HEAD) + bytes) | 0;
    Atomics.store(state, HEAD, head);
    if (head === Atomics.load(state, TAIL) && (head & this.#mask) >= FAR) Atomics.store(state, OFFER, Offer.Made);
  }

  /** Takes all lines that are there. @param each gets them without their ends, in memory that nobody writes to any more. */
  read(each: (line: Buffer) => void): void {
    const pieces: Buffer[] = [];
    for (let left = this.ready; left > 0; left = this.ready) {
      const piece = Buffer.from(this.piece());
      pieces.push(piece);
      this.taken(piece.length);
    }
    const all = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    for (let start = 0; start < all.length;) {
      const end = all.indexOf(LINE_END, start);
      each(all.subarray(start, end < 0 ? all.length : end));
      start = end < 0 ? all.length : end + 1;
    }
  }
}
