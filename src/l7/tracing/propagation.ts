/**
 * Trace contexts in headers.
 *
 *     b3    x-b3-traceid (16 or 32 digits), x-b3-spanid (16), x-b3-parentspanid, x-b3-sampled, x-b3-flags; or all in one `b3`, which goes
 *           on as one (Envoy 1.40's Zipkin tracer)
 *     w3c   traceparent: 00-<32 digits>-<16 digits>-<2 digits of flags>; tracestate passes as it came
 *
 * A context that cannot be read is treated as none: a new trace begins, and its headers replace what came (W3C Trace Context §3.2.2.2).
 */
import type { Propagation } from '../config/telemetry.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { digitOf, isHex, readWord, writeWord } from '../message/hex.ts';
import { literal } from '../message/wire-text.ts';
import type { TraceContext } from './trace-context.ts';

/** What the headers of a request say. */
export const Found = {
  Nothing: 0,
  /** A decision without a trace. */
  Sampled: 1,
  Dropped: 2,
  /** A trace, without a decision. */
  Trace: 3,
  SampledTrace: 4,
  DroppedTrace: 5,
} as const;
export type Found = (typeof Found)[keyof typeof Found];

/** Upper bound of the bytes that `write` adds. */
export const TRACE_ROOM = 256;

const TRACE_ID = literal('x-b3-traceid: ');
const SPAN_ID = literal('\r\nx-b3-spanid: ');
const PARENT_ID = literal('\r\nx-b3-parentspanid: ');
const B3_SAMPLED = literal('\r\nx-b3-sampled: 1\r\n');
const B3_DROPPED = literal('\r\nx-b3-sampled: 0\r\n');
const TRACE_DIGITS = 32;
const SPAN_DIGITS = 16;
/** The lines of most contexts in one piece, with ids yet to be written: piece by piece it would take half as long again. */
const B3_LINES = [B3_DROPPED, B3_SAMPLED].map((decision) => {
  const [trace, span] = ['0'.repeat(TRACE_DIGITS), '0'.repeat(SPAN_DIGITS)];
  return new Uint8Array(Buffer.from(`${TRACE_ID}${trace}${SPAN_ID}${span}${PARENT_ID}${span}${decision}`, 'latin1'));
}) as [Uint8Array, Uint8Array];
/** Where the ids stand in them. */
const TRACE_AT = TRACE_ID.length;
const SPAN_AT = TRACE_AT + TRACE_DIGITS + SPAN_ID.length;
const PARENT_AT = SPAN_AT + SPAN_DIGITS + PARENT_ID.length;
const SINGLE_B3 = literal('b3: ');
const TRACEPARENT = literal('traceparent: 00-');
const W3C_SAMPLED = literal('-01\r\n');
const W3C_DROPPED = literal('-00\r\n');
const LINE_END = literal('\r\n');
const DASH = 0x2d;
const ZERO = 0x30;
const ONE = 0x31;
const LETTER_D = 0x64;
const B3_NAMES = [H['b3'], H['x-b3-traceid'], H['x-b3-spanid'], H['x-b3-parentspanid'], H['x-b3-sampled'], H['x-b3-flags']];

/** Reads the context of a request into `context`, whose decision is left to the caller. */
export function readContext(propagation: Propagation, head: Head, context: TraceContext): Found {
  return propagation === 'w3c' ? readTraceparent(head, context) : readB3(head, context);
}

/** Puts the context in the place of what came. */
export function writeContext(propagation: Propagation, changes: HeadChanges, head: Head, context: TraceContext): void {
  if (propagation === 'w3c') writeTraceparent(changes, head, context);
  else writeB3(changes, head, context);
}

/** Leaves out what came: a context that is not passed on must not name the hop before as the parent either. */
export function dropContext(propagation: Propagation, changes: HeadChanges, head: Head): void {
  if (propagation === 'w3c') {
    changes.removeName(head, H['traceparent']);
    changes.removeName(head, H['tracestate']);
  } else for (const id of B3_NAMES) changes.removeName(head, id);
}

