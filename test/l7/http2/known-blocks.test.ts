import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { parseRequestHead, parseResponseHead } from '../../../src/l7/http1/parser.ts';
import { BlockReader } from '../../../src/l7/http2/block-reader.ts';
import { BlockFault, BlockKind, HeadLines } from '../../../src/l7/http2/head-lines.ts';
import { Decoded, HpackDecoder } from '../../../src/l7/http2/hpack-decoder.ts';
import { FIELD_ROOM, HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { KnownBlocks } from '../../../src/l7/http2/known-blocks.ts';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { decodeBlock, type Field } from './field-list.ts';
import { blockOf, get, request } from './peer.ts';

const names = new HeaderNames();

const textOf = (lines: HeadLines): Buffer => {
  const text = Buffer.alloc(lines.size);
  lines.copyTo(text, 0);
  return text;
};

/** A block of literals that enter no table, as some encoders send paths and lengths. */
function literals(fields: readonly Field[]): Buffer {
  const string = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]));
}

const HEADS: readonly (readonly Field[])[] = [
  [...get('/'), ['x', 'y']],
  [...request('POST', '/shop.Cart/Add'), ['content-type', 'application/grpc'], ['te', 'trailers'], ['cookie', 'a=1'], ['cookie', 'b=2']],
  [...request('POST', '/shop.Cart/Get'), ['content-length', '5'], ['authorization', 'Bearer x']],
  [...request('CONNECT', '/chat'), [':protocol', 'websocket']],
  [...get('/'), ['x-A', 'malformed']],
  [[':status', '200'], ['content-type', 'application/grpc']], // prettier-ignore
  [['grpc-status', '0'], ['grpc-message', '']], // prettier-ignore
  [['grpc-status', '14'], ['content-length', '5']], // prettier-ignore
  [],
];
const step = fc.record({
  head: fc.nat(HEADS.length - 1),
  kind: fc.constantFrom(BlockKind.Request, BlockKind.Response, BlockKind.Trailers),
  plain: fc.boolean(),
  /** Something that changes the table. */
  entry: fc.option(fc.nat(3), { freq: 8 }),
  limit: fc.option(fc.constantFrom(0, 60, 4096), { freq: 12 }),
  times: fc.integer({ min: 1, max: 4 }),
});

/** What a parser finds that is told of the lines, and what the fields are for the next hop that knows them by number. */
function onwards(lines: HeadLines, text: Buffer, kind: BlockKind, encoder: HpackEncoder, decoder: HpackDecoder): unknown {
  if (kind === BlockKind.Trailers) return null;
  const head = new Head(names, DEFAULT_LIMITS);
  const parse = kind === BlockKind.Request ? parseRequestHead : parseResponseHead;
  const next = parse(text, 0, text.length, head, DEFAULT_LIMITS, lines.fieldLines);
  if (next < 0) return next;
  const out = new Uint8Array(text.length + FIELD_ROOM * (head.count + 3));
  let at = encoder.begin(out, 0);
  const { pathStart, pathEnd, authorityStart, authorityEnd, pathSource, authoritySource } = head;
  if (pathEnd > pathStart) at = encoder.pseudo(out, at, 4, text, pathStart, pathEnd, pathSource);
  if (authorityEnd > authorityStart) at = encoder.pseudo(out, at, 1, text, authorityStart, authorityEnd, authoritySource);
  for (let i = 0; i < head.count; i++) {
    const source = head.sourced ? head.source[i] : 0;
    at = encoder.field(out, at, text, head.nameStart[i]!, head.nameEnd[i]!, head.valueStart[i]!, head.valueEnd[i]!, source);
  }
  return { next, ids: [...head.id.subarray(0, head.count)], fields: decodeBlock(decoder, out.subarray(0, at)) };
}

t.test('whether a block has come before makes no difference', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [encoder, reader, decoder] = [new HpackEncoder(), new BlockReader(4096), new HpackDecoder(4096)];
      const [known, looked] = [new HeadLines(names, DEFAULT_LIMITS), new HeadLines(names, DEFAULT_LIMITS)];
      const hops = [known, looked].map((lines) => ({ lines, encoder: new HpackEncoder(), decoder: new HpackDecoder(4096) }));
      for (const { head, kind, plain, entry, limit, times } of steps) {
        if (limit !== null) encoder.limit(limit);
        const more: Field[] = entry === null ? [] : [[`x-${entry}`, 'z'], [`x-${entry}`, 'z']]; // prettier-ignore
        for (let i = 0; i < times; i++) {
          const fields = [...(HEADS[head] as Field[]), ...more];
          const block = plain ? literals(fields) : blockOf(encoder, fields);
          const got = reader.read(kind, block, 0, block.length, known);
          looked.begin(kind);
          const decoded = decoder.decode(block, 0, block.length, looked);
          const want = decoded === Decoded.Whole ? looked.finish() : decoded;
          if (got !== want) throw new Error(`${got}, not ${want}`);
          if (want !== BlockFault.None) continue;
          const texts = [known, looked].map(textOf);
          if (!texts[0]!.equals(texts[1]!)) throw new Error(`${String(texts[0])}, not ${String(texts[1])}`);
          const next = hops.map((hop, at) => JSON.stringify(onwards(hop.lines, texts[at]!, kind, hop.encoder, hop.decoder)));
          if (next[0] !== next[1]) throw new Error(`${next[0]}, not ${next[1]}`);
        }
      }
    }),
    { numRuns: 500 },
  );
});

