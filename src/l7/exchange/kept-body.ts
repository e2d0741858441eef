/** The beginning of a request's body, kept for as long as it may have to be sent again; given up as soon as it grows past its bound. */
export class KeptBody {
  /** Whether everything that came so far is here. */
  keeping = false;
  kept = 0;
  readonly #limit: number;
  #pieces: Uint8Array[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    if (!this.keeping) return;
    if (this.kept + end - start > this.#limit) {
      this.clear();
      return;
    }
    this.#pieces.push(bytes.slice(start, end));
    this.kept += end - start;
  }

  replay(send: (bytes: Uint8Array) => void): void {
    for (const piece of this.#pieces) send(piece);
  }

  clear(): void {
    this.keeping = false;
    if (this.kept > 0) this.#pieces = [];
    this.kept = 0;
  }
}