function readB3(head: Head, context: TraceContext): Found {
  if (head.has(H['b3'])) return readSingleB3(head, context);
  const sampled = b3Decision(head);
  const trace = head.find(H['x-b3-traceid']);
  const span = head.find(H['x-b3-spanid']);
  if (trace < 0 || span < 0) return found(sampled, false);
  const { bytes } = head;
  if (!readTraceId(bytes, head.valueStart[trace] as number, head.valueEnd[trace] as number, context)) return found(sampled, false);
  const ok = readSpanId(bytes, head.valueStart[span] as number, head.valueEnd[span] as number, context);
  return found(sampled, ok);
}

/** -1: none. */
function b3Decision(head: Head): -1 | 0 | 1 {
  const flags = head.find(H['x-b3-flags']);
  if (flags >= 0 && head.value(flags) === '1') return 1;
  const index = head.find(H['x-b3-sampled']);
  if (index < 0) return -1;
  const value = head.value(index).toLowerCase();
  if (value === '1' || value === 'true') return 1;
  return value === '0' || value === 'false' ? 0 : -1;
}

function readSingleB3(head: Head, context: TraceContext): Found {
  const said = foundInSingleB3(head, context);
  context.single = said !== Found.Nothing;
  return said;
}

/** `0`, `1`, `d`, or `<trace>-<span>[-<decision>[-<parent>]]`. */
function foundInSingleB3(head: Head, context: TraceContext): Found {
  const index = head.find(H['b3']);
  const start = head.valueStart[index] as number;
  const end = head.valueEnd[index] as number;
  const { bytes } = head;
  if (end - start === 1) return found(decisionOf(bytes[start] as number), false);
  const dash = bytes.indexOf(DASH, start);
  if (dash < 0 || dash >= end || !readTraceId(bytes, start, dash, context)) return Found.Nothing;
  const span = dash + 1;
  if (span + 16 > end || !readSpanId(bytes, span, span + 16, context)) return Found.Nothing;
  const sampled = span + 17 < end && bytes[span + 16] === DASH ? decisionOf(bytes[span + 17] as number) : -1;
  return found(sampled, true);
}

function decisionOf(byte: number): -1 | 0 | 1 {
  if (byte === ONE || byte === LETTER_D) return 1;
  return byte === ZERO ? 0 : -1;
}

function readTraceparent(head: Head, context: TraceContext): Found {
  const index = head.find(H['traceparent']);
  if (index < 0) return Found.Nothing;
  const { bytes } = head;
  const start = head.valueStart[index] as number;
  const end = head.valueEnd[index] as number;
  const version = start + 2;
  const trace = start + 3;
  const span = trace + 33;
  const flags = span + 17;
  // Later versions may be longer; what this one has stands at the same places (§4.1).
  const later = digitOf(bytes[start] as number) !== 0 || digitOf(bytes[start + 1] as number) !== 0;
  const long = end - start > 55;
  if (end - start < 55 || (long && (!later || bytes[start + 55] !== DASH))) return Found.Nothing;
  if (!isHex(bytes, start, version) || (digitOf(bytes[start] as number) === 15 && digitOf(bytes[start + 1] as number) === 15)) {
    return Found.Nothing;
  }
  if (bytes[version] !== DASH || bytes[span - 1] !== DASH || bytes[flags - 1] !== DASH || !isHex(bytes, flags, flags + 2)) {
    return Found.Nothing;
  }
  if (!readTraceId(bytes, trace, span - 1, context) || !readSpanId(bytes, span, flags - 1, context)) return Found.Nothing;
  return found((digitOf(bytes[flags + 1] as number) & 1) === 1 ? 1 : 0, true);
}

