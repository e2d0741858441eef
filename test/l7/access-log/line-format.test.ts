import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Line } from '../../../src/l7/access-log/line.ts';
import { LineFormat } from '../../../src/l7/access-log/line-format.ts';
import { LogEntry } from '../../../src/l7/access-log/log-entry.ts';
import { OwnText } from '../../../src/l7/message/own-text.ts';
import { type LogNames, RequestNote } from '../../../src/l7/access-log/request-note.ts';
import { Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { LOG_COMMANDS, type LogCommand, type LogLine } from '../../../src/l7/config/telemetry.ts';
import { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';

const place = { wall: (ticks: number): number => 1_700_000_000_000 + ticks, hostname: 'node-1' };
const line: LogLine = {
  kind: 'json',
  fields: [
    ...LOG_COMMANDS.map((command) => [command.toLowerCase(), [{ command, names: ['x-request-id'], most: 0 }]] as const),
    ['cut', [{ command: 'UPSTREAM_HOST', names: [], most: 4 }]],
    ['text', ['<', { command: 'UPSTREAM_HOST', names: [], most: 0 }, '>']],
  ],
};

function textOf(format: LineFormat, entry: LogEntry, record: ExchangeRecord): string {
  const written = format.write(entry, record);
  return written.bytes.toString('utf8', 0, written.length);
}

const newFormat = (): LineFormat => new LineFormat(line, { request: [], response: [] }, place);

const remotes = [4000, 4001, 40020].map((port) => new OwnText(`10.0.0.2:${port}`));

const names: LogNames = { request: [], response: [] };

function noteOf(path: Uint8Array): RequestNote {
  const head = new Head(new HeaderNames());
  head.bytes = Buffer.concat([Buffer.from('GETshop'), path]);
  [head.methodEnd, head.authorityStart, head.authorityEnd] = [3, 3, 7];
  [head.pathStart, head.pathEnd] = [7, head.bytes.length];
  const note = new RequestNote();
  note.take(head, 'HTTP/1.1', names.request);
  return note;
}

/** Few values, so that lines repeat them, and some that need an escape or are not there. */
const told = fc.record({
  local: fc.constantFrom('', '10.0.0.1:80', 'a"b', '\u00e9'),
  remote: fc.nat(2),
  path: fc.constantFrom('/', '/a', '/b', '/a"', '/a\\"', '/ü', '/\u0007', `/${'x'.repeat(50)}`, null),
  attempts: fc.nat(2),
  address: fc.constantFrom('', '10.1.0.1', 'fd00::1'),
  port: fc.constantFrom(80, 336),
  status: fc.constantFrom(0, 200, 404),
  bytes: fc.constantFrom(0, 9, 10, 123_456_789, 5_000_000_000),
  at: fc.constantFrom(0, 1, 2.5),
  inbound: fc.boolean(),
});

t.test('a line does not depend on those before it', async () => {
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), (lines) => {
      const format = newFormat();
      const entry = new LogEntry();
      const record = new ExchangeRecord();
      for (const { local, remote, path, attempts, address, port, status, bytes, at, inbound } of lines) {
        Object.assign(entry, {
          localText: local,
          remote: remotes[remote],
          inbound,
          note: path === null ? null : noteOf(Buffer.from(path)),
        });
        Object.assign(record, { endpointAddress: address, endpointPort: port, status, attempts, startedAt: at, endedAt: at + bytes });
        record.requestBytes = record.responseBytes = bytes;
        const got = textOf(format, entry, record);
        const want = textOf(newFormat(), entry, record);
        if (got !== want) throw new Error(`got ${got}, want ${want}`);
        JSON.parse(got);
      }
    }),
  );
});

t.test('numbers are written as JSON has them', async () => {
  const number = fc.oneof(fc.nat(20), fc.nat(2 ** 31), fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  const layout = { json: true, literals: [Buffer.from('<'), Buffer.from('>\n')], quoted: [false], typed: [true] };
  fc.assert(
    fc.property(fc.array(number), (values) => {
      const written = new Line(layout);
      for (const value of values) {
        written.number(0, value);
        const got = written.bytes.toString('latin1', 0, written.length);
        if (got !== `<${value}>\n`) throw new Error(`${got}, not ${value}`);
      }
    }),
  );
});

t.test('what clients send stays one value of JSON, as the text that it is', async (t) => {
  const format = new LineFormat({ kind: 'json', fields: [['path', [{ command: 'REQ', names: [':path'], most: 0 }]]] }, names, place);
  const entry = new LogEntry();
  const pathOf = (path: Uint8Array): unknown => {
    entry.note = noteOf(path);
    return (JSON.parse(textOf(format, entry, new ExchangeRecord())) as { path: unknown }).path;
  };
  t.equal(pathOf(Buffer.from('/"\\')), '/"\\');
  t.equal(pathOf(Buffer.from('/ü€')), '/ü€', 'UTF-8 is passed on');
  t.equal(pathOf(Buffer.from('/\u00fc', 'latin1')), '/ü', 'what is none is Latin-1');
  t.equal((pathOf(Buffer.alloc(4000, '"')) as string).length, 4000);
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => typeof pathOf(bytes) === 'string'));
});

t.test('a pseudo-header that HTTP does not have is not there', async (t) => {
  const req = (...of: string[]): LogCommand => ({ command: 'REQ', names: of, most: 0 });
  const format = new LineFormat({ kind: 'text', parts: [req(':status'), ' ', req(':none', ':method'), '\n'] }, names, place);
  const entry = new LogEntry();
  entry.note = noteOf(Buffer.from('/'));
  t.equal(textOf(format, entry, new ExchangeRecord()), '- GET\n');
});
