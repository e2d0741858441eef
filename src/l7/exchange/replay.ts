/**
 * What a request needs to be sent again: its head, and the beginning of its body for as long as that may be needed.
 *
 * Invariants (test/l7/exchange/replay.test.ts):
 *  1. while `whole`, everything of the body that came so far is here;
 *  2. more than the limit is kept only while nobody takes the body (no attempt is under way), and then at most what had arrived
 *     before the client was paused.
 */
import type { UpstreamStream } from '../message/stream.ts';
import { HeadStore, KeptHead } from './head-store.ts';

export class Replay {
  readonly head = new KeptHead();
  /** Bytes of the body that are kept. */
  kept = 0;
  readonly #heads: HeadStore;
  readonly #limit: number;
  #keeping = false;
  #pieces: Uint8Array[] | null = null;

  constructor(heads: HeadStore, limit: number) {
    this.#heads = heads;
    this.#limit = limit;
  }

  keepHead(bytes: Uint8Array, start: number, end: number): void {
    this.#heads.keep(this.head, bytes, start, end);
  }

  /** From the first byte of the body on. */
  keepBody(): void {
    this.#keeping = true;
  }

  /** Whether the body that came so far can be sent again. */
  get whole(): boolean {
    return this.#keeping;
  }

  /** Whether the client must be paused while nobody takes the body. */
  get full(): boolean {
    return this.kept > this.#limit / 2;
  }

  /** @param taken somebody sends these bytes now; otherwise they exist here only. */
  add(bytes: Uint8Array, start: number, end: number, taken: boolean): void {
    if (!this.#keeping) return;
    if (taken && this.kept + end - start > this.#limit) return this.dropBody();
    (this.#pieces ??= []).push(bytes.slice(start, end));
    this.kept += end - start;
  }

  send(stream: Pick<UpstreamStream, 'data'>): void {
    if (this.#pieces !== null) for (const piece of this.#pieces) stream.data(piece, 0, piece.length);
  }

  /** The body is not needed again, or has become too large to be kept. */
  dropBody(): void {
    this.#keeping = false;
    this.#pieces = null;
    this.kept = 0;
  }

  /** Once an attempt has got all of it: what exceeds the limit is not kept any longer. */
  trim(): void {
    if (this.kept > this.#limit) this.dropBody();
  }

  release(): void {
    this.dropBody();
    this.#heads.release(this.head);
  }
}
