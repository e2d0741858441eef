import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { parseResponseHead } from '../../../src/l7/http1/parser.ts';
import { BlockWriter } from '../../../src/l7/http2/block-writer.ts';
import { HpackDecoder } from '../../../src/l7/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import { ONCE } from '../../../src/l7/message/field-numbers.ts';
import { HeadChanges } from '../../../src/l7/message/head-changes.ts';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import { decodeBlock } from './field-list.ts';

/** Lines that stand for one number each, and one that is different each time. */
const LINES = ['server: envoy\r\n', 'x-forwarded-proto: http\r\n', 'x-envoy-upstream-service-time: 3\r\n', 'date: today\r\n'];
const added = fc.array(
  fc.oneof(
    fc.record({ line: fc.constantFrom(...LINES), marked: fc.boolean() }),
    fc.record({ line: fc.stringMatching(/^x-request-id: [a-z0-9]{4,8}$/).map((text) => `${text}\r\n`), marked: fc.boolean() }),
  ),
  { maxLength: 12 },
);

t.test('lines that are known by number mean what they say', async () => {
  const transport = MemoryTransport.create({ clock: 'manual' });
  const changes = new HeadChanges(transport);
  const head = new Head(new HeaderNames(), DEFAULT_LIMITS);
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\na: b\r\n\r\n', 'latin1');
  fc.assert(
    fc.property(fc.array(added, { maxLength: 12 }), (responses) => {
      const [writer, encoder, decoder] = [new BlockWriter(), new HpackEncoder(), new HpackDecoder(4096)];
      for (const lines of responses) {
        parseResponseHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS);
        changes.begin(head, 2000);
        for (const { line, marked } of lines) {
          const start = changes.cursor;
          changes.bytes(Buffer.from(line, 'latin1'));
          if (marked) changes.mark(start, changes.cursor, LINES.includes(line) ? 1000 + LINES.indexOf(line) : ONCE);
        }
        writer.response(encoder, head, changes, 200);
        const got = decodeBlock(decoder, writer.bytes.slice(0, writer.length));
        const want = [[':status', '200'], ['a', 'b'], ...lines.map(({ line }) => line.trim().split(': '))];
        if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${JSON.stringify(got)}, not ${JSON.stringify(want)}`);
      }
    }),
  );
});

t.test('trailers that were written before are written as they were, until the table has changed', async (t) => {
  const [writer, encoder, decoder] = [new BlockWriter(), new HpackEncoder(), new HpackDecoder(4096)];
  const trailers = Buffer.from('grpc-status: 0\r\ngrpc-message: \r\n', 'latin1');
  const others = Buffer.from('grpc-status: 5\r\n', 'latin1');
  const want = [['grpc-status', '0'], ['grpc-message', '']]; // prettier-ignore
  const write = (lines: Uint8Array): unknown => {
    writer.trailers(encoder, lines);
    return decodeBlock(decoder, writer.bytes.slice(0, writer.length));
  };
  for (let i = 0; i < 5; i++) t.strictSame(write(trailers), want);
  t.equal(writer.length, 2, 'one byte for each');
  t.strictSame([write(others), write(others), write(others)], Array(3).fill([['grpc-status', '5']]));
  t.strictSame(write(trailers), want, 'the indices are others');
  encoder.limit(0);
  t.strictSame(write(trailers), want, 'there is no table any more');
  encoder.limit(4096);
  for (let i = 0; i < 5; i++) t.strictSame(write(trailers), want);
});
