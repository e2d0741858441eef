/** Whether a line is written: a condition of CEL, compiled once. What is not there makes a comparison false, and `has` says so. */
import type { LogAttribute, LogFilter } from '../config/telemetry.ts';
import { flagText } from '../message/outcome.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { clusterName } from './line-values.ts';
import type { LogEntry } from './log-entry.ts';
import { indexOfName, type LogNames, NoteSpan, type RequestNote } from './request-note.ts';

export type Condition = (entry: LogEntry, record: ExchangeRecord) => boolean;

type Value = number | string | boolean | null;
/** Null: it is not there. */
export type ValueOf = (entry: LogEntry, record: ExchangeRecord) => Value;

export function compileCondition(filter: LogFilter, names: LogNames): Condition {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const terms = filter.terms.map((term) => compileCondition(term, names));
      return filter.op === 'and'
        ? (entry, record) => terms.every((term) => term(entry, record))
        : (entry, record) => terms.some((term) => term(entry, record));
    }
    case 'not': {
      const term = compileCondition(filter.term, names);
      return (entry, record) => !term(entry, record);
    }
    case 'has': {
      const value = valueOf(filter.of, names);
      return (entry, record) => value(entry, record) !== null;
    }
    case 'in': {
      const { right } = filter;
      const value = valueOf(filter.left, names);
      return (entry, record) => (right as readonly Value[]).includes(value(entry, record));
    }
    default: {
      const { op, right } = filter;
      const value = valueOf(filter.left, names);
      return (entry, record) => holds(op, value(entry, record), right);
    }
  }
}

type Comparison = Exclude<LogFilter['op'], 'and' | 'or' | 'not' | 'has' | 'in'>;

function holds(op: Comparison, left: Value, right: number | string | boolean): boolean {
  if (left === null || typeof left !== typeof right) return false;
  switch (op) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case 'startsWith':
      return String(left).startsWith(String(right));
    case 'endsWith':
      return String(left).endsWith(String(right));
    case 'contains':
      return String(left).includes(String(right));
  }
}

export function valueOf({ name, header }: LogAttribute, names: LogNames): ValueOf {
  if (name !== 'request.headers') return VALUES[name];
  const index = indexOfName(names.request, header);
  return ({ note, requestId }) => {
    if (note === null) return null;
    if (header === 'x-request-id' && requestId !== null) return requestId.text();
    return noted(note, NoteSpan.Headers + index);
  };
}

const VALUES: Readonly<Record<Exclude<LogAttribute['name'], 'request.headers'>, ValueOf>> = {
  'response.code': (_entry, { status }) => (status === 0 ? null : status),
  'response.code_details': ({ note }, { outcome }) => (note === null ? null : outcome.details),
  'response.flags': (_entry, { flags }) => flagText(flags),
  'response.total_size': (_entry, { responseBytes, responseHeadBytes }) => responseBytes + responseHeadBytes,
  'request.method': ({ note }) => (note === null ? null : noted(note, NoteSpan.Method)),
  'request.path': ({ note }) => (note === null ? null : noted(note, NoteSpan.Path)),
  'request.url_path': ({ note }) => (note === null ? null : text(note.bytes, note.start(NoteSpan.Path), note.queryStart)),
  'request.host': ({ note }) => (note === null ? null : noted(note, NoteSpan.Authority)),
  'request.protocol': ({ note }) => note?.protocol ?? null,
  'request.size': (_entry, { requestBytes }) => requestBytes,
  // CEL's durations are compared with durations; here with milliseconds.
  'request.duration': (_entry, { startedAt, endedAt }) => endedAt - startedAt,
  'destination.address': (_entry, { endpointAddress }) => endpointAddress || null,
  'destination.port': (_entry, { endpointPort }) => endpointPort || null,
  'xds.cluster_name': (entry, record) => clusterName(entry, record) || null,
  'xds.route_name': (_entry, { route }) => route?.name ?? null,
};

function noted(note: RequestNote, span: number): string | null {
  return text(note.bytes, note.start(span), note.end(span));
}

function text(bytes: Uint8Array, start: number, end: number): string | null {
  if (start < 0 || end <= start) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
