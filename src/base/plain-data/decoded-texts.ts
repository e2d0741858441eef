/**
 * One string for equal bytes, as far as may be: names, labels and hosts stand in several objects, and what is made of these keeps them.
 * Comparing bytes with a string that is there takes less time than making one.
 */
const SLOTS = 1 << 13;
const LONGEST = 64;

export class DecodedTexts {
  readonly #slots: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined);

  /** `length` bytes of Latin-1 at `from`. */
  at(bytes: Buffer, from: number, length: number): string {
    if (length === 0) return '';
    if (length > LONGEST) return bytes.toString('latin1', from, from + length);
    let hash = length;
    for (let at = from; at < from + length; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    const slot = (hash ^ (hash >>> 13)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isAt(known, bytes, from, length)) return known;
    const text = bytes.toString('latin1', from, from + length);
    this.#slots[slot] = text;
    return text;
  }
}

function isAt(text: string, bytes: Buffer, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) !== bytes[from + at]) return false;
  return true;
}
