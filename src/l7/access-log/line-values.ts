/**
 * What the commands of a line's format write. Values that nearly every line has are told apart by a number: to call a function that
 * is not known beforehand would take longer than to write the value.
 */
import type { LogCommand, LogCommandName } from '../config/telemetry.ts';
import { flagText } from '../message/outcome.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { routeName } from '../record/route-name.ts';
import type { Line } from './line.ts';
import type { LogEntry, LogPlace } from './log-entry.ts';
import { indexOfName, type LogNames, type NotedName, NoteSpan, type RequestNote } from './request-note.ts';
import { StartTime } from './start-time.ts';

/** Writes its value into the slot. @returns false when there is none. */
type Writer = (line: Line, slot: number, entry: LogEntry, record: ExchangeRecord) => boolean;

const Op = { Writer: 0, Number: 1, Noted: 2, RequestId: 3, Time: 4, Remote: 5, UpstreamLocal: 6, ForwardedFor: 7 } as const;
type Op = (typeof Op)[keyof typeof Op];

export interface Value {
  readonly op: Op;
  readonly isNumber: boolean;
  /** Of `Op.Number`. */
  readonly number: NumberOp;
  /** Of what the note has of the request: the first of them that is there. Below 0: none. */
  readonly span: number;
  readonly otherSpan: number;
  /** Characters that are kept; 0: all. */
  readonly most: number;
  readonly time: StartTime | null;
  readonly writer: Writer | null;
}

/** Numbers that differ from request to request. */
const NumberOp = {
  BYTES_RECEIVED: 0,
  BYTES_SENT: 1,
  DURATION: 2,
  REQUEST_DURATION: 3,
  RESPONSE_DURATION: 4,
  RESPONSE_TX_DURATION: 5,
  REQUEST_HEADERS_BYTES: 6,
  RESPONSE_HEADERS_BYTES: 7,
  RESPONSE_CODE: 8,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: 9,
  /** Of the header that we add, whatever the upstream says of itself. */
  SERVICE_TIME: 10,
} as const;
type NumberOp = (typeof NumberOp)[keyof typeof NumberOp];

const SERVICE_TIME = 'x-envoy-upstream-service-time';
/** The place of a value in its line. */
export interface Slot {
  readonly index: number;
  readonly value: Value;
  readonly settled: boolean;
}

const NOTHING: Value = { op: Op.Writer, isNumber: false, number: 0, span: -1, otherSpan: -1, most: 0, time: null, writer: () => false };

/** Those whose values are the same for all requests of one `Ending`. */
const SETTLED: ReadonlySet<LogCommandName> = new Set([
  'PROTOCOL',
  'RESPONSE_CODE',
  'RESPONSE_CODE_DETAILS',
  'RESPONSE_FLAGS',
  'CONNECTION_TERMINATION_DETAILS',
  'UPSTREAM_TRANSPORT_FAILURE_REASON',
  'UPSTREAM_HOST',
  'UPSTREAM_CLUSTER',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'REQUESTED_SERVER_NAME',
  'ROUTE_NAME',
  'UPSTREAM_REQUEST_ATTEMPT_COUNT',
  'HOSTNAME',
  'NOTHING',
]);

export const isSettled = ({ command }: LogCommand): boolean => SETTLED.has(command);

/** @param names get those of the headers that it needs. */
export function valueOf(command: LogCommand, names: LogNames, place: LogPlace): Value {
  const { command: name, most } = command;
  switch (name) {
    case 'REQ':
      return requestHeader(command, names.request);
    case 'RESP':
      if (command.names.length === 1 && command.names[0] === SERVICE_TIME)
        return { ...NOTHING, op: Op.Number, number: NumberOp.SERVICE_TIME };
      return { ...NOTHING, writer: responseHeader(command, names.response) };
    case 'START_TIME':
      return { ...NOTHING, op: Op.Time, most, time: new StartTime(place, command.names[0]) };
    case 'HOSTNAME':
      return { ...NOTHING, writer: textWriter(() => place.hostname, most) };
    case 'DOWNSTREAM_REMOTE_ADDRESS':
      return { ...NOTHING, op: Op.Remote, most };
    case 'UPSTREAM_LOCAL_ADDRESS':
      return { ...NOTHING, op: Op.UpstreamLocal, most };
    default: {
      const number = (NumberOp as Readonly<Partial<Record<LogCommandName, NumberOp>>>)[name];
      if (number !== undefined) return { ...NOTHING, op: Op.Number, isNumber: true, number };
      return { ...NOTHING, writer: textWriter(TEXTS[name] ?? (() => ''), most) };
    }
  }
}

