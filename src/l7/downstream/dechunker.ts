/** Takes the data out of a chunked body that has been validated already, for a client that knows no chunks. */
import { ChunkedScanner } from '../http1/chunked.ts';

export class Dechunker {
  readonly #scanner = new ChunkedScanner();

  constructor() {
    this.#scanner.reset();
  }

  each(bytes: Uint8Array, start: number, end: number, take: (start: number, end: number) => void): void {
    for (let at = start; at < end && !this.#scanner.done;) {
      const next = this.#scanner.nextData(bytes, at, end);
      if (this.#scanner.dataEnd > this.#scanner.dataStart) take(this.#scanner.dataStart, this.#scanner.dataEnd);
      if (next <= at) return;
      at = next;
    }
  }
}
