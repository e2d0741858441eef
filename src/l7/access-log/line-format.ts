/**
 * A line's format, compiled once: what each command writes. A command that has nothing to say writes `-`, and null in JSON (Envoy,
 * configuration/observability/access_log/usage).
 */
import type { LogCommand, LogLine, LogPart } from '../config/telemetry.ts';
import { flagText } from '../message/outcome.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { routeName } from '../record/route-name.ts';
import type { LineBuffer } from './line-buffer.ts';
import type { LogEntry, LogPlace } from './log-entry.ts';
import { type NotedName, notedName } from './request-note.ts';

/** Names of headers that the lines of a policy ask for, each once. */
export interface LogNames {
  readonly request: NotedName[];
  readonly response: NotedName[];
}

/** Writes its value. @returns false when there is none. */
type Writer = (entry: LogEntry, record: ExchangeRecord, line: LineBuffer) => boolean;
type Step = { readonly literal: string } | ValueStep;

/** What a value is made of, so that equal keys are equal values. */
type KeyOf = (entry: LogEntry, record: ExchangeRecord) => string | number;

interface ValueStep {
  readonly write: Writer;
  readonly isNumber: boolean;
  /** Null: nothing says so with less than looking at it. */
  readonly key: KeyOf | null;
}

/** A field of JSON whose value is one command's. */
class TypedField {
  /** Up to the value, with its first quote where it has quotes; where there is none, the quote makes room for null. */
  readonly before: Uint8Array;
  readonly #step: ValueStep;
  /** Of callers' lines and of callees': the key that was met last, the one that is kept, and what it became. */
  readonly #met: (string | number | null)[] = [null, null];
  readonly #kept: (string | number | null)[] = [null, null];
  readonly #bytes: Uint8Array[] = [new Uint8Array(0), new Uint8Array(0)];

  constructor(before: Uint8Array, step: ValueStep) {
    this.before = before;
    this.#step = step;
  }

  /** Most values are those of the line before. One that differs each time is not kept. */
  write(entry: LogEntry, record: ExchangeRecord, line: LineBuffer): void {
    const key = this.#step.key?.(entry, record) ?? null;
    const side = entry.inbound ? 1 : 0;
    if (key !== null && key === this.#kept[side]) return line.own(this.#bytes[side] as Uint8Array);
    const start = line.length;
    this.#writeAnew(entry, record, line);
    if (key !== null && key === this.#met[side] && !line.full) {
      this.#kept[side] = key;
      this.#bytes[side] = line.bytes.slice(start, line.length);
    }
    this.#met[side] = key;
  }

  #writeAnew(entry: LogEntry, record: ExchangeRecord, line: LineBuffer): void {
    const { write, isNumber } = this.#step;
    line.own(this.before);
    const start = line.length;
    if (write(entry, record, line)) {
      if (!isNumber) line.byte(QUOTE);
      return;
    }
    line.length = isNumber || line.full ? start : start - 1;
    line.ascii('null');
  }
}

/** One that is text with commands in it. */
interface TextField {
  readonly before: Uint8Array;
  readonly steps: readonly Step[];
}

const DASH = 0x2d;
const COLON = 0x3a;

export class LineFormat {
  readonly #json: boolean;
  readonly #steps: readonly Step[];
  readonly #fields: readonly (TypedField | TextField)[];

  constructor(line: LogLine, names: LogNames, place: LogPlace) {
    const compile = (parts: readonly LogPart[]): Step[] =>
      parts.map((part) => (typeof part === 'string' ? { literal: part } : stepOf(part, names, place)));
    this.#json = line.kind === 'json';
    this.#steps = line.kind === 'text' ? compile(line.parts) : [];
    const fields = line.kind === 'json' ? line.fields : [];
    this.#fields = fields.map(([key, parts], index) => fieldOf(`${index === 0 ? '{' : ','}${JSON.stringify(key)}:`, compile(parts)));
  }

  write(entry: LogEntry, record: ExchangeRecord, line: LineBuffer): void {
    line.begin(this.#json);
    if (this.#json) this.#writeJson(entry, record, line);
    else {
      for (const step of this.#steps) {
        if ('literal' in step) line.ascii(step.literal);
        else if (!step.write(entry, record, line)) line.byte(DASH);
      }
    }
    // A format of Envoy's ends its line by itself.
    if (line.bytes[line.length - 1] !== LINE_END) line.endLine();
  }

  #writeJson(entry: LogEntry, record: ExchangeRecord, line: LineBuffer): void {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      if (field instanceof TypedField) field.write(entry, record, line);
      else writeText(field, entry, record, line);
    }
    line.ascii(fields.length === 0 ? '{}' : '}');
  }
}

