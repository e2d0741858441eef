import fc from 'fast-check';
import t from 'tap';
import { LineBuffer } from '../../../src/l7/access-log/line-buffer.ts';
import { LineFormat } from '../../../src/l7/access-log/line-format.ts';
import { LogEntry } from '../../../src/l7/access-log/log-entry.ts';
import { LOG_COMMANDS, type LogLine } from '../../../src/l7/config/telemetry.ts';
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
  const buffer = new LineBuffer();
  format.write(entry, record, buffer);
  return Buffer.from(buffer.bytes.subarray(0, buffer.length)).toString('utf8');
}

const newFormat = (): LineFormat => new LineFormat(line, { request: [], response: [] }, place);

/** Few values, so that lines repeat them, and some that need an escape or are not there. */
const told = fc.record({
  local: fc.constantFrom('', '10.0.0.1:80', 'a"b', '\u00e9'),
  remote: fc.constantFrom('10.0.0.2:4000', '10.0.0.2:4001', '10.0.0.2:4002'),
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
      for (const { local, remote, address, port, status, bytes, at, inbound } of lines) {
        Object.assign(entry, { localText: local, remoteText: remote, inbound });
        Object.assign(record, { endpointAddress: address, endpointPort: port, status, startedAt: at, endedAt: at + bytes });
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
  const buffer = new LineBuffer();
  const number = fc.oneof(fc.nat(20), fc.nat(2 ** 31), fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  fc.assert(
    fc.property(number, (value) => {
      buffer.begin(true);
      buffer.number(value);
      const text = Buffer.from(buffer.bytes.subarray(0, buffer.length)).toString('latin1');
      if (text !== String(value)) throw new Error(`${text}, not ${value}`);
    }),
  );
});
