import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import {
  CHUNK_END_LENGTH,
  CHUNK_HEADER_MAX,
  lastChunkLength,
  writeChunkEnd,
  writeChunkHeader,
  writeLastChunk,
} from '../../../src/l7/http1/chunk-writer.ts';
import { ChunkedScanner } from '../../../src/l7/http1/chunked.ts';
import { ParseError } from '../../../src/l7/http1/parse-error.ts';
import type { Sender } from '../../../src/l7/http1/trailer-section.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

interface Chunk {
  readonly data: Uint8Array;
  readonly zeros: number;
  readonly upper: boolean;
  readonly extension: string;
}

const chunk: fc.Arbitrary<Chunk> = fc.record({
  data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  zeros: fc.integer({ min: 0, max: 3 }),
  upper: fc.boolean(),
  extension: fc.constantFrom('', ';a', ';a=b', ' ; a = "x\\"; y"', ';a;b=c'),
});
const trailers = fc.constantFrom('', 'X: y\r\n', 'Digest:\r\nServer-Timing: a;dur=1\r\n');

function print(chunks: readonly Chunk[], trailers: string): Buffer {
  const parts: Uint8Array[] = [];
  for (const { data, zeros, upper, extension } of chunks) {
    const size = data.length.toString(16);
    parts.push(bytesOf(`${'0'.repeat(zeros)}${upper ? size.toUpperCase() : size}${extension}\r\n`), data, bytesOf('\r\n'));
  }
  return Buffer.concat([...parts, bytesOf(`0\r\n${trailers}\r\n`)]);
}

interface Fed {
  readonly data: Buffer;
  readonly end: number;
  readonly done: boolean;
  readonly trailers: string | null;
}

/** Cuts at the given places; the scanner sees each piece surrounded by bytes that are none of its business. */
function feed(bytes: Uint8Array, cuts: readonly number[], sender: Sender = 'client'): Fed {
  const scanner = new ChunkedScanner(sender);
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted((a, b) => a - b);
  const data: Uint8Array[] = [];
  let end = 0;
  for (const [i, from] of places.slice(0, -1).entries()) {
    const to = places[i + 1] as number;
    const arena = Buffer.concat([bytesOf('0\r\n\r\n'), bytes.subarray(from, to), bytesOf('\r\n0\r\n')]);
    let at = 5;
    while (at < 5 + to - from && !scanner.done) {
      at = scanner.nextData(arena, at, 5 + to - from);
      if (at < 0) return { data: Buffer.concat(data), end: at, done: false, trailers: null };
      data.push(arena.slice(scanner.dataStart, scanner.dataEnd));
    }
    end = from + at - 5;
    if (scanner.done) break;
  }
  const trailers = scanner.trailers === null ? null : Buffer.from(scanner.trailers).toString('latin1');
  return { data: Buffer.concat(data), end, done: scanner.done, trailers };
}

const cuts = fc.array(fc.nat(), { maxLength: 10 });

t.test('a printed body is found whole, however it was cut, and what follows is left alone', async () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 6 }), trailers, cuts, fc.uint8Array({ maxLength: 5 }), (chunks, trailers, cuts, after) => {
      const body = print(chunks, trailers);
      const got = feed(Buffer.concat([body, after]), cuts);
      if (!got.done || got.end !== body.length) throw new Error(`ends at ${got.end} instead of ${body.length}`);
      if (!got.data.equals(Buffer.concat(chunks.map(({ data }) => data)))) throw new Error('data');
      if (got.trailers !== (trailers === '' ? null : trailers)) throw new Error(`trailers: ${got.trailers}`);
    }),
  );
});

t.test('a broken body is refused or goes on, the same for every cut', async () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 4 }), trailers, cuts, fc.nat(), fc.nat(255), (chunks, trailers, cuts, place, byte) => {
      const body = print(chunks, trailers);
      body[place % body.length] = byte;
      const whole = feed(body, []);
      const cut = feed(body, cuts);
      if (whole.done !== cut.done || whole.end !== cut.end) throw new Error(`${whole.end} whole, ${cut.end} cut`);
      const scanned = new ChunkedScanner().scan(body, 0, body.length);
      if (scanned !== whole.end) throw new Error(`scan says ${scanned}`);
    }),
    { numRuns: 500 },
  );
});

const carelessTrailer = fc
  .tuple(
    fc.constantFrom('X-A', 'Digest', 'Content-Length', 'Host'),
    fc.constantFrom('', ' ', '\t'),
    fc.array(fc.constantFrom('a', 'b c', '\xe9'), { minLength: 1, maxLength: 3 }),
  )
  .map(([name, blanks, words]) => ({ name, words, text: `${name}${blanks}: ${words.join('\r\n\t ')}\r\n` }));