const LINE_END = 0x0a;
const QUOTE = 0x22;

function fieldOf(before: string, steps: readonly Step[]): TypedField | TextField {
  const [only] = steps;
  const quoted = Buffer.from(`${before}"`, 'latin1');
  if (steps.length !== 1 || only === undefined || 'literal' in only) return { before: quoted, steps };
  return new TypedField(only.isNumber ? Buffer.from(before, 'latin1') : quoted, only);
}

function writeText({ before, steps }: TextField, entry: LogEntry, record: ExchangeRecord, line: LineBuffer): void {
  line.own(before);
  for (const step of steps) {
    if ('literal' in step) line.foreignText(step.literal, 0);
    else if (!step.write(entry, record, line)) line.byte(DASH);
  }
  line.byte(QUOTE);
}

function stepOf(command: LogCommand, names: LogNames, place: LogPlace): Step {
  const { command: name, most } = command;
  switch (name) {
    case 'REQ':
      return { write: requestHeader(command, names.request), isNumber: false, key: null };
    case 'RESP':
      return { write: responseHeader(command, names.response), isNumber: false, key: null };
    case 'START_TIME':
      return textStep(startTime(place), most);
    case 'HOSTNAME':
      return textStep(() => place.hostname, most);
    default: {
      const number = NUMBERS[name];
      if (number !== undefined) return { write: numberWriter(number), isNumber: true, key: number };
      return textStep(TEXTS[name] ?? (() => ''), most);
    }
  }
}

function textStep(text: TextOf, most: number): ValueStep {
  return { write: (entry, record, line) => written(line, text(entry, record), most), isNumber: false, key: text };
}

/** Many lines begin within one millisecond. */
function startTime({ wall }: LogPlace): TextOf {
  let known = -1;
  let text = '';
  return (_entry, { startedAt }) => {
    const at = Math.trunc(wall(startedAt));
    if (at !== known) {
      known = at;
      text = new Date(at).toISOString();
    }
    return text;
  };
}

function written(line: LineBuffer, text: string, most: number): boolean {
  if (text === '') return false;
  line.foreignText(text, most);
  return true;
}

type NumberOf = (entry: LogEntry, record: ExchangeRecord) => number;

/** @param number below 0: there is none. */
function numberWriter(number: NumberOf): Writer {
  return (entry, record, line) => {
    const value = number(entry, record);
    if (value < 0) return false;
    line.number(value);
    return true;
  };
}

const since = (at: number, startedAt: number): number => (at === 0 ? -1 : Math.round(at - startedAt));

const NUMBERS: Readonly<Partial<Record<LogCommand['command'], NumberOf>>> = {
  RESPONSE_CODE: (_entry, { status }) => status,
  BYTES_RECEIVED: (_entry, { requestBytes }) => requestBytes,
  BYTES_SENT: (_entry, { responseBytes }) => responseBytes,
  DURATION: (_entry, { startedAt, endedAt }) => Math.round(endedAt - startedAt),
  REQUEST_DURATION: ({ requestEndedAt }, { startedAt }) => since(requestEndedAt, startedAt),
  RESPONSE_DURATION: (_entry, { answeredAt, startedAt }) => since(answeredAt, startedAt),
  RESPONSE_TX_DURATION: (_entry, { answeredAt, endedAt }) => (answeredAt === 0 ? -1 : Math.round(endedAt - answeredAt)),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (_entry, { attempts }) => attempts,
  REQUEST_HEADERS_BYTES: (_entry, { requestHeadBytes }) => requestHeadBytes,
  RESPONSE_HEADERS_BYTES: (_entry, { responseHeadBytes }) => responseHeadBytes,
};

type TextOf = (entry: LogEntry, record: ExchangeRecord) => string;

/** Empty: there is none. */
const TEXTS: Readonly<Partial<Record<LogCommand['command'], TextOf>>> = {
  PROTOCOL: ({ note }) => note?.protocol ?? '',
  RESPONSE_CODE_DETAILS: ({ note }, { outcome }) => (note === null ? '' : outcome.details),
  RESPONSE_FLAGS: (_entry, { flags }) => flagText(flags),
  UPSTREAM_TRANSPORT_FAILURE_REASON: () => '',
  CONNECTION_TERMINATION_DETAILS: () => '',
  UPSTREAM_HOST: ({ sockets }, { endpointAddress, endpointPort }) =>
    endpointAddress === '' ? '' : sockets.text(endpointAddress, endpointPort),
  UPSTREAM_CLUSTER: clusterName,
  UPSTREAM_LOCAL_ADDRESS: ({ upstreamLocal }) => upstreamLocal,
  DOWNSTREAM_LOCAL_ADDRESS: ({ localText }) => localText,
  DOWNSTREAM_REMOTE_ADDRESS: ({ remoteText }) => remoteText,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ remoteText }) => withoutPort(remoteText),
  REQUESTED_SERVER_NAME: ({ serverName }) => serverName,
  ROUTE_NAME: ({ inbound, note }, { route, fallbackService }) => (note === null ? '' : routeName(route, inbound, fallbackService)),
  TRACE_ID: ({ trace }) => trace?.traceId ?? '',
  SPAN_ID: ({ span }) => span?.spanId ?? '',
};