const read = (reader: BlockReader, lines: HeadLines, kind: BlockKind, block: Buffer): string => {
  const result = reader.read(kind, block, 0, block.length, lines);
  return result === BlockFault.None ? textOf(lines).toString('latin1') : String(result);
};

t.test('the same bytes mean another when the table has changed', async (t) => {
  const lines = new HeadLines(names, DEFAULT_LIMITS);
  const reader = new BlockReader(4096);
  const enter = (value: string): Buffer =>
    Buffer.from(`400178${Buffer.from([value.length]).toString('hex')}${Buffer.from(value).toString('hex')}`, 'hex');
  const newest = Buffer.from('be', 'hex');
  const { Trailers } = BlockKind;
  read(reader, lines, Trailers, enter('one'));
  for (let i = 0; i < 4; i++) t.equal(read(reader, lines, Trailers, newest), 'x: one\r\n');
  read(reader, lines, Trailers, enter('two'));
  for (let i = 0; i < 4; i++) t.equal(read(reader, lines, Trailers, newest), 'x: two\r\n');
  read(reader, lines, Trailers, Buffer.from('20', 'hex'));
  t.equal(read(reader, lines, Trailers, newest), String(Decoded.Malformed), 'and nothing when it is empty');
});

t.test('a known head has the ids of names as they are now', async (t) => {
  const own = new HeaderNames();
  const lines = new HeadLines(own, DEFAULT_LIMITS);
  const reader = new BlockReader(4096);
  const block = literals([...get('/'), ['x-late', 'y']]);
  const idOf = (): number | undefined => {
    const head = new Head(own, DEFAULT_LIMITS);
    const text = Buffer.from(read(reader, lines, BlockKind.Request, block), 'latin1');
    parseRequestHead(text, 0, text.length, head, DEFAULT_LIMITS, lines.fieldLines);
    return head.id[head.count - 1];
  };
  t.strictSame([idOf(), idOf(), idOf()], [-1, -1, -1]);
  const id = own.intern('x-late');
  t.strictSame([idOf(), idOf(), idOf()], [id, id, id]);
  own.release(id);
  t.equal(idOf(), -1);
});

t.test('a known answer becomes an upgrade, and is the same answer afterwards', async (t) => {
  const lines = new HeadLines(names, DEFAULT_LIMITS);
  const reader = new BlockReader(4096);
  const block = literals([[':status', '200'], ['a', 'b']]); // prettier-ignore
  for (let i = 0; i < 4; i++) {
    t.equal(read(reader, lines, BlockKind.Response, block), 'HTTP/1.1 200 OK\r\na: b\r\n\r\n');
    lines.becomeUpgrade('websocket', '');
    t.equal(textOf(lines).toString('latin1'), 'HTTP/1.1 101 OK\r\na: b\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
  }
});

t.test('the trailers of most calls are one array', async (t) => {
  const lines = new HeadLines(names, DEFAULT_LIMITS);
  const readers = [new BlockReader(4096), new BlockReader(4096)];
  const block = literals([['grpc-status', '0']]);
  const seen = new Set<unknown>();
  for (let i = 0; i < 10; i++) {
    read(readers[i % 2]!, lines, BlockKind.Trailers, block);
    seen.add(lines.trailers());
  }
  t.equal(seen.size, 1);
});

t.test('what is kept is bounded', async (t) => {
  const lines = new HeadLines(names, DEFAULT_LIMITS);
  const known = new KnownBlocks();
  const kept = (fields: readonly Field[]): boolean => {
    const block = literals(fields);
    for (let i = 0; i < 3; i++) {
      lines.begin(BlockKind.Trailers);
      new HpackDecoder(4096).decode(block, 0, block.length, lines);
      lines.finish();
      known.note(BlockKind.Trailers, block, 0, block.length, 0, 0, lines);
    }
    return known.find(BlockKind.Trailers, block, 0, block.length, 0, 0) !== null;
  };
  t.ok(kept([['a', 'b'.repeat(100)]]));
  t.notOk(kept([['a', 'b'.repeat(126)]]), 'a block of more than 128 bytes');
  const blocks = Array.from({ length: 40 }, (_, i) => literals([['a', 'b'.repeat(i)]]));
  for (let i = 0; i < blocks.length; i++) kept([['a', 'b'.repeat(i)]]);
  const left = blocks.filter((block) => known.find(BlockKind.Trailers, block, 0, block.length, 0, 0) !== null);
  t.equal(left.length, 4, 'the last of forty');
});
