import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Line } from '../../../src/l7/access-log/line.ts';
import { LineFormat } from '../../../src/l7/access-log/line-format.ts';
import { LogEntry } from '../../../src/l7/access-log/log-entry.ts';
import type { LogCommand } from '../../../src/l7/config/telemetry.ts';
import { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import { line, names, noteOf, place, tell, told } from './told.ts';

function textOf(format: LineFormat, entry: LogEntry, record: ExchangeRecord): string {
  const written = format.write(entry, record);
  return written.bytes.toString('utf8', 0, written.length);
}

const newFormat = (): LineFormat => new LineFormat(line, { request: [], response: [] }, place);

t.test('a line does not depend on those before it', async () => {
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), (lines) => {
      const format = newFormat();
      const entry = new LogEntry();
      const record = new ExchangeRecord();
      for (const one of lines) {
        tell(one, entry, record);
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
