/**
 * The head that goes upstream: the client's bytes with hop-by-hop lines left out, the route's changes, and the headers that
 * Istio's proxies add. What those are was seen on the real thing:
 *
 *                                outbound (sidecar)   gateway                inbound
 *     x-request-id               added if missing     always ours            added if missing
 *     x-forwarded-proto          added if missing     always ours            added if missing
 *     x-envoy-attempt-count      set                  set                    left alone
 *     x-forwarded-for            left alone           client's IP appended   left alone
 *     x-envoy-external-address   left alone           set                    left alone
 */
import type { Context } from '../context.ts';
import type { GatewayOrigin } from '../downstream/origin.ts';
import { TargetForm, type Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { markHopByHop } from '../http1/hop-by-hop.ts';
import type { HeaderOps } from '../runtime/header-ops.ts';
import type { PathRewrite } from '../runtime/actions.ts';
import type { Exchange } from './exchange.ts';
import type { HeadEdits } from './head-edits.ts';

const ATTEMPT = 'x-envoy-attempt-count: ';
const PROTO = 'x-forwarded-proto: http\r\n';
const REQUEST_ID = 'x-request-id: ';
const COMMON = `${ATTEMPT}1\r\n${PROTO}${REQUEST_ID}`;
/** Upper bound of what is added besides the route's own lines, the path and forwarded addresses. */
const ROOM = 256;
const CR = 13;
const LF = 10;

/** Headers by which internal callers steer Envoy's router; strangers may not (conn_manager_utility.cc). */
const INTERNAL_ONLY = [
  H['x-envoy-internal'],
  H['x-envoy-max-retries'],
  H['x-envoy-retry-on'],
  H['x-envoy-retry-grpc-on'],
  H['x-envoy-upstream-rq-timeout-ms'],
  H['x-envoy-upstream-rq-per-try-timeout-ms'],
  H['x-envoy-expected-rq-timeout-ms'],
  H['x-envoy-decorator-operation'],
];

export class RequestWriter {
  readonly #context: Context;
  readonly #common: number;

  constructor(context: Context) {
    this.#context = context;
    this.#common = context.template(COMMON);
  }

  /** Fills the context's edits for one try; the caller sends the head with them at once. */
  prepare(exchange: Exchange, head: Head, ops: HeaderOps | null, rewrite: PathRewrite | null): HeadEdits {
    const { edits } = this.#context;
    const ownLine = rewrite !== null || head.form !== TargetForm.Origin || head.minor !== 1;
    edits.begin(head, ROOM + (ownLine ? lineRoom(head, rewrite) : 0) + (ops?.lines.length ?? 0) + forwardedRoom(exchange, head));
    if (ownLine) writeFirstLine(edits, exchange, head, rewrite);
    const hops = markHopByHop(head, head.upgrade);
    for (let i = 0; i < hops; i++) edits.removeLine(head.hopByHop[i] as number);
    if (ops !== null) applyOps(edits, head, ops);
    if (exchange.origin.kind === 'gateway') this.#addForGateway(edits, exchange, exchange.origin, head);
    else this.#addForMesh(edits, exchange, head);
    return edits;
  }

  /** The copy for a mirror: as the first try, with the route's own header changes. */
  prepareMirror(exchange: Exchange, head: Head): HeadEdits {
    const { action } = exchange;
    const route = action !== null && action.kind === 'forward' ? action : null;
    return this.prepare(exchange, head, route?.mirrorHeaders ?? null, route?.rewrite ?? null);
  }

  /** The common case is one copy of a template and 36 digits. */
  #addForMesh(edits: HeadEdits, exchange: Exchange, head: Head): void {
    const outbound = exchange.origin.kind === 'outbound';
    if (outbound) edits.removeName(head, H['x-envoy-attempt-count']);
    if (outbound && exchange.attempt <= 1 && !head.has(H['x-request-id']) && !head.has(H['x-forwarded-proto'])) {
      this.#addCommon(edits, exchange);
      return;
    }
    if (outbound) addAttempt(edits, exchange.attempt);
    if (!head.has(H['x-forwarded-proto'])) edits.text(PROTO);
    if (!head.has(H['x-request-id'])) this.#addRequestId(edits, exchange);
  }

  #addForGateway(edits: HeadEdits, exchange: Exchange, origin: GatewayOrigin, head: Head): void {
    edits.removeName(head, H['x-envoy-attempt-count']);
    edits.removeName(head, H['x-forwarded-proto']);
    edits.removeName(head, H['x-request-id']);
    edits.removeName(head, H['x-envoy-external-address']);
    for (const id of INTERNAL_ONLY) edits.removeName(head, id);
    if (exchange.attempt <= 1) {
      this.#addCommon(edits, exchange);
    } else {
      addAttempt(edits, exchange.attempt);
      edits.text(PROTO);
      this.#addRequestId(edits, exchange);
    }
    if (!head.has(H['x-forwarded-for'])) edits.bytes(origin.forwardedLines);
    else appendForwardedFor(edits, head, origin.clientIp);
  }

  #addCommon(edits: HeadEdits, exchange: Exchange): void {
    const { arena } = this.#context.transport;
    const at = edits.cursor;
    arena.copyWithin(at, this.#common, this.#common + COMMON.length);
    const end = exchange.requestId.write(arena, at + COMMON.length);
    arena[end] = CR;
    arena[end + 1] = LF;
    edits.advance(end + 2);
  }

  #addRequestId(edits: HeadEdits, exchange: Exchange): void {
    edits.text(REQUEST_ID);
    edits.advance(exchange.requestId.write(this.#context.transport.arena, edits.cursor));
    edits.text('\r\n');
  }
}

