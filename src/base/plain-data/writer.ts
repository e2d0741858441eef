/**
 * Plain data (as JSON has it) as few bytes. Two values that are equal are written alike if their fields stand in one order, so that
 * they can be told apart without being read.
 *
 *     value  = 0–127: that number, or a tag and what belongs to it
 *     text   = a word; a text that came before it; its length and its characters; or, where names contain each other, by a text
 *              that came before: a part of it, or it with something around
 *     object = how many fields; of each the number of its name (0: a text follows) and its value
 *
 * Invariant (test/base/plain-data.test.ts): what was written is read as it was, but for fields that are undefined.
 */
import { FEW, MOST_KNOWN, SMALL, Tag, type Vocabulary } from './vocabulary.ts';

const FIRST_ROOM = 4096;
/** A shorter text is as good as the reference to it. */
const SHORTEST_KNOWN = 3;
const SHORTEST_PART = 4;
const SHORTEST_CORE = 8;

export class PlainWriter {
  readonly #vocabulary: Vocabulary;
  readonly #byParts: boolean;
  #bytes = Buffer.alloc(FIRST_ROOM);
  #end = 0;
  #known: string[] = [];

  /** @param byParts whether texts are said by others that contain them, which takes a search for each. */
  constructor(vocabulary: Vocabulary, byParts: boolean) {
    this.#vocabulary = vocabulary;
    this.#byParts = byParts;
  }

  /** What was written since `begin`, until the next one. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /** The same as a string of bytes. */
  get packed(): string {
    return this.#bytes.toString('latin1', 0, this.#end);
  }

  /** @param room bytes that the caller fills himself. @param known a text that the reader has, too. */
  begin(room = 0, known?: string): void {
    this.#end = 0;
    this.#known = known === undefined ? [] : [known];
    this.#room(room);
    this.#end = room;
  }

  /** Characters below 256, without anything that says where they end. */
  raw(text: string): void {
    this.#room(text.length);
    this.#end += this.#bytes.write(text, this.#end, 'latin1');
  }

  /** @throws TypeError for what is no plain data. */
  value(value: unknown): void {
    if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (value === null) this.#byte(Tag.Null);
    else if (typeof value === 'boolean') this.#byte(value ? Tag.True : Tag.False);
    else if (Array.isArray(value)) this.#array(value);
    else if (typeof value === 'object') this.#object(value as Readonly<Record<string, unknown>>);
    else throw new TypeError(`a ${typeof value} is no plain data`);
  }

  #array(items: readonly unknown[]): void {
    this.#counted(Tag.Array, Tag.SmallArray, items.length);
    for (const item of items) this.value(item);
  }

  #object(object: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(object);
    let absent = 0;
    for (const name of names) if (object[name] === undefined) absent++;
    this.#counted(Tag.Object, Tag.SmallObject, names.length - absent);
    const { nameNumbers } = this.#vocabulary;
    for (const name of names) {
      const value = object[name];
      if (value === undefined) continue;
      const number = nameNumbers.get(name) ?? 0;
      this.#natural(number);
      if (number === 0) this.#text(name);
      this.value(value);
    }
  }

  #counted(tag: number, smallTag: number, count: number): void {
    if (count < FEW) this.#byte(smallTag + count);
    else this.#tagged(tag, count);
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff && !Object.is(value, -0)) {
      if (value > SMALL) this.#byte(Tag.Natural);
      return this.#natural(value);
    }
    this.#byte(Tag.Double);
    this.#room(8);
    this.#end = this.#bytes.writeDoubleLE(value, this.#end);
  }

  #text(text: string): void {
    const word = this.#vocabulary.wordNumbers.get(text);
    if (word !== undefined) return this.#tagged(Tag.Word, word);
    if (this.#byParts) {
      if (this.#byKnown(text)) return;
    } else if (text.length >= SHORTEST_KNOWN) {
      const index = this.#known.indexOf(text);
      if (index >= 0) return this.#tagged(Tag.Same, index);
    }
    this.#literal(text);
    this.#know(text);
  }

  #literal(text: string): void {
    const start = this.#end;
    this.#tagged(Tag.Text, text.length);
    if (!this.#latin1(text)) this.#wide(text, start);
  }

  /** @returns false for text beyond Latin-1, with some of it written. */
  #latin1(text: string): boolean {
    this.#room(text.length);
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 255) return false;
      this.#bytes[this.#end++] = code;
    }
    return true;
  }

  #wide(text: string, start: number): void {
    this.#end = start;
    this.#tagged(Tag.WideText, text.length);
    this.#room(2 * text.length);
    this.#end += this.#bytes.write(text, this.#end, 'utf16le');
  }

  /** Says a text by one that is known, if there is a suitable one. */
  #byKnown(text: string): boolean {
    let core = -1;
    let length = 0;
    for (let index = 0; index < this.#known.length; index++) {
      const known = this.#known[index] as string;
      if (known === text) {
        this.#tagged(Tag.Same, index);
        return true;
      }
      if (text.length < known.length) {
        const at = text.length >= SHORTEST_PART ? known.indexOf(text) : -1;
        if (at >= 0) return this.#part(index, at, text);
      } else if (known.length >= SHORTEST_CORE && known.length > length && text.includes(known)) {
        core = index;
        length = known.length;
      }
    }
    return core >= 0 && this.#around(core, text);
  }

  #part(index: number, at: number, text: string): true {
    this.#tagged(Tag.Part, index);
    this.#natural(at);
    this.#natural(text.length);
    this.#know(text);
    return true;
  }

  /** @returns false, with nothing written, where what is around is beyond Latin-1. */
  #around(index: number, text: string): boolean {
    const start = this.#end;
    const known = this.#known[index] as string;
    const at = text.indexOf(known);
    this.#tagged(Tag.Around, index);
    for (const side of [text.slice(0, at), text.slice(at + known.length)]) {
      this.#natural(side.length);
      if (this.#latin1(side)) continue;
      this.#end = start;
      return false;
    }
    this.#know(text);
    return true;
  }

  #know(text: string): void {
    if (text.length >= SHORTEST_KNOWN && this.#known.length < MOST_KNOWN) this.#known.push(text);
  }

  #tagged(tag: number, number: number): void {
    this.#byte(tag);
    this.#natural(number);
  }

  #natural(value: number): void {
    let rest = value;
    for (; rest > SMALL; rest >>>= 7) this.#byte((rest & SMALL) | 128);
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#end++] = value;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 * (this.#end + bytes));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}
