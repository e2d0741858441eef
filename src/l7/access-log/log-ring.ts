/**
 * Lines of one worker, or what else it tells, on their way to the control thread: a ring of bytes in shared memory, with one writer and one reader. Neither
 * waits for the other: what has no room is dropped and counted.
 *
 *     head ──▶ where the reader is        bytes between head and tail are records:
 *     tail ──▶ where the writer is        length (4) · length of the sink's name (2) · sink · line
 *
 * Positions grow without end modulo 2^32, and the ring's size is a power of two, so that full and empty differ.
 *
 * Invariants (test/l7/access-log/log-ring.test.ts):
 *  1. what is read is what was written, in that order, whatever the positions;
 *  2. a record is whole or not there.
 */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
const COUNTERS_BYTES = 16;
const RECORD_HEAD = 6;

export class LogRing {
  /** Half a megabyte: two thousand lines between two visits of the reader. Virtual memory only, until it is used. */
  static readonly BYTES = 1 << 19;
  readonly memory: SharedArrayBuffer;
  readonly #counters: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mask: number;
  /** Of the record that was read last: most go to one sink. */
  #sink = '';

  /** @param memory of another thread's ring; else a new one. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_BYTES + LogRing.BYTES)) {
    this.memory = memory;
    this.#counters = new Int32Array(memory, 0, COUNTERS_BYTES / 4);
    this.#bytes = new Uint8Array(memory, COUNTERS_BYTES);
    this.#mask = this.#bytes.length - 1;
  }

  /** Records that had no room. */
  get dropped(): number {
    return Atomics.load(this.#counters, DROPPED) >>> 0;
  }

  /** Counts a record that is not written. */
  drop(): void {
    Atomics.add(this.#counters, DROPPED, 1);
  }

  /** @returns whether there was room. */
  write(sink: Uint8Array, line: Uint8Array, length: number): boolean {
    const size = RECORD_HEAD + sink.length + length;
    const tail = this.#counters[TAIL] as number;
    if (this.#bytes.length - ((tail - Atomics.load(this.#counters, HEAD)) >>> 0) < size) {
      this.drop();
      return false;
    }
    let at = this.#putWord(tail, size);
    at = this.#putByte(this.#putByte(at, sink.length >>> 8), sink.length & 255);
    at = this.#put(at, sink, sink.length);
    at = this.#put(at, line, length);
    Atomics.store(this.#counters, TAIL, at | 0);
    return true;
  }

  /** Hands out what is there; the bytes are valid during the call. */
  read(each: (sink: string, line: Uint8Array) => void): void {
    const tail = Atomics.load(this.#counters, TAIL);
    let at = this.#counters[HEAD] as number;
    while (at !== tail) {
      const size = this.#word(at);
      const nameLength = ((this.#byte(at + 4) << 8) | this.#byte(at + 5)) >>> 0;
      if (!this.#isLastSink(at + RECORD_HEAD, nameLength)) this.#sink = latin1(this.#copy(at + RECORD_HEAD, nameLength));
      each(this.#sink, this.#copy(at + RECORD_HEAD + nameLength, size - RECORD_HEAD - nameLength));
      at = (at + size) | 0;
      Atomics.store(this.#counters, HEAD, at);
    }
  }

  #isLastSink(at: number, length: number): boolean {
    if (this.#sink.length !== length) return false;
    for (let i = 0; i < length; i++) if (this.#byte(at + i) !== this.#sink.charCodeAt(i)) return false;
    return true;
  }

  #put(at: number, bytes: Uint8Array, length: number): number {
    const start = at & this.#mask;
    const first = Math.min(length, this.#bytes.length - start);
    this.#bytes.set(first === bytes.length ? bytes : bytes.subarray(0, first), start);
    if (first < length) this.#bytes.set(bytes.subarray(first, length), 0);
    return at + length;
  }

  #putByte(at: number, byte: number): number {
    this.#bytes[at & this.#mask] = byte;
    return at + 1;
  }

  #putWord(at: number, value: number): number {
    for (let shift = 24; shift >= 0; shift -= 8) at = this.#putByte(at, (value >>> shift) & 255);
    return at;
  }

  #byte(at: number): number {
    return this.#bytes[at & this.#mask] as number;
  }

  #word(at: number): number {
    return ((this.#byte(at) << 24) | (this.#byte(at + 1) << 16) | (this.#byte(at + 2) << 8) | this.#byte(at + 3)) >>> 0;
  }

  #copy(at: number, length: number): Uint8Array {
    const start = at & this.#mask;
    if (start + length <= this.#bytes.length) return this.#bytes.slice(start, start + length);
    const first = this.#bytes.length - start;
    const copied = new Uint8Array(length);
    copied.set(this.#bytes.subarray(start, start + first));
    if (first < length) copied.set(this.#bytes.subarray(0, length - first), first);
    return copied;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