export function applyOps(edits: HeadEdits, head: Head, ops: HeaderOps): void {
  for (const id of ops.remove) edits.removeName(head, id);
  edits.bytes(ops.lines);
}

function addAttempt(edits: HeadEdits, attempt: number): void {
  edits.text(`${ATTEMPT}${attempt}\r\n`);
}

function appendForwardedFor(edits: HeadEdits, head: Head, clientIp: string): void {
  edits.removeName(head, H['x-forwarded-for']);
  edits.text('x-forwarded-for: ');
  for (let i = head.find(H['x-forwarded-for']); i < head.count; i++) {
    if (head.id[i] !== H['x-forwarded-for'] || head.valueEnd[i] === head.valueStart[i]) continue;
    edits.slice(head, head.valueStart[i] as number, head.valueEnd[i] as number);
    edits.text(',');
  }
  edits.text(`${clientIp}\r\nx-envoy-external-address: ${clientIp}\r\n`);
}

function forwardedRoom(exchange: Exchange, head: Head): number {
  if (exchange.origin.kind !== 'gateway') return 0;
  return head.has(H['x-forwarded-for']) ? 256 + head.end - head.start : 128;
}

/** The line itself, the original path and host, a host line of our own. */
function lineRoom(head: Head, rewrite: PathRewrite | null): number {
  const replaced = rewrite?.regex === null || rewrite === null ? 0 : MAX_REGEX_PATH;
  return 4 * (head.end - head.start) + (rewrite?.uri?.length ?? 0) + (rewrite?.authority?.length ?? 0) + replaced + 256;
}

/** A substitution may make a path longer; one that makes it longer than a head may be is cut off by leaving the path as it is. */
const MAX_REGEX_PATH = 16 * 1024;

function writeFirstLine(edits: HeadEdits, exchange: Exchange, head: Head, rewrite: PathRewrite | null): void {
  edits.slice(head, head.methodStart, head.methodEnd);
  edits.text(' ');
  const rewritten = rewrite === null ? null : rewritePath(exchange, head, rewrite);
  if (head.form === TargetForm.Asterisk) edits.text('*');
  else if (rewritten !== null) edits.text(rewritten);
  else if (head.pathEnd > head.pathStart) edits.slice(head, head.pathStart, head.pathEnd);
  else edits.text('/');
  if (head.queryEnd > head.queryStart) {
    edits.text('?');
    edits.slice(head, head.queryStart, head.queryEnd);
  }
  edits.text(' HTTP/1.1\r\n');
  edits.endFirstLine();
  if (rewritten !== null) addOriginalPath(edits, head);
  writeHost(edits, head, rewrite?.authority ?? null);
}

function addOriginalPath(edits: HeadEdits, head: Head): void {
  edits.removeName(head, H['x-envoy-original-path']);
  edits.text('x-envoy-original-path: ');
  if (head.pathEnd > head.pathStart) edits.slice(head, head.pathStart, head.pathEnd);
  else edits.text('/');
  if (head.queryEnd > head.queryStart) {
    edits.text('?');
    edits.slice(head, head.queryStart, head.queryEnd);
  }
  edits.text('\r\n');
}

/** Host of the upstream request: the rewritten one, or that of an absolute target, which beats the Host line (RFC 9112 §3.2.2). */
function writeHost(edits: HeadEdits, head: Head, authority: string | null): void {
  if (authority !== null) {
    edits.removeName(head, H['x-envoy-original-host']);
    edits.text('x-envoy-original-host: ');
    edits.slice(head, head.authorityStart, head.authorityEnd);
    edits.text(`\r\nhost: ${authority}\r\n`);
    edits.removeName(head, H.host);
  } else if (head.form === TargetForm.Absolute || !head.has(H.host)) {
    edits.removeName(head, H.host);
    edits.text('host: ');
    edits.slice(head, head.authorityStart, head.authorityEnd);
    edits.text('\r\n');
  }
}

function rewritePath(exchange: Exchange, head: Head, rewrite: PathRewrite): string | null {
  const path = head.path();
  if (rewrite.uri !== null) {
    const prefix = exchange.matchedPrefix;
    return prefix > 0 ? rewrite.uri + path.slice(prefix) : rewrite.uri;
  }
  if (rewrite.regex === null) return null;
  const replaced = rewrite.regex.match.replaceAll(path, rewrite.regex.substitution);
  return replaced === path || replaced.length > MAX_REGEX_PATH || /[^\x21-\x7e\x80-\xff]/.test(replaced) ? null : replaced;
}
