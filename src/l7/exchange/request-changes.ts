/**
 * What changes in a request on its way to the upstream: the route's rewrites and header operations, and the headers that Istio's proxies
 * add. What those are was seen on the real thing:
 *
 *                                outbound (sidecar)   gateway                inbound
 *     x-request-id               added if missing     always ours            added if missing
 *     x-forwarded-proto          added if missing     always ours            added if missing
 *     x-envoy-attempt-count      set                  set                    left alone
 *     x-forwarded-for            left alone           client's IP appended   left alone
 *     x-envoy-external-address   left alone           set                    left alone
 *     x-envoy-expected-rq-timeout-ms   set where the route has a timeout, and the callee no proxy that would take it away
 */
import type { Propagation, TracingConfig } from '../config/telemetry.ts';
import { TargetForm, type Head } from '../message/head.ts';
import type { ArenaSlice, ArenaText } from '../message/arena-text.ts';
import { type FieldNumbers, ONCE } from '../message/field-numbers.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import { digitByte } from '../message/hex.ts';
import { H } from '../message/header-names.ts';
import { literal, requestTarget, type WireText } from '../message/wire-text.ts';
import type { PathRewrite } from '../runtime/actions.ts';
import { type HeaderOps, Hides } from '../runtime/header-ops.ts';
import type { ForwardedLines, GatewayOrigin, Origin } from './origin.ts';
import { dropContext, TRACE_ROOM, writeContext } from '../tracing/propagation.ts';
import { readableId, VERSION_AT } from '../tracing/sampling.ts';
import type { TraceContext } from '../tracing/trace-context.ts';
import { REQUEST_ID_LENGTH, type RequestId } from './request-id.ts';

/** What one attempt of a request is, besides its head. */
export interface RequestFacts {
  readonly origin: Origin;
  readonly requestId: RequestId;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds that the upstream has to answer, which it is told; 0: it is not. */
  readonly expectedMs: number;
  /** Bytes of the path that a rewrite replaces; -1: all of them. */
  readonly matchedPrefix: number;
  /** Null: headers of traces pass as they are. */
  readonly tracing: Pick<TracingConfig, 'propagation'> | null;
  /** The context of a trace that goes to the upstream; null: what came is left out. */
  readonly traceContext: TraceContext | null;
  /** The decision about the trace that the request's own id is to carry; 0: it stays as it is. */
  readonly traceDigit: number;
  /** No rule was applied: the request goes to its original destination, in the form in which it came. */
  readonly passedThrough: boolean;
}

const PROTO = literal('x-forwarded-proto: http\r\n');
const ATTEMPT = literal('x-envoy-attempt-count: ');
const REQUEST_ID = literal('x-request-id: ');
const EXPECTED = literal('x-envoy-expected-rq-timeout-ms: ');
const FIRST_ATTEMPT = literal('x-envoy-attempt-count: 1\r\n');
const FORWARDED_FOR = literal('x-forwarded-for: ');
const EXTERNAL_ADDRESS = literal('\r\nx-envoy-external-address: ');
const ORIGINAL_PATH = literal('x-envoy-original-path: ');
const ORIGINAL_HOST = literal('x-envoy-original-host: ');
const LINE_END = literal('\r\n');
const SLASH = literal('/');
const QUESTION = literal('?');
const COMMA = literal(',');

/** Room for the lines that every request may get. */
const ROOM = 320;
/** A substitution may make a path longer; one that makes it longer than this leaves the path as it is. */
const MAX_REGEX_PATH = 16 * 1024;

/**
 * Headers by which somebody could steer Envoy's router. Istio's proxies take them from nobody: they are removed, from clients inside
 * the mesh as well (conn_manager_utility.cc, cleanInternalHeaders). Their ids follow each other.
 */
const FIRST_STEERING = H['x-envoy-internal'];
const LAST_STEERING = H['x-envoy-force-trace'];

export class RequestChanges {
  readonly #changes: HeadChanges;
  /** Attempt, scheme and the name of the request's id, which nearly every request gets in one piece. */
  readonly #common: ArenaSlice;
  readonly #numbers: FieldNumbers;
  readonly #firstAttempt: number;
  readonly #proto: number;

  constructor(changes: HeadChanges, text: ArenaText, numbers: FieldNumbers) {
    this.#changes = changes;
    this.#common = text.put(literal(`${FIRST_ATTEMPT}${PROTO}${REQUEST_ID}`));
    this.#numbers = numbers;
    this.#firstAttempt = numbers.take();
    this.#proto = numbers.take();
  }