t.test("what is kept of a server's trailers is within the grammar, and what it meant", async () => {
  fc.assert(
    fc.property(fc.array(carelessTrailer, { maxLength: 6 }), cuts, (trailers, cuts) => {
      const body = bytesOf(`0\r\n${trailers.map(({ text }) => text).join('')}\r\n`);
      const { done, end, trailers: kept } = feed(body, cuts, 'server');
      if (!done || end !== body.length) throw new Error(`ends at ${end}`);
      const want = trailers.filter(({ name }) => name !== 'Content-Length' && name !== 'Host');
      const lines = want.map(({ name, words }) => `${name}: ${words.join(' ')}\r\n`).join('');
      if ((kept ?? '') !== lines) throw new Error(`${kept} instead of ${lines}`);
      if (feed(bytesOf(`0\r\n${lines}\r\n`), []).trailers !== kept) throw new Error('outside the grammar');
    }),
  );
});

t.test('a broken trailer section of a server is refused or goes on, the same for every cut', async () => {
  fc.assert(
    fc.property(fc.array(carelessTrailer, { maxLength: 4 }), cuts, fc.nat(), fc.nat(255), (trailers, cuts, place, byte) => {
      const body = bytesOf(`0\r\n${trailers.map(({ text }) => text).join('')}\r\n`);
      body[place % body.length] = byte;
      const whole = feed(body, [], 'server');
      if (JSON.stringify(feed(body, cuts, 'server')) !== JSON.stringify(whole)) throw new Error(`${whole.end} whole`);
    }),
    { numRuns: 500 },
  );
});

t.test('extensions and trailers are bounded', async (t) => {
  const scan = (text: string) => new ChunkedScanner().scan(bytesOf(text), 0, text.length);
  t.equal(scan(`1;${'a'.repeat(20_000)}`), ParseError.ChunkExtension, 'one long extension');
  t.equal(scan(`1;${'a'.repeat(20)}\r\nx\r\n`.repeat(2000)), ParseError.ChunkExtension, 'many that outweigh the data');
  const signed = `64;sig=${'a'.repeat(64)}\r\n${'x'.repeat(100)}\r\n`.repeat(2000);
  t.equal(scan(signed), signed.length, 'a signature on each chunk');
  t.equal(scan(`0\r\nX: ${'y'.repeat(20_000)}`), ParseError.TrailersTooLarge);
  t.equal(scan(`0\r\n${'X:\r\n'.repeat(200)}`), ParseError.TrailersTooLarge);
});

t.test('a scanner is used again, and what it kept of the body before stays', async (t) => {
  const scanner = new ChunkedScanner();
  const kept = [];
  for (const trailers of ['X: y\r\n', '', 'A: b\r\nC: d\r\n', `L: ${'l'.repeat(5000)}\r\n`]) {
    const body = bytesOf(`1;a\r\nx\r\n0\r\n${trailers}\r\n`);
    scanner.reset();
    t.equal(scanner.trailers, null);
    t.equal(scanner.scan(body, 0, body.length), body.length);
    t.ok(scanner.done);
    kept.push({ want: trailers, got: scanner.trailers });
  }
  for (const { want, got } of kept) t.equal(got === null ? '' : Buffer.from(got).toString('latin1'), want);
});

const encoded = fc.tuple(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 }), trailers);

function encode(pieces: readonly Uint8Array[], trailers: Uint8Array | null): Buffer {
  const room = pieces.reduce((sum, { length }) => sum + CHUNK_HEADER_MAX + length + CHUNK_END_LENGTH, lastChunkLength(trailers));
  const into = Buffer.alloc(room, 0xee);
  let at = 0;
  for (const piece of pieces) {
    at = writeChunkHeader(into, at, piece.length);
    into.set(piece, at);
    at = writeChunkEnd(into, at + piece.length);
  }
  const end = writeLastChunk(into, at, trailers);
  if (end !== at + lastChunkLength(trailers)) throw new Error('lastChunkLength');
  return into.subarray(0, end);
}

t.test('what the writer encodes, the scanner decodes, cut at every place', async () => {
  fc.assert(
    fc.property(encoded, ([pieces, trailers]) => {
      const body = encode(pieces, trailers === '' ? null : bytesOf(trailers));
      for (let cut = 0; cut <= body.length; cut++) {
        const got = feed(body, [cut]);
        if (!got.done || got.end !== body.length) throw new Error(`cut at ${cut}: ends at ${got.end} instead of ${body.length}`);
        if (!got.data.equals(Buffer.concat(pieces))) throw new Error(`cut at ${cut}: data`);
        if ((got.trailers ?? '') !== trailers) throw new Error(`cut at ${cut}: trailers`);
      }
    }),
    { numRuns: 30 },
  );
});

t.test('a chunk header of every length', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.integer({ min: 1, max: 70_000 }),
        fc.maxSafeNat().filter((n) => n > 0),
      ),
      fc.nat(20),
      (length, at) => {
        const into = Buffer.alloc(at + CHUNK_HEADER_MAX, 0xee);
        const end = writeChunkHeader(into, at, length);
        if (into.toString('latin1', at, end) !== `${length.toString(16)}\r\n`) throw new Error(into.toString('latin1', at, end));
        if (into.subarray(0, at).some((byte) => byte !== 0xee) || into.subarray(end).some((byte) => byte !== 0xee))
          throw new Error('beyond');
      },
    ),
  );
});
