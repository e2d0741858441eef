/**
 * Plain data (as JSON has it) as few bytes. Records of a mesh repeat themselves: a service's name stands in its host, its cluster and its
 * routes. So a string may be said by one that came before it: the same, a part of it, or it with something around.
 *
 *     record = length (2) · length of the key (2) · key · value
 *     value  = 0–127: that number, or a tag and what belongs to it
 *
 * Invariant (test/l7/packed/plain-data.test.ts): what can be packed is read as it was.
 */
import { KEYS, WORDS } from './words.ts';

/** Bytes of the longest record; others travel as objects. */
export const LONGEST = 16 * 1024;
const HEADER = 4;
const SMALL = 127;
/** Strings that others may be said by. */
const MOST_KNOWN = 32;
/** What is worth referring to. */
const SHORTEST_PART = 4;
const SHORTEST_CORE = 8;

const Tag = {
  Null: 128,
  True: 129,
  False: 130,
  Natural: 131,
  Double: 132,
  Literal: 133,
  Same: 134,
  Part: 135,
  Around: 136,
  Word: 137,
  Array: 138,
  Object: 139,
} as const;

/** A key that is no word of ours follows as a string. */
const OTHER_KEY = 255;

const keyIndex = new Map(KEYS.map((key, index) => [key, index]));
const wordIndex = new Map(WORDS.map((word, index) => [word, index]));

/** Not what can be packed: too long, or text beyond Latin-1. */
class Unfit extends Error {}

export class PlainWriter {
  readonly #bytes = Buffer.alloc(LONGEST);
  #end = 0;
  #known: string[] = [];

  /** The packed record, to be copied before the next one is packed; null if it cannot be. */
  pack(key: string, value: unknown): Buffer | null {
    this.#end = HEADER;
    this.#known = [key];
    try {
      this.#raw(key);
      this.#bytes.writeUInt16LE(this.#end - HEADER, 2);
      this.#value(value);
    } catch (error) {
      if (error instanceof Unfit) return null;
      throw error;
    }
    this.#bytes.writeUInt16LE(this.#end, 0);
    return this.#bytes.subarray(0, this.#end);
  }

  #value(value: unknown): void {
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (value === null) this.#byte(Tag.Null);
    else if (typeof value === 'boolean') this.#byte(value ? Tag.True : Tag.False);
    else if (Array.isArray(value)) this.#array(value);
    else if (typeof value === 'object') this.#object(Object.entries(value as Record<string, unknown>));
    else throw new Unfit();
  }

  #array(values: readonly unknown[]): void {
    this.#byte(Tag.Array);
    this.#natural(values.length);
    for (const value of values) this.#value(value);
  }

  #object(entries: readonly (readonly [string, unknown])[]): void {
    const present = entries.filter(([, value]) => value !== undefined);
    this.#byte(Tag.Object);
    this.#natural(present.length);
    for (const [key, value] of present) {
      const index = keyIndex.get(key);
      this.#byte(index ?? OTHER_KEY);
      if (index === undefined) this.#string(key);
      this.#value(value);
    }
  }

  #number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff && !Object.is(value, -0)) {
      if (value > SMALL) this.#byte(Tag.Natural);
      this.#natural(value);
    } else {
      this.#byte(Tag.Double);
      this.#room(8);
      this.#end = this.#bytes.writeDoubleLE(value, this.#end);
    }
  }

  #string(text: string): void {
    const word = wordIndex.get(text);
    if (word !== undefined) this.#tagged(Tag.Word, word);
    else if (!this.#byKnown(text)) {
      this.#byte(Tag.Literal);
      this.#counted(text);
      this.#know(text);
    }
  }

  /** Says a string by one that is known, if there is a suitable one. */
  #byKnown(text: string): boolean {
    let core = -1;
    for (const [index, known] of this.#known.entries()) {
      if (known === text) return this.#tagged(Tag.Same, index);
      if (text.length >= SHORTEST_PART && text.length < known.length) {
        const at = known.indexOf(text);
        if (at >= 0) return this.#part(index, at, text);
      }
      const longer = known.length >= SHORTEST_CORE && known.length > (this.#known[core]?.length ?? 0);
      if (longer && text.includes(known)) core = index;
    }
    if (core < 0) return false;
    const known = this.#known[core] as string;
    const at = text.indexOf(known);
    this.#tagged(Tag.Around, core);
    this.#counted(text.slice(0, at));
    this.#counted(text.slice(at + known.length));
    this.#know(text);
    return true;
  }

  #part(index: number, at: number, text: string): true {
    this.#tagged(Tag.Part, index, at, text.length);
    this.#know(text);
    return true;
  }

  #know(text: string): void {
    if (this.#known.length < MOST_KNOWN) this.#known.push(text);
  }

  #tagged(tag: number, ...numbers: readonly number[]): true {
    this.#byte(tag);
    for (const number of numbers) this.#natural(number);
    return true;
  }

  #counted(text: string): void {
    this.#natural(text.length);
    this.#raw(text);
  }

  #raw(text: string): void {
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 255) throw new Unfit();
      this.#bytes[this.#end++] = code;
    }
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
    if (this.#end + bytes > LONGEST) throw new Unfit();
  }
}

/** Reads a record that lies in `bytes` at `start`. */
export class PlainReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #known: string[] = [];
  #last = -1;

  key(bytes: Buffer, start: number): string {
    const from = start + HEADER;
    return bytes.toString('latin1', from, from + bytes.readUInt16LE(start + 2));
  }

  /** @param last of an object's keys; those behind it are left out (of all objects). */
  read(bytes: Buffer, start: number, last = ''): unknown {
    this.#bytes = bytes;
    this.#known = [this.key(bytes, start)];
    this.#at = start + HEADER + bytes.readUInt16LE(start + 2);
    this.#last = keyIndex.get(last) ?? -1;
    return this.#value();
  }

  #value(): unknown {
    const tag = this.#byte();
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
        return this.#array();
      case Tag.Object:
        return this.#object();
      default:
        return tag <= SMALL ? tag : this.#string(tag);
    }
  }

  #array(): unknown[] {
    const values = new Array<unknown>(this.#natural());
    for (let i = 0; i < values.length; i++) values[i] = this.#value();
    return values;
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let left = this.#natural(); left > 0; left--) {
      const index = this.#byte();
      const key = index === OTHER_KEY ? this.#string(this.#byte()) : (KEYS[index] as string);
      object[key] = this.#value();
      if (index === this.#last) break;
    }
    return object;
  }

  #string(tag: number): string {
    if (tag === Tag.Word) return WORDS[this.#natural()] as string;
    if (tag === Tag.Literal) return this.#know(this.#counted());
    const known = this.#known[this.#natural()] as string;
    if (tag === Tag.Same) return known;
    if (tag === Tag.Part) {
      const from = this.#natural();
      return this.#know(known.slice(from, from + this.#natural()));
    }
    return this.#know(this.#counted() + known + this.#counted());
  }

  #know(text: string): string {
    if (this.#known.length < MOST_KNOWN) this.#known.push(text);
    return text;
  }

  #counted(): string {
    const length = this.#natural();
    return this.#bytes.toString('latin1', this.#at, (this.#at += length));
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