  /** Fills the changes for one attempt; the caller sends the head with them at once. */
  prepare(facts: RequestFacts, head: Head, ops: HeaderOps | null, rewrite: PathRewrite | null): HeadChanges {
    const changes = this.#changes;
    const { origin, tracing } = facts;
    changes.begin(head, ROOM + TRACE_ROOM + rewriteRoom(head, rewrite) + (ops?.lines.length ?? 0) + forwardedRoom(origin, head));
    changes.asSent = facts.passedThrough;
    if (rewrite !== null) applyRewrite(changes, facts, head, rewrite);
    if (ops !== null) applyOps(changes, head, ops);
    dropSteering(changes, head);
    const hides = ops?.hides ?? 0;
    if (origin.kind === 'gateway') this.#addForGateway(changes, facts, origin, head, hides);
    else this.#addForMesh(changes, facts, head, hides);
    if (facts.expectedMs > 0 && (hides & Hides.ExpectedTimeout) === 0) addExpected(changes, facts.expectedMs);
    if (tracing !== null) applyTrace(changes, head, tracing.propagation, facts);
    return changes;
  }

  /** The common case is one copy of constant text and 36 digits. */
  #addForMesh(changes: HeadChanges, facts: RequestFacts, head: Head, hides: number): void {
    const outbound = facts.origin.kind === 'outbound';
    if (outbound) changes.removeName(head, H['x-envoy-attempt-count']);
    const bare = !head.has(H['x-request-id']) && !head.has(H['x-forwarded-proto']);
    if (outbound && facts.attempt <= 1 && bare && hides === 0) {
      this.#addCommon(changes, facts.requestId);
      return;
    }
    if (outbound && (hides & Hides.AttemptCount) === 0) addAttempt(changes, facts.attempt);
    if (!head.has(H['x-forwarded-proto']) && (hides & Hides.ForwardedProto) === 0) changes.text(PROTO);
    if (!head.has(H['x-request-id']) && (hides & Hides.RequestId) === 0) addRequestId(changes, facts.requestId);
  }

  #addForGateway(changes: HeadChanges, facts: RequestFacts, origin: GatewayOrigin, head: Head, hides: number): void {
    changes.removeName(head, H['x-envoy-attempt-count']);
    changes.removeName(head, H['x-forwarded-proto']);
    changes.removeName(head, H['x-request-id']);
    changes.removeName(head, H['x-envoy-external-address']);
    changes.removeName(head, H['x-envoy-decorator-operation']);
    if (facts.attempt <= 1 && hides === 0) {
      this.#addCommon(changes, facts.requestId);
    } else {
      if ((hides & Hides.AttemptCount) === 0) addAttempt(changes, facts.attempt);
      if ((hides & Hides.ForwardedProto) === 0) changes.text(PROTO);
      if ((hides & Hides.RequestId) === 0) addRequestId(changes, facts.requestId);
    }
    if ((hides & Hides.ForwardedFor) !== 0) return;
    const isForwarded = head.has(H['x-forwarded-for']);
    if (!isForwarded && origin.forwarded !== null) return addForwarded(changes, origin.forwarded);
    const start = changes.cursor;
    addForwardedFor(changes, head, origin);
    if (!isForwarded) origin.noteForwarded(changes.arena, start, changes.cursor, this.#numbers);
  }

  #addCommon(changes: HeadChanges, requestId: RequestId): void {
    const attempt = changes.cursor;
    const proto = attempt + FIRST_ATTEMPT.length;
    const id = proto + PROTO.length;
    changes.copy(this.#common.start, this.#common.end);
    changes.cursor = requestId.write(changes.arena, changes.cursor);
    changes.endLine();
    changes.mark(attempt, proto, this.#firstAttempt);
    changes.mark(proto, id, this.#proto);
    changes.mark(id, changes.cursor, ONCE);
  }
}

/** Two lines. */
function addForwarded(changes: HeadChanges, { lines, first, number }: ForwardedLines): void {
  const start = changes.cursor;
  changes.bytes(lines);
  changes.mark(start, start + first, number);
  changes.mark(start + first, changes.cursor, number + 1);
}

export function applyOps(changes: HeadChanges, head: Head, ops: HeaderOps): void {
  for (const id of ops.remove) changes.removeName(head, id);
  changes.bytes(ops.lines);
}

function dropSteering(changes: HeadChanges, { id, count }: Head): void {
  for (let i = 0; i < count; i++) {
    const name = id[i] as number;
    if (name >= FIRST_STEERING && name <= LAST_STEERING) changes.removeLine(i);
  }
}

function applyTrace(changes: HeadChanges, head: Head, propagation: Propagation, { traceContext, traceDigit }: RequestFacts): void {
  if (traceContext === null) dropContext(propagation, changes, head);
  else writeContext(propagation, changes, head, traceContext);
  if (traceDigit !== 0) markRequestId(changes, head, traceDigit);
}

/** The request's own id goes on with another decision about its trace. */
function markRequestId(changes: HeadChanges, head: Head, digit: number): void {
  const index = readableId(head);
  if (index < 0) return;
  changes.removeLine(index);
  changes.text(REQUEST_ID);
  const at = changes.cursor;
  changes.slice(head, head.valueStart[index] as number, head.valueEnd[index] as number);
  changes.arena[at + VERSION_AT] = digitByte(digit);
  changes.endLine();
}

function addAttempt(changes: HeadChanges, attempt: number): void {
  changes.text(ATTEMPT);
  changes.integer(attempt);
  changes.endLine();
}

function addExpected(changes: HeadChanges, ms: number): void {
  changes.text(EXPECTED);
  changes.integer(ms);
  changes.endLine();
}

function addRequestId(changes: HeadChanges, requestId: RequestId): void {
  changes.text(REQUEST_ID);
  changes.cursor = requestId.write(changes.arena, changes.cursor);
  changes.endLine();
}

function addForwardedFor(changes: HeadChanges, head: Head, origin: GatewayOrigin): void {
  changes.removeName(head, H['x-forwarded-for']);
  changes.text(FORWARDED_FOR);
  for (let i = head.has(H['x-forwarded-for']) ? head.find(H['x-forwarded-for']) : head.count; i < head.count; i++) {
    if (head.id[i] !== H['x-forwarded-for'] || head.valueEnd[i] === head.valueStart[i]) continue;
    changes.slice(head, head.valueStart[i] as number, head.valueEnd[i] as number);
    changes.text(COMMA);
  }
  changes.text(origin.clientIp);
  changes.text(EXTERNAL_ADDRESS);
  changes.text(origin.clientIp);
  changes.text(LINE_END);
}

function forwardedRoom(origin: Origin, head: Head): number {
  if (origin.kind !== 'gateway') return 0;
  return ROOM + (head.has(H['x-forwarded-for']) ? head.end - head.start : 0);
}

/** Target and authority, and the lines that say what they were. */
function rewriteRoom(head: Head, rewrite: PathRewrite | null): number {
  if (rewrite === null) return REQUEST_ID_LENGTH;
  const replaced = rewrite.regex === null ? 0 : MAX_REGEX_PATH;
  return 4 * (head.end - head.start) + (rewrite.uri?.length ?? 0) + (rewrite.authority?.length ?? 0) + replaced + ROOM;
}

function applyRewrite(changes: HeadChanges, facts: RequestFacts, head: Head, rewrite: PathRewrite): void {
  const path = rewritePath(facts.matchedPrefix, head, rewrite);
  // OPTIONS * asks about the server: it has no path that could be rewritten.
  const target = path !== null && head.form !== TargetForm.Asterisk;
  if (target) {
    changes.text(path);
    addQuery(changes, head);
    changes.endTarget();
  }
  if (rewrite.authority !== null) {
    changes.text(rewrite.authority);
    changes.endAuthority();
  }
  if (target) {
    changes.removeName(head, H['x-envoy-original-path']);
    changes.text(ORIGINAL_PATH);
    if (head.pathEnd > head.pathStart) changes.slice(head, head.pathStart, head.pathEnd);
    else changes.text(SLASH);
    addQuery(changes, head);
    changes.text(LINE_END);
  }
  if (rewrite.authority !== null) {
    changes.removeName(head, H['x-envoy-original-host']);
    changes.text(ORIGINAL_HOST);
    changes.slice(head, head.authorityStart, head.authorityEnd);
    changes.text(LINE_END);
  }
}

function addQuery(changes: HeadChanges, head: Head): void {
  if (head.queryEnd <= head.queryStart) return;
  changes.text(QUESTION);
  changes.slice(head, head.queryStart, head.queryEnd);
}

/** Null: the path stays. What a substitution makes of it is checked like everything else that is written. */
function rewritePath(matchedPrefix: number, head: Head, rewrite: PathRewrite): WireText | null {
  const path = head.path();
  if (rewrite.uri !== null) {
    // The rest of the path has passed the parser.
    return matchedPrefix >= 0 ? ((rewrite.uri + path.slice(matchedPrefix)) as WireText) : rewrite.uri;
  }
  if (rewrite.regex === null) return null;
  const replaced = rewrite.regex.match.replaceAll(path, rewrite.regex.substitution);
  if (replaced.length > MAX_REGEX_PATH) return null;
  const checked = requestTarget(replaced);
  return checked.ok && checked.text !== '' ? checked.text : null;
}