/** Values of one kind, written by a loop that knows it. */
export const isNumber = ({ op }: Value): boolean => op === Op.Number;
export const isNoted = ({ op, most }: Value): boolean => op === Op.Noted && most === 0;

export function writeNumbers(slots: readonly Slot[], line: Line, entry: LogEntry, record: ExchangeRecord): void {
  for (let i = 0; i < slots.length; i++) {
    const { index, value } = slots[i]!;
    const number = numberOf(value.number, entry, record);
    if (number < 0) line.nothing(index);
    else line.number(index, number);
  }
}

export function writeNotes(slots: readonly Slot[], line: Line, note: RequestNote | null): void {
  for (let i = 0; i < slots.length; i++) {
    const { index, value } = slots[i]!;
    if (note === null || !writeNoted(value, line, index, note)) line.nothing(index);
  }
}

/** @returns false when there is none. */
export function writeValue(value: Value, line: Line, slot: number, entry: LogEntry, record: ExchangeRecord): boolean {
  switch (value.op) {
    case Op.Number:
      return writeNumber(line, slot, numberOf(value.number, entry, record));
    case Op.Noted:
      return entry.note !== null && writeNoted(value, line, slot, entry.note);
    case Op.RequestId:
      if (entry.requestId === null) return entry.note !== null && writeNoted(value, line, slot, entry.note);
      line.id(slot, entry.requestId, value.most);
      return true;
    case Op.Time:
      value.time?.write(line, slot, record.startedAt, value.most);
      return true;
    case Op.Remote:
      return writeOwn(line, slot, entry.remote.bytes, value.most);
    case Op.UpstreamLocal:
      return writeOwn(line, slot, entry.upstreamLocal.bytes, value.most);
    case Op.ForwardedFor:
      return writeForwardedFor(value, line, slot, entry);
    case Op.Writer:
      return value.writer?.(line, slot, entry, record) ?? false;
  }
}

/** @returns below 0: there is none. */
function numberOf(op: NumberOp, { requestEndedAt }: LogEntry, record: ExchangeRecord): number {
  switch (op) {
    case NumberOp.BYTES_RECEIVED:
      return record.requestBytes;
    case NumberOp.BYTES_SENT:
      return record.responseBytes;
    case NumberOp.DURATION:
      return Math.round(record.endedAt - record.startedAt);
    case NumberOp.REQUEST_DURATION:
      return since(requestEndedAt, record.startedAt);
    case NumberOp.RESPONSE_DURATION:
      return since(record.answeredAt, record.startedAt);
    case NumberOp.RESPONSE_TX_DURATION:
      return record.answeredAt === 0 ? -1 : Math.round(record.endedAt - record.answeredAt);
    case NumberOp.REQUEST_HEADERS_BYTES:
      return record.requestHeadBytes;
    case NumberOp.RESPONSE_HEADERS_BYTES:
      return record.responseHeadBytes;
    case NumberOp.RESPONSE_CODE:
      return record.status;
    case NumberOp.UPSTREAM_REQUEST_ATTEMPT_COUNT:
      return record.attempts;
    case NumberOp.SERVICE_TIME:
      return since(record.answeredAt, record.startedAt);
  }
}

function since(at: number, startedAt: number): number {
  return at === 0 ? -1 : Math.round(at - startedAt);
}

function writeNumber(line: Line, slot: number, number: number): boolean {
  if (number < 0) return false;
  line.number(slot, number);
  return true;
}

function writeNoted({ span, otherSpan, most }: Value, line: Line, slot: number, note: RequestNote): boolean {
  if (slice(line, slot, note.bytes, note.start(span), note.end(span), most)) return true;
  return otherSpan >= 0 && slice(line, slot, note.bytes, note.start(otherSpan), note.end(otherSpan), most);
}

function writeOwn(line: Line, slot: number, bytes: Uint8Array, most: number): boolean {
  if (bytes.length === 0) return false;
  line.own(slot, most > 0 ? bytes.slice(0, most) : bytes);
  return true;
}

