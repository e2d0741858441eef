/** Reads what a writer of the same vocabulary wrote (writer.ts). */
import { MOST_KNOWN, SMALL, Tag, type Vocabulary } from './vocabulary.ts';
import { DecodedTexts } from './decoded-texts.ts';

const SHORTEST_KNOWN = 3;

export class PlainReader {
  readonly #vocabulary: Vocabulary;
  readonly #texts = new DecodedTexts();
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #known: string[] = [];
  /** The number of the name behind which nothing is read; 0: none. */
  #last = 0;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /**
   * Other objects each time.
   *
   * @param known the text that the writer was given. @param last of an object's names; what stands behind it is left out (of all objects).
   */
  read(bytes: Buffer, at: number, known?: string, last?: string): unknown {
    this.#bytes = bytes;
    this.#at = at;
    this.#known = known === undefined ? [] : [known];
    this.#last = last === undefined ? 0 : (this.#vocabulary.nameNumbers.get(last) ?? 0);
    return this.#value();
  }

  #value(): unknown {
    const tag = this.#byte();
    if (tag <= SMALL) return tag;
    if (tag >= Tag.SmallArray) return this.#array(tag - Tag.SmallArray);
    if (tag >= Tag.SmallObject) return this.#object(tag - Tag.SmallObject);
    switch (tag) {
      case Tag.Null:
        return null;
      case Tag.True:
      case Tag.False:
        return tag === Tag.True;
      case Tag.Natural:
        return this.#natural();
      case Tag.Double:
        return this.#bytes.readDoubleLE((this.#at += 8) - 8);
      case Tag.Array:
        return this.#array(this.#natural());
      case Tag.Object:
        return this.#object(this.#natural());
      default:
        return this.#text(tag);
    }
  }

  #array(length: number): unknown[] {
    const items = new Array<unknown>(length);
    for (let index = 0; index < length; index++) items[index] = this.#value();
    return items;
  }

  #object(fields: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let left = fields; left > 0; left--) {
      const number = this.#natural();
      const name = number === 0 ? this.#text(this.#byte()) : (this.#vocabulary.names[number - 1] as string);
      const value = this.#value();
      // Authors choose the names of headers and labels, and this one is not assigned but changes what the object is.
      if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
      else object[name] = value;
      if (number !== 0 && number === this.#last) break;
    }
    return object;
  }

  #text(tag: number): string {
    const number = this.#natural();
    switch (tag) {
      case Tag.Word:
        return this.#vocabulary.words[number] as string;
      case Tag.Same:
        return this.#known[number] as string;
      case Tag.Part: {
        const from = this.#natural();
        return this.#know((this.#known[number] as string).slice(from, from + this.#natural()));
      }
      case Tag.Around:
        return this.#know(this.#cut(this.#natural()) + (this.#known[number] as string) + this.#cut(this.#natural()));
      case Tag.WideText:
        return this.#know(this.#bytes.toString('utf16le', this.#at, (this.#at += 2 * number)));
      default:
        return this.#know(this.#cut(number));
    }
  }

  #know(text: string): string {
    if (text.length >= SHORTEST_KNOWN && this.#known.length < MOST_KNOWN) this.#known.push(text);
    return text;
  }

  #cut(length: number): string {
    const from = this.#at;
    this.#at += length;
    return this.#texts.at(this.#bytes, from, length);
  }

  #natural(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      value |= (byte & SMALL) << shift;
      if (byte <= SMALL) return value;
    }
  }

  #byte(): number {
    return this.#bytes[this.#at++] as number;
  }
}
