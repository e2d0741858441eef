/** Formats, conditions and Telemetry objects of any text: an answer, and never an exception where requests are served. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { parseLogFilter, parseTagValue } from '../../../src/agent/model/log-filter.ts';
import { parseLogFormat } from '../../../src/agent/model/log-format.ts';
import { checkObject } from '../../../src/agent/model/schema/index.ts';
import { LineFormat } from '../../../src/l7/access-log/line-format.ts';
import { compileCondition } from '../../../src/l7/access-log/log-condition.ts';
import { LogEntry } from '../../../src/l7/access-log/log-entry.ts';
import type { LogNames } from '../../../src/l7/access-log/request-note.ts';
import { OwnText } from '../../../src/l7/message/own-text.ts';
import { LOG_COMMANDS, type LogLine } from '../../../src/l7/config/telemetry.ts';
import { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import { client, compileText } from './compile/world.ts';

const PLACE = { wall: () => 0, hostname: 'node\n"\\' };
const noNames = (): LogNames => ({ request: [], response: [] });
/** Text, and what formats and expressions are made of. */
const WORDS = [
  '%',
  '%%',
  '(',
  ')',
  ':',
  '?',
  '"',
  "'",
  '\\',
  '\n',
  '\0',
  '\ud800',
  '&&',
  '||',
  '!',
  '==',
  'in',
  '[',
  ']',
  'has(',
  '500',
  '?:',
];
const ATTRIBUTES = ['response.code', 'request.headers', 'request.path', "['x-a']", '.startsWith('];
const piece = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(...WORDS, ...ATTRIBUTES, ...LOG_COMMANDS.map((name) => `%${name}%`), '%REQ(X?:PATH):3%'),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

function entryOf(values: readonly string[]): LogEntry {
  const entry = new LogEntry();
  const [local, id, serverName] = values as [string, string, string];
  const digits = Buffer.from(id).toString('hex').padEnd(36, '0').slice(0, 36);
  Object.assign(entry, { localText: local, remote: new OwnText(digits), serverName });
  entry.requestId = { text: () => digits, write: (bytes, at) => at + Buffer.from(bytes.buffer, bytes.byteOffset).write(digits, at) };
  return entry;
}
const entries = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 3, maxLength: 3 }).map(entryOf);

function lineOf(line: LogLine, entry: LogEntry): string {
  const { bytes, length } = new LineFormat(line, noNames(), PLACE).write(entry, new ExchangeRecord());
  if (length > bytes.length) throw new Error('written beyond the buffer');
  return bytes.toString('utf8', 0, length);
}

t.test('any format is refused with a reason, or writes a line that ends', async () => {
  fc.assert(
    fc.property(text, entries, (format, entry) => {
      const parsed = parseLogFormat(format);
      if (!parsed.ok) return parsed.fault.length > 0;
      return lineOf({ kind: 'text', parts: parsed.parts }, entry).endsWith('\n');
    }),
    { numRuns: 1000 },
  );
});

t.test('whatever keys and formats of JSON say, a line is one object', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ maxLength: 20 }), text, { maxKeys: 5 }), entries, (labels, entry) => {
      const fields = Object.entries(labels).flatMap(([key, format]) => {
        const parsed = parseLogFormat(format);
        return parsed.ok ? [[key, parsed.parts] as const] : [];
      });
      const line = lineOf({ kind: 'json', fields }, entry);
      const value = JSON.parse(line) as object;
      return line.indexOf('\n') === line.length - 1 && Object.keys(value).length <= fields.length;
    }),
    { numRuns: 1000 },
  );
});

t.test('any expression is refused with a reason, or says yes or no of a record that has nothing', async () => {
  fc.assert(
    fc.property(text, entries, (expression, entry) => {
      const tag = parseTagValue(expression);
      if (!tag.ok && tag.fault.length === 0) return false;
      const parsed = parseLogFilter(expression);
      if (!parsed.ok) return parsed.fault.length > 0;
      return typeof compileCondition(parsed.filter, noNames())(entry, new ExchangeRecord()) === 'boolean';
    }),
    { numRuns: 1000 },
  );
});

t.test('any Telemetry is refused with its faults, or compiles', async () => {
  const value = fc.oneof(text, fc.jsonValue({ maxDepth: 2 }));
  const log = fc.record(
    { match: value, providers: fc.constant([{ name: 'envoy' }]), filter: fc.record({ expression: text }), disabled: value },
    { requiredKeys: [] },
  );
  const trace = fc.record(
    { randomSamplingPercentage: value, customTags: fc.dictionary(text, fc.record({ header: fc.record({ name: text }) })) },
    { requiredKeys: [] },
  );
  const override = fc.record(
    { match: value, disabled: fc.boolean(), tagOverrides: fc.dictionary(text, fc.record({ value: text })) },
    { requiredKeys: [] },
  );
  const metric = fc.record({ overrides: fc.array(override, { maxLength: 2 }), reportingInterval: value }, { requiredKeys: [] });
  const lists = {
    tracing: fc.array(trace, { maxLength: 2 }),
    accessLogging: fc.array(log, { maxLength: 2 }),
    metrics: fc.array(metric, { maxLength: 2 }),
  };
  fc.assert(
    fc.property(fc.record({ ...lists, selector: value }, { requiredKeys: [] }), (spec) => {
      const object = { apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name: 'a', namespace: 'default' }, spec };
      const checked = checkObject(object, { trusted: true, locate: () => null });
      const isRefused = checked.problems.some(({ severity }) => severity === 'error');
      return isRefused || compileText([client(), `---\n${JSON.stringify(object)}\n`]).snapshot.records.workloads.size === 1;
    }),
    { numRuns: 500 },
  );
});