function readTraceId(bytes: Uint8Array, start: number, end: number, context: TraceContext): boolean {
  const length = end - start;
  if ((length !== 16 && length !== 32) || !isHex(bytes, start, end)) return false;
  context.short = length === 16;
  context.a = context.short ? 0 : readWord(bytes, start);
  context.b = context.short ? 0 : readWord(bytes, start + 8);
  context.c = readWord(bytes, end - 16);
  context.d = readWord(bytes, end - 8);
  return (context.a | context.b | context.c | context.d) !== 0;
}

function readSpanId(bytes: Uint8Array, start: number, end: number, context: TraceContext): boolean {
  if (end - start !== 16 || !isHex(bytes, start, end)) return false;
  context.spanHigh = readWord(bytes, start);
  context.spanLow = readWord(bytes, start + 8);
  return (context.spanHigh | context.spanLow) !== 0;
}

function found(sampled: -1 | 0 | 1, trace: boolean): Found {
  if (sampled < 0) return trace ? Found.Trace : Found.Nothing;
  if (trace) return sampled === 1 ? Found.SampledTrace : Found.DroppedTrace;
  return sampled === 1 ? Found.Sampled : Found.Dropped;
}

function writeB3(changes: HeadChanges, head: Head, context: TraceContext): void {
  for (const id of B3_NAMES) changes.removeName(head, id);
  if (context.single) return writeSingleB3(changes, context);
  if (context.hasParent && !context.short) return writeB3Lines(changes, context);
  changes.text(TRACE_ID);
  writeTraceId(changes, context);
  changes.text(SPAN_ID);
  writeWords(changes, context.spanHigh, context.spanLow);
  if (context.hasParent) {
    changes.text(PARENT_ID);
    writeWords(changes, context.parentHigh, context.parentLow);
  }
  changes.text(context.sampled ? B3_SAMPLED : B3_DROPPED);
}

function writeB3Lines(changes: HeadChanges, context: TraceContext): void {
  const { arena, cursor } = changes;
  changes.bytes(B3_LINES[context.sampled ? 1 : 0]);
  const low = writeWord(arena, writeWord(arena, cursor + TRACE_AT, context.a), context.b);
  writeWord(arena, writeWord(arena, low, context.c), context.d);
  writeWord(arena, writeWord(arena, cursor + SPAN_AT, context.spanHigh), context.spanLow);
  writeWord(arena, writeWord(arena, cursor + PARENT_AT, context.parentHigh), context.parentLow);
}

function writeSingleB3(changes: HeadChanges, context: TraceContext): void {
  changes.text(SINGLE_B3);
  writeTraceId(changes, context);
  changes.arena[changes.cursor++] = DASH;
  writeWords(changes, context.spanHigh, context.spanLow);
  changes.arena[changes.cursor++] = DASH;
  changes.arena[changes.cursor++] = context.sampled ? ONE : ZERO;
  if (context.hasParent) {
    changes.arena[changes.cursor++] = DASH;
    writeWords(changes, context.parentHigh, context.parentLow);
  }
  changes.text(LINE_END);
}

function writeTraceId(changes: HeadChanges, context: TraceContext): void {
  if (!context.short) writeWords(changes, context.a, context.b);
  writeWords(changes, context.c, context.d);
}

function writeTraceparent(changes: HeadChanges, head: Head, context: TraceContext): void {
  changes.removeName(head, H['traceparent']);
  changes.text(TRACEPARENT);
  writeWords(changes, context.a, context.b);
  writeWords(changes, context.c, context.d);
  changes.arena[changes.cursor++] = DASH;
  writeWords(changes, context.spanHigh, context.spanLow);
  changes.text(context.sampled ? W3C_SAMPLED : W3C_DROPPED);
}

function writeWords(changes: HeadChanges, high: number, low: number): void {
  changes.cursor = writeWord(changes.arena, writeWord(changes.arena, changes.cursor, high), low);
}
