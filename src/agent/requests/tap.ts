/** One reader of live requests: lines of JSON, at most so many of which wait for it. */
import type { TapFilter } from '../../l7/tap/tap-filter.ts';

const MOST_WAITING = 1000;

export class Tap implements AsyncIterable<Buffer> {
  readonly filter: TapFilter;
  /** Lines that the reader was too slow for. */
  dropped = 0;
  readonly #onClose: () => void;
  #lines: string[] = [];
  #told = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(filter: TapFilter, onClose: () => void) {
    this.filter = filter;
    this.#onClose = onClose;
  }

  /** @param line JSON. */
  add(line: string): void {
    if (this.#lines.length >= MOST_WAITING) this.dropped++;
    else this.#lines.push(line);
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#wake();
  }

  /** What has come, as often as something has. Where lines were dropped, a line `{"dropped":n}` says how many. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    while (!this.#closed) {
      if (this.#lines.length === 0) await new Promise<void>((wake) => (this.#wake = wake));
      else yield this.#take();
    }
  }

  #take(): Buffer {
    const lines = this.#lines;
    this.#lines = [];
    if (this.dropped > this.#told) lines.push(JSON.stringify({ dropped: this.dropped - this.#told }));
    this.#told = this.dropped;
    return Buffer.from(`${lines.join('\n')}\n`);
  }
}
