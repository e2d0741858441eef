import * as fc from '../../base/fast-check.ts';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { ENTRY_OVERHEAD } from '../../../src/l7/http2/dynamic-table.ts';
import { EXPANSION, huffmanDecode, huffmanEncode, huffmanLength } from '../../../src/l7/http2/huffman.ts';
import { Decoded, HpackDecoder, SECRET } from '../../../src/l7/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { decodeBlock, encodeBlock, type Field, FieldList } from './field-list.ts';

const BLOCK = /^```hex\n([^]*?)^```\n\n^```fields (\d+)\n([^]*?)^```$/gm;
const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

t.test('the examples of RFC 7541', async (t) => {
  const text = readFileSync(new URL('../../fixtures/http2/hpack.md', import.meta.url), 'utf8');
  const sections = text.split(/^## /m).slice(1);
  t.ok(sections.length >= 8);
  for (const section of sections) {
    const decoder = new HpackDecoder(/of (\d+) bytes/.test(section) ? Number(/of (\d+) bytes/.exec(section)?.[1]) : 4096);
    const blocks = [...section.matchAll(BLOCK)];
    t.ok(blocks.length > 0);
    for (const [, bytes = '', size = '', fields = ''] of blocks) {
      const got = decodeBlock(decoder, hex(bytes));
      t.same(Array.isArray(got) ? got.map(([name, value]) => `${name}: ${value}`) : got, fields.trimEnd().split('\n'));
      t.equal(decoder.table.size, Number(size));
    }
  }
});

const byte = fc.integer({ min: 0, max: 255 });
const text = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.array(byte, { maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const name = fc.oneof(
  fc.constantFrom('host', 'date', 'cookie', 'Content-Type', 'x-request-id', 'authorization', 'accept-encoding', 'te'),
  fc.stringMatching(/^[a-z0-9-]{1,30}$/),
);
const field = fc.tuple(name, fc.oneof(text, fc.constantFrom('trailers', 'gzip, deflate', '/', 'application/grpc', 'x'.repeat(600))));

t.test('Huffman code: there and back, and nothing but the beginning of EOS at the end', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const out = new Uint8Array(4 * bytes.length + 8);
      const end = huffmanEncode(bytes, 0, bytes.length, out, 2);
      if (end - 2 !== huffmanLength(bytes, 0, bytes.length)) throw new Error('another length');
      const back = new Uint8Array(Math.ceil((end - 2) * EXPANSION));
      const length = huffmanDecode(out, 2, end, back, 0);
      if (Buffer.compare(back.subarray(0, length), bytes) !== 0) throw new Error('another text');
    }),
  );
});

t.test('Huffman code: what is refused', async (t) => {
  const decode = (text: string): number => huffmanDecode(hex(text), 0, hex(text).length, new Uint8Array(64), 0);
  t.equal(decode('1f'), 1, 'a, padded with ones');
  t.equal(decode('18'), -1, 'a, padded with zeros');
  t.equal(decode('1fff'), -1, 'a whole byte of padding');
  t.equal(decode('ffffffff'), -1, 'EOS');
  t.equal(decode('fffffffc'), -1, 'EOS, then padding that is none');
});

/** Several blocks on one connection, with changes of the table's size in between. */
const step = fc.record({
  fields: fc.array(field, { maxLength: 12 }),
  limit: fc.option(fc.constantFrom(0, 40, 300, 4096, 9000), { freq: 4 }),
});

t.test('every block means to any decoder what went in', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(9000);
      const told: Field[][] = [];
      for (const { fields, limit } of steps) {
        if (limit !== null) encoder.limit(limit);
        const again: Field[] = [...fields, ...(told.at(-1) ?? [])];
        told.push([...fields]);
        const block = encodeBlock(encoder, again);
        const got = decodeBlock(decoder, block);
        const want = again.map(([name, value]) => [name.toLowerCase(), value]);
        if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
        const { table } = decoder;
        let size = 0;
        for (let i = 1; i <= table.count; i++) size += table.valueEnd(i) - table.nameStart(i) + ENTRY_OVERHEAD;
        if (size !== table.size || size > table.limit || table.bytes.length > 2 * 9000) throw new Error('the sizes are wrong');
        if (encoder.table.size !== table.size || encoder.table.count !== table.count) throw new Error('the tables differ');
      }
    }),
  );
});