/** Empty: there is none. */
type TextOf = (entry: LogEntry, record: ExchangeRecord) => string;

function textWriter(text: TextOf, most: number): Writer {
  return (line, slot, entry, record) => writeText(line, slot, text(entry, record), most);
}

function writeText(line: Line, slot: number, text: string, most: number): boolean {
  if (text === '') return false;
  line.text(slot, most > 0 && text.length > most ? text.slice(0, most) : text);
  return true;
}

const TEXTS: Readonly<Partial<Record<LogCommandName, TextOf>>> = {
  PROTOCOL: ({ note }) => note?.protocol ?? '',
  RESPONSE_CODE_DETAILS: ({ note }, { outcome }) => (note === null ? '' : outcome.details),
  RESPONSE_FLAGS: (_entry, { flags }) => flagText(flags),
  UPSTREAM_HOST: ({ sockets }, { endpointAddress, endpointPort }) =>
    endpointAddress === '' ? '' : sockets.text(endpointAddress, endpointPort),
  UPSTREAM_CLUSTER: clusterName,
  DOWNSTREAM_LOCAL_ADDRESS: ({ localText }) => localText,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: ({ remote }) => withoutPort(remote.text),
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
  return address.slice(0, Math.max(0, address.lastIndexOf(':'))).replace(/^\[|\]$/g, '');
}

function requestHeader({ names, most }: LogCommand, noted: NotedName[]): Value {
  const [first = NOTHING, second] = names.map((name) => requestValue(name, most, noted));
  if (second === undefined) return first;
  if (first.op === Op.Noted && second.op === Op.Noted) return { ...first, otherSpan: second.span };
  const either: Writer = (line, slot, entry, record) =>
    writeValue(first, line, slot, entry, record) || writeValue(second, line, slot, entry, record);
  return { ...NOTHING, writer: either };
}

function requestValue(name: string, most: number, noted: NotedName[]): Value {
  if (name === ':scheme') return { ...NOTHING, writer: (line, slot, { note }) => note !== null && writeText(line, slot, 'http', most) };
  const value: Value = { ...NOTHING, op: Op.Noted, span: spanOf(name, noted), most };
  if (name === 'x-request-id') return { ...value, op: Op.RequestId };
  return name === 'x-forwarded-for' ? { ...value, op: Op.ForwardedFor } : value;
}

function spanOf(name: string, noted: NotedName[]): number {
  switch (name) {
    case ':method':
      return NoteSpan.Method;
    case ':path':
      return NoteSpan.Path;
    case ':authority':
    case 'host':
      return NoteSpan.Authority;
    default:
      return name.startsWith(':') ? -1 : NoteSpan.Headers + indexOfName(noted, name);
  }
}

/** A gateway adds its client. */
function writeForwardedFor(came: Value, line: Line, slot: number, { note, forwardedFor: own }: LogEntry): boolean {
  if (own === '') return note !== null && writeNoted(came, line, slot, note);
  const start = note === null ? -1 : note.start(came.span);
  if (note === null || start < 0) return writeText(line, slot, own, came.most);
  return writeText(line, slot, `${latin1(note.bytes, start, note.end(came.span))},${own}`, came.most);
}

function responseHeader({ names, most }: LogCommand, noted: NotedName[]): Writer {
  const writers = names.map((name): Writer => {
    if (name === SERVICE_TIME)
      return (line, slot, _entry, { answeredAt, startedAt }) => writeNumber(line, slot, since(answeredAt, startedAt));
    if (name === ':status') return (line, slot, _entry, { status }) => status !== 0 && writeNumber(line, slot, status);
    const index = indexOfName(noted, name);
    return (line, slot, { note }) =>
      note !== null && slice(line, slot, note.bytes, note.responseStart(index), note.responseEnd(index), most);
  });
  return (line, slot, entry, record) => {
    for (let i = 0; i < writers.length; i++) if (writers[i]!(line, slot, entry, record)) return true;
    return false;
  };
}

function slice(line: Line, slot: number, bytes: Uint8Array, start: number, end: number, most: number): boolean {
  if (end <= start || start < 0) return false;
  line.foreign(slot, bytes, start, most > 0 ? Math.min(end, start + most) : end);
  return true;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
