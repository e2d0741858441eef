/** A sink of the HPACK decoder that keeps fields as pairs, and blocks made of pairs. */
import { FIELD_ROOM, type HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { Decoded, type FieldSink, type HpackDecoder } from '../../../src/l7/http2/hpack-decoder.ts';
import { STATIC_SIZE } from '../../../src/l7/http2/static-table.ts';

export type Field = readonly [name: string, value: string];

export class FieldList implements FieldSink {
  bytes = new Uint8Array(16);
  length = 0;
  /** Fields that it takes. */
  readonly #most: number;
  readonly fields: Field[] = [];
  readonly sources: number[] = [];
  #numbers = 0;

  constructor(most = Infinity) {
    this.#most = most;
  }

  room(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const bytes = new Uint8Array(2 * (this.length + size));
    bytes.set(this.bytes);
    this.bytes = bytes;
  }

  number(): number {
    return STATIC_SIZE + ++this.#numbers;
  }

  field(nameEnd: number, valueStart: number, valueEnd: number, source: number): boolean {
    this.sources.push(source);
    const text = (start: number, end: number): string => Buffer.from(this.bytes.subarray(start, end)).toString('latin1');
    this.fields.push([text(this.length, nameEnd), text(valueStart, valueEnd)]);
    this.length = valueEnd;
    return this.fields.length <= this.#most;
  }
}

export function decodeBlock(decoder: HpackDecoder, block: Uint8Array): Field[] | Decoded {
  const list = new FieldList();
  const result = decoder.decode(block, 0, block.length, list);
  return result === Decoded.Whole ? list.fields : result;
}

/** @param sources of the fields, where they are known. */
export function encodeBlock(encoder: HpackEncoder, fields: readonly Field[], sources: readonly number[] = []): Uint8Array {
  const room = fields.reduce((sum, [name, value]) => sum + name.length + value.length + FIELD_ROOM, FIELD_ROOM);
  const out = new Uint8Array(room);
  let at = encoder.begin(out, 0);
  fields.forEach(([name, value], i) => {
    const bytes = Buffer.from(name + value, 'latin1');
    at = encoder.field(out, at, bytes, 0, name.length, name.length, bytes.length, sources[i]);
  });
  return out.subarray(0, at);
}
