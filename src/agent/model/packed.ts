/**
 * Plain data (as JSON has it) as one string of bytes: a tenth of what the same objects take. Two that are equal are packed alike, if their
 * fields stand in one order, so that they can be told apart without being unpacked.
 *
 *     value  = a small number, or a tag and what belongs to it
 *     text   = a word, a text that came before it in the same value, or its length and its characters
 *     object = how many fields; of each its name (a word, or a text) and its value
 *
 * Names of fields of the API, and what often stands in them, are words. They come from the schemas, so there are only so many.
 *
 * Invariant (test/agent/model/packed.test.ts): what was packed is read as it was, but for fields that are undefined.
 */
import { WORDS } from './words.ts';

declare const content: unique symbol;
export type Packed<T> = string & { readonly [content]: T };

const Tag = {
  /** 0 to 159 are these numbers. */
  Null: 160,
  True: 161,
  False: 162,
  Natural: 163,
  Number: 164,
  Text: 165,
  WideText: 166,
  Known: 167,
  Word: 168,
  Array: 169,
  Object: 170,
  /** With less than 32 fields or items, which are part of the tag. */
  SmallObject: 192,
  SmallArray: 224,
} as const;

const MOST_SMALL = 159;
const FEW = 32;
/** A shorter text is as good as the reference to it. */
const SHORTEST_KNOWN = 3;
/** Looked through one by one. */
const MOST_KNOWN = 64;
const FIRST_ROOM = 4096;
/** Up to this length V8 copies what is cut out of a string; what is longer would keep the whole. */
const LONGEST_CUT = 12;
const LONGEST_SHARED = 64;
const MOST_SHARED = 20_000;

const wordIndex = new Map(WORDS.map((word, index) => [word, index]));

class Packer {
  #bytes = Buffer.alloc(FIRST_ROOM);
  #end = 0;
  #known: string[] = [];

  pack(value: unknown): string {
    this.#end = 0;
    this.#known = [];
    this.#value(value);
    return this.#bytes.toString('latin1', 0, this.#end);
  }

  #value(value: unknown): void {
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
    for (const item of items) this.#value(item);
  }

  #object(object: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(object);
    let absent = 0;
    for (const name of names) if (object[name] === undefined) absent++;
    this.#counted(Tag.Object, Tag.SmallObject, names.length - absent);
    for (const name of names) {
      const value = object[name];
      if (value === undefined) continue;
      this.#text(name);
      this.#value(value);
    }
  }

  #counted(tag: number, smallTag: number, count: number): void {
    if (count < FEW) return this.#byte(smallTag + count);
    this.#byte(tag);
    this.#natural(count);
  }

  #number(value: number): void {
    const isNatural = Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff && !Object.is(value, -0);
    if (isNatural && value <= MOST_SMALL) return this.#byte(value);
    if (isNatural) {
      this.#byte(Tag.Natural);
      return this.#natural(value);
    }
    this.#byte(Tag.Number);
    this.#room(8);
    this.#end = this.#bytes.writeDoubleLE(value, this.#end);
  }

  #text(text: string): void {
    const word = wordIndex.get(text);
    if (word !== undefined) return this.#tagged(Tag.Word, word);
    if (text.length >= SHORTEST_KNOWN) {
      const index = this.#known.indexOf(text);
      if (index >= 0) return this.#tagged(Tag.Known, index);
      if (this.#known.length < MOST_KNOWN) this.#known.push(text);
    }
    const start = this.#end;
    this.#tagged(Tag.Text, text.length);
    this.#room(text.length);
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 255) return this.#wideText(text, start);
      this.#bytes[this.#end++] = code;
    }
  }

  #wideText(text: string, start: number): void {
    this.#end = start;
    this.#tagged(Tag.WideText, text.length);
    this.#room(2 * text.length);
    this.#end += this.#bytes.write(text, this.#end, 'utf16le');
  }

  #tagged(tag: number, number: number): void {
    this.#byte(tag);
    this.#natural(number);
  }

  #natural(value: number): void {
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.#byte((rest & 127) | 128);
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

class Unpacker {
  #packed = '';
  #at = 0;
  #known: string[] = [];
  /** The same bytes, once a long text was met. */
  #bytes: Buffer = Buffer.alloc(FIRST_ROOM);
  #hasBytes = false;
  /** Names, labels and hosts stand in several objects, and what is made of these keeps them: one copy for all, as far as may be. */
  readonly #lately = new Map<string, string>();

  unpack(packed: string): unknown {
    this.#packed = packed;
    this.#at = 0;
    this.#known = [];
    this.#hasBytes = false;
    return this.#value();
  }

  #value(): unknown {
    const tag = this.#packed.charCodeAt(this.#at++);
    if (tag <= MOST_SMALL) return tag;
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
      case Tag.Number:
        return this.#raw().readDoubleLE((this.#at += 8) - 8);
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
    for (let at = 0; at < length; at++) items[at] = this.#value();
    return items;
  }

  #object(fields: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let left = fields; left > 0; left--) {
      const name = this.#text(this.#packed.charCodeAt(this.#at++));
      const value = this.#value();
      // Authors choose the names of headers and labels, and this one is not assigned but changes what the object is.
      if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
      else object[name] = value;
    }
    return object;
  }

  #text(tag: number): string {
    const number = this.#natural();
    if (tag === Tag.Word) return WORDS[number] as string;
    if (tag === Tag.Known) return this.#known[number] as string;
    const text = this.#shared(tag === Tag.WideText ? this.#wideText(number) : this.#cut(number));
    if (number >= SHORTEST_KNOWN && this.#known.length < MOST_KNOWN) this.#known.push(text);
    return text;
  }

  #shared(text: string): string {
    if (text.length > LONGEST_SHARED) return text;
    const known = this.#lately.get(text);
    if (known !== undefined) return known;
    if (this.#lately.size === MOST_SHARED) this.#lately.clear();
    this.#lately.set(text, text);
    return text;
  }

  #cut(length: number): string {
    const from = this.#at;
    this.#at += length;
    return length <= LONGEST_CUT ? this.#packed.slice(from, this.#at) : this.#raw().toString('latin1', from, this.#at);
  }

  #wideText(length: number): string {
    const from = this.#at;
    this.#at += 2 * length;
    return this.#raw().toString('utf16le', from, this.#at);
  }

  #raw(): Buffer {
    if (this.#hasBytes) return this.#bytes;
    this.#hasBytes = true;
    const { length } = this.#packed;
    if (length > this.#bytes.length) this.#bytes = Buffer.alloc(2 * length);
    this.#bytes.write(this.#packed, 'latin1');
    return this.#bytes;
  }

  #natural(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#packed.charCodeAt(this.#at++);
      value |= (byte & 127) << shift;
      if (byte <= 127) return value;
    }
  }
}

const packer = new Packer();
const unpacker = new Unpacker();

export const pack = <T>(value: T): Packed<T> => packer.pack(value) as Packed<T>;

/** Other objects each time. */
export const unpack = <T>(packed: Packed<T>): T => unpacker.unpack(packed) as T;
