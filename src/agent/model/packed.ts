/**
 * Objects, and what is computed from them, as one string of bytes: a tenth of what they take as objects. A string compares by value,
 * which is what the graph of cells does with everything.
 *
 * Names of fields of the API, and what often stands in them, are words. They come from the schemas, so there are only so many.
 *
 * Invariant (test/agent/model/packed.test.ts): equal values are packed alike, others not.
 */
import { PlainReader } from '../../base/plain-data/reader.ts';
import { Vocabulary } from '../../base/plain-data/vocabulary.ts';
import { PlainWriter } from '../../base/plain-data/writer.ts';
import { WORDS } from './words.ts';

declare const content: unique symbol;
export type Packed<T> = string & { readonly [content]: T };

const FIRST_ROOM = 4096;

const vocabulary = new Vocabulary(WORDS, WORDS);
const writer = new PlainWriter(vocabulary, false);
const reader = new PlainReader(vocabulary);
let bytes = Buffer.alloc(FIRST_ROOM);

/** @throws TypeError for what is no plain data. */
export function pack<T>(value: T): Packed<T> {
  writer.begin();
  writer.value(value);
  return writer.packed as Packed<T>;
}

/** Other objects each time. */
export function unpack<T>(packed: Packed<T>): T {
  if (packed.length > bytes.length) bytes = Buffer.alloc(2 * packed.length);
  bytes.write(packed, 'latin1');
  return reader.read(bytes, 0) as T;
}