export function clusterName(
  { inbound, sockets }: LogEntry,
  { cluster, fallbackService, endpointPort, endpointAddress }: ExchangeRecord,
): string {
  // A callee's own cluster is called by the port at which it is reached, wherever its application is.
  if (inbound && cluster?.name.startsWith('inbound|') === true) return cluster.name;
  if (inbound) return endpointAddress === '' ? '' : sockets.inboundCluster(endpointPort);
  if (cluster !== null) return cluster.name;
  return fallbackService === 'unknown' ? '' : fallbackService;
}

function withoutPort(address: string): string {
  return address.slice(0, Math.max(0, address.lastIndexOf(String.fromCharCode(COLON)))).replace(/^\[|\]$/g, '');
}

function requestHeader({ names, most }: LogCommand, noted: NotedName[]): Writer {
  return firstOf(names.map((name) => requestValue(name, most, noted)));
}

function requestValue(name: string, most: number, noted: NotedName[]): Writer {
  switch (name) {
    case ':method':
      return ({ note }, _record, line) => note !== null && slice(line, note.bytes, 0, note.methodEnd, most);
    case ':path':
      return ({ note }, _record, line) => note !== null && slice(line, note.bytes, note.pathStart, note.pathEnd, most);
    case ':authority':
    case 'host':
      return ({ note }, _record, line) => note !== null && slice(line, note.bytes, note.authorityStart, note.authorityEnd, most);
    case ':scheme':
      return ({ note }, _record, line) => note !== null && written(line, 'http', most);
    default: {
      const value = headerValue(indexIn(noted, name), most);
      if (name === 'x-request-id') return requestId(value, most);
      if (name !== 'x-forwarded-for') return value;
      return (entry, record, line) => forwardedFor(entry, record, line, value);
    }
  }
}

function requestId(came: Writer, most: number): Writer {
  return (entry, record, line) => {
    if (entry.requestId === null) return came(entry, record, line);
    line.id(entry.requestId, most);
    return true;
  };
}

/** A gateway adds its client. */
function forwardedFor(entry: LogEntry, record: ExchangeRecord, line: LineBuffer, value: Writer): boolean {
  const came = value(entry, record, line);
  if (entry.forwardedFor === '') return came;
  if (came) line.ascii(',');
  line.ascii(entry.forwardedFor);
  return true;
}

function headerValue(index: number, most: number): Writer {
  return ({ note }, _record, line) => note !== null && slice(line, note.bytes, note.headerStart(index), note.headerEnd(index), most);
}

function responseHeader({ names, most }: LogCommand, noted: NotedName[]): Writer {
  const writers = names.map((name): Writer => {
    // We add it, whatever the upstream says of itself.
    if (name === 'x-envoy-upstream-service-time') return numberWriter((_entry, { answeredAt, startedAt }) => since(answeredAt, startedAt));
    if (name === ':status') return numberWriter((_entry, { status }) => (status === 0 ? -1 : status));
    const index = indexIn(noted, name);
    return ({ note }, _record, line) => note !== null && slice(line, note.bytes, note.responseStart(index), note.responseEnd(index), most);
  });
  return firstOf(writers);
}

/** The first of them that has a value writes it. */
function firstOf(writers: readonly Writer[]): Writer {
  const [only] = writers;
  if (only !== undefined && writers.length === 1) return only;
  return (entry, record, line) => {
    for (let i = 0; i < writers.length; i++) if (writers[i]!(entry, record, line)) return true;
    return false;
  };
}

function indexIn(noted: NotedName[], name: string): number {
  const known = noted.findIndex((one) => one.name === name);
  return known >= 0 ? known : noted.push(notedName(name)) - 1;
}

function slice(line: LineBuffer, bytes: Uint8Array, start: number, end: number, most: number): boolean {
  if (end <= start || start < 0) return false;
  line.foreign(bytes, start, most > 0 ? Math.min(end, start + most) : end);
  return true;
}
