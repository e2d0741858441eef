import fc from 'fast-check';
import t from 'tap';
import { ChunkedScanner } from '../../../src/l7/http1/chunked.ts';
import { ParseError } from '../../../src/l7/http1/parse-error.ts';

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

/** Cuts at the given places; the scanner sees each piece surrounded by bytes that are none of its business. */
function feed(bytes: Uint8Array, cuts: readonly number[]): { data: Buffer; end: number; done: boolean } {
  const scanner = new ChunkedScanner();
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted((a, b) => a - b);
  const data: Uint8Array[] = [];
  let end = 0;
  for (const [i, from] of places.slice(0, -1).entries()) {
    const to = places[i + 1] as number;
    const arena = Buffer.concat([bytesOf('0\r\n\r\n'), bytes.subarray(from, to), bytesOf('\r\n0\r\n')]);
    let at = 5;
    while (at < 5 + to - from && !scanner.done) {
      at = scanner.nextData(arena, at, 5 + to - from);
      if (at < 0) return { data: Buffer.concat(data), end: at, done: false };
      data.push(arena.slice(scanner.dataStart, scanner.dataEnd));
    }
    end = from + at - 5;
    if (scanner.done) break;
  }
  return { data: Buffer.concat(data), end, done: scanner.done };
}

const cuts = fc.array(fc.nat(), { maxLength: 10 });

t.test('a printed body is found whole, however it was cut, and what follows is left alone', async () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 6 }), trailers, cuts, fc.uint8Array({ maxLength: 5 }), (chunks, trailers, cuts, after) => {
      const body = print(chunks, trailers);
      const got = feed(Buffer.concat([body, after]), cuts);
      if (!got.done || got.end !== body.length) throw new Error(`ends at ${got.end} instead of ${body.length}`);
      if (!got.data.equals(Buffer.concat(chunks.map(({ data }) => data)))) throw new Error('data');
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

t.test('extensions and trailers are bounded', async (t) => {
  const scan = (text: string) => new ChunkedScanner().scan(bytesOf(text), 0, text.length);
  t.equal(scan(`1;${'a'.repeat(20_000)}`), ParseError.ChunkExtension, 'one long extension');
  t.equal(scan(`1;${'a'.repeat(20)}\r\nx\r\n`.repeat(2000)), ParseError.ChunkExtension, 'many that outweigh the data');
  const signed = `64;sig=${'a'.repeat(64)}\r\n${'x'.repeat(100)}\r\n`.repeat(2000);
  t.equal(scan(signed), signed.length, 'a signature on each chunk');
  t.equal(scan(`0\r\nX: ${'y'.repeat(20_000)}`), ParseError.TrailersTooLarge);
  t.equal(scan(`0\r\n${'X:\r\n'.repeat(200)}`), ParseError.TrailersTooLarge);
});

t.test('a scanner is used again', async (t) => {
  const scanner = new ChunkedScanner();
  const body = bytesOf('1;a\r\nx\r\n0\r\nX: y\r\n\r\n');
  for (let i = 0; i < 3; i++) {
    scanner.reset();
    t.equal(scanner.scan(body, 0, body.length), body.length);
    t.ok(scanner.done);
  }
});
