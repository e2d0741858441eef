/** `date: …` with CRLF (RFC 9110 §5.6.7), made once a second. */
import { literal, type WireText } from './wire-text.ts';

export class DateLine {
  readonly #now: () => number;
  #second = -1;
  #text: WireText = literal('');
  #bytes = new Uint8Array(0);

  /** @param now milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get bytes(): Uint8Array {
    this.#renew();
    return this.#bytes;
  }

  get text(): WireText {
    this.#renew();
    return this.#text;
  }

  #renew(): void {
    const now = this.#now();
    const second = Math.floor(now / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#text = literal(`date: ${new Date(now).toUTCString()}\r\n`);
    this.#bytes = Buffer.from(this.#text, 'latin1');
  }
}