t.test('what is known by number means the same behind several hops, whatever the tables have lost meanwhile', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.boolean(), (steps, one) => {
      const clients = [new HpackEncoder(), new HpackEncoder()];
      const servers = [new HpackDecoder(4096), new HpackDecoder(4096)];
      const onwards = new HpackEncoder();
      const last = new HpackDecoder(9000);
      const numbers = new FieldList();
      steps.forEach(({ fields, limit }, i) => {
        if (limit !== null) onwards.limit(limit);
        const side = one ? 0 : i % 2;
        const block = encodeBlock(clients[side] as HpackEncoder, [...fields, ...fields]);
        const from = numbers.fields.length;
        numbers.length = 0;
        if (servers[side]?.decode(block, 0, block.length, numbers) !== Decoded.Whole) throw new Error('malformed');
        const want = numbers.fields.slice(from);
        const got = decodeBlock(last, encodeBlock(onwards, want, numbers.sources.slice(from)));
        if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
      });
    }),
  );
});

t.test('a decoder reads nothing beyond its block, and ends whatever the bytes are', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, offset) => {
      const padded = new Uint8Array(bytes.length + 2 * offset).fill(0xff);
      padded.set(bytes, offset);
      const one = new FieldList();
      const other = new FieldList();
      const first = new HpackDecoder(4096).decode(bytes, 0, bytes.length, one);
      const second = new HpackDecoder(4096).decode(padded, offset, offset + bytes.length, other);
      if (first !== second || JSON.stringify(one.fields) !== JSON.stringify(other.fields))
        throw new Error('it depends on what is around it');
    }),
  );
});

t.test('a field that comes again takes one byte, and one that differs each time leaves the table alone', async (t) => {
  const encoder = new HpackEncoder();
  const fields: Field[] = [
    ['grpc-accept-encoding', 'gzip'],
    ['user-agent', 'grpc-go/1.75'],
  ];
  const sizes = [1, 2, 3].map(() => encodeBlock(encoder, fields).length);
  t.same(sizes[2], 2);
  const { added } = encoder.table;
  for (let i = 0; i < 200; i++) encodeBlock(encoder, [['x-request-id', `${i}-${i * 7919}`], ...fields]);
  t.equal(encoder.table.added, added);
});

t.test('secrets are never indexed', async (t) => {
  const encoder = new HpackEncoder();
  for (let i = 0; i < 5; i++)
    encodeBlock(encoder, [
      ['authorization', 'Bearer abc'],
      ['set-cookie', 'id=1'],
      ['cookie', 'a=b'],
      ['proxy-authorization', 'Basic'],
    ]);
  t.equal(encoder.table.added, 0);
  const block = encodeBlock(encoder, [['authorization', 'x']]);
  t.equal((block[0] as number) & 0xf0, 0x10, 'marked for every further hop');
  for (let i = 0; i < 5; i++) encodeBlock(encoder, [['x-key', 'abc']], [SECRET]);
  t.equal(encoder.table.added, 0, 'nor is what another hop has marked');
  const marked = new FieldList();
  new HpackDecoder(4096).decode(block, 0, block.length, marked);
  t.same(marked.sources, [SECRET]);
});

t.test('malformed blocks', async (t) => {
  const refused: Readonly<Record<string, string>> = {
    'index 0': '80',
    'an index beyond both tables': 'be',
    'a name beyond both tables': '7e0161',
    'a table size update above what was allowed': '3fe21f',
    'a table size update after a field': '8220',
    'three table size updates': '202020',
    'an integer that does not end': '3fffffffff',
    'an integer of more than 28 bits': 'ffffffffff0f',
    'a string that is longer than the block': '0003616263',
    'a block that ends before the value': '0001610a',
    'a block that ends before the name': '40',
    'Huffman code with EOS': '000161 84ffffffff',
  };
  for (const [why, block] of Object.entries(refused)) t.equal(decodeBlock(new HpackDecoder(4096), hex(block)), Decoded.Malformed, why);
  t.same(decodeBlock(new HpackDecoder(4096), hex('3fe11f2082')), [[':method', 'GET']], 'two updates within the bound');
});

t.test('a receiver that takes no more ends the work', async (t) => {
  const encoder = new HpackEncoder();
  const bomb: Field[] = Array.from({ length: 5000 }, () => ['x', 'y'.repeat(400)]);
  const block = encodeBlock(encoder, bomb);
  t.ok(block.length < 6000, 'a bomb: a small block of large fields');
  const sink = new FieldList(100);
  t.equal(new HpackDecoder(4096).decode(block, 0, block.length, sink), Decoded.GivenUp);
  t.equal(sink.fields.length, 101);
});
