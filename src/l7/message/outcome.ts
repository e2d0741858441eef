/**
 * How an exchange, or one attempt of it, ended: one entry for each way, and everything that anybody asks of it. Outcomes travel as
 * these objects; strings for metrics and logs are made where they are recorded.
 */

/** Envoy's response flags (%RESPONSE_FLAGS%), as bits. */
export const Flag = {
  UH: 1 << 0,
  UF: 1 << 1,
  UC: 1 << 2,
  UO: 1 << 3,
  NR: 1 << 4,
  DC: 1 << 5,
  URX: 1 << 6,
  UT: 1 << 7,
  DPE: 1 << 8,
  UPE: 1 << 9,
  NC: 1 << 10,
  DI: 1 << 11,
  FI: 1 << 12,
  UR: 1 << 13,
} as const;

const FLAG_NAMES = Object.keys(Flag) as readonly (keyof typeof Flag)[];

/** `UF,URX`; `-` for none. */
export function flagText(flags: number): string {
  if (flags === 0) return '-';
  return FLAG_NAMES.filter((name) => (flags & Flag[name]) !== 0).join(',') || '-';
}

/** What a retry policy is asked about an attempt that ended so (src/l7/runtime/retry-policy.ts). */
export const RetryClass = {
  /** Sending again cannot help, or must not happen. */
  Never: 0,
  /** No connection: not a byte of the request was sent. */
  Connect: 1,
  /** The connection broke, or the stream was refused, before a byte of the request was sent. */
  Unsent: 4,
  /** The connection broke while the request was under way. */
  Reset: 2,
  PerTryTimeout: 3,
  /** The peer has refused the stream: it has not looked at the request. */
  Refused: 5,
} as const;
export type RetryClass = (typeof RetryClass)[keyof typeof RetryClass];

/** What an attempt that ended so says of its endpoint (src/l7/upstream/outliers.ts). */
export const Failing = {
  /** Nothing: it answered, or somebody else ended the attempt. */
  No: 0,
  /** There was no connection. */
  Connect: 1,
  /** The connection broke. */
  Reset: 2,
  /** It did not begin its answer in time. */
  Slow: 3,
} as const;
export type Failing = (typeof Failing)[keyof typeof Failing];

export interface Outcome {
  /** Who made it end so. `none`: nobody, it ended as it should. */
  readonly side: 'none' | 'downstream' | 'upstream' | 'internal';
  /** Of the response that Nodeway makes itself; 0: it makes none. */
  readonly status: number;
  readonly flags: number;
  /** Envoy's %RESPONSE_CODE_DETAILS%. */
  readonly details: string;
  /** text/plain, in Envoy's words, so that users and their dashboards recognise it. */
  readonly body: string;
  readonly retry: RetryClass;
  /** Whether the callee saw the request, and so has it in its own record. */
  readonly reached: boolean;
  readonly failing: Failing;
}

const BEFORE_HEADERS = 'upstream connect error or disconnect/reset before headers. ';
const RESET = `${BEFORE_HEADERS}reset reason:`;
const before = (reason: string): string => `upstream_reset_before_response_started{${reason}}`;

function outcome(side: Outcome['side'], status: number, flags: number, details: string, more: Partial<Outcome> = {}): Outcome {
  return { side, status, flags, details, body: '', retry: RetryClass.Never, reached: false, failing: Failing.No, ...more };
}

export const OUTCOME = {
  // The response of the upstream went through.
  completed: outcome('none', 0, 0, 'via_upstream', { reached: true }),
  upgraded: outcome('none', 0, 0, 'via_upstream', { reached: true }),
  // Nodeway answered by itself.
  directResponse: outcome('none', 200, 0, 'direct_response'),
  preflight: outcome('none', 200, 0, 'cors_response'),
  injectedAbort: outcome('none', 0, Flag.FI, 'fault_filter_abort', { body: 'fault filter abort' }),
  blocked: outcome('downstream', 502, 0, 'direct_response'),
  routeNotFound: outcome('downstream', 404, Flag.NR, 'route_not_found'),
  clusterNotFound: outcome('internal', 503, Flag.NC, 'cluster_not_found'),
  noHealthyUpstream: outcome('upstream', 503, Flag.UH, 'no_healthy_upstream', { body: 'no healthy upstream' }),
  overflow: outcome('upstream', 503, Flag.UO, before('overflow'), { body: `${RESET} overflow` }),
  fault: outcome('internal', 500, 0, 'internal_error', { body: 'internal error' }),
  // The client's doing.
  badRequest: outcome('downstream', 400, Flag.DPE, 'http1.codec_error'),
  headTimeout: outcome('downstream', 408, 0, 'request_header_timeout'),
  clientGone: outcome('downstream', 0, Flag.DC, 'downstream_remote_disconnect', { reached: true }),
  // An attempt ended before a response.
  connectFailure: outcome('upstream', 503, Flag.UF, before('remote_connection_failure'), {
    failing: Failing.Connect,
    body: `${RESET} remote connection failure`,
    retry: RetryClass.Connect,
  }),
  connectTimeout: outcome('upstream', 503, Flag.UF, before('connection_timeout'), {
    failing: Failing.Connect,
    body: `${RESET} connection timeout`,
    retry: RetryClass.Connect,
  }),
  terminated: outcome('upstream', 503, Flag.UC, before('connection_termination'), {
    failing: Failing.Reset,
    body: `${RESET} connection termination`,
    retry: RetryClass.Reset,
  }),
  protocolError: outcome('upstream', 502, Flag.UPE, before('protocol_error'), {
    failing: Failing.Reset,
    body: `${RESET} protocol error`,
    retry: RetryClass.Reset,
    reached: true,
  }),
  timeout: outcome('upstream', 504, Flag.UT, 'response_timeout', {
    failing: Failing.Slow,
    body: 'upstream request timeout',
    reached: true,
  }),
  refusedStream: outcome('upstream', 503, Flag.UR, before('remote_refused_stream_reset'), {
    failing: Failing.Reset,
    body: `${RESET} remote refused stream reset`,
    retry: RetryClass.Refused,
  }),
  remoteReset: outcome('upstream', 503, Flag.UR, before('remote_reset'), {
    failing: Failing.Reset,
    body: `${RESET} remote reset`,
    retry: RetryClass.Reset,
    reached: true,
  }),
  perTryTimeout: outcome('upstream', 504, Flag.UT, 'upstream_per_try_timeout', {
    failing: Failing.Slow,
    body: 'upstream request timeout',
    retry: RetryClass.PerTryTimeout,
    reached: true,
  }),
  // After the head of a response was passed on.
  brokenOff: outcome('upstream', 0, Flag.UC, 'upstream_reset_after_response_started{connection_termination}', {
    failing: Failing.Reset,
    reached: true,
  }),
  brokenProtocol: outcome('upstream', 0, Flag.UPE, 'upstream_reset_after_response_started{protocol_error}', {
    failing: Failing.Reset,
    reached: true,
  }),
  resetLate: outcome('upstream', 0, Flag.UR, 'upstream_reset_after_response_started{remote_reset}', {
    failing: Failing.Reset,
    reached: true,
  }),
  timedOutLate: outcome('upstream', 0, Flag.UT, 'response_timeout', { reached: true }),
  requestBroken: outcome('downstream', 0, Flag.DPE, 'http1.codec_error', { reached: true }),
  faultLate: outcome('internal', 0, 0, 'internal_error', { reached: true }),
  // A mirror that was given up.
  givenUp: outcome('internal', 0, 0, 'mirror_given_up', { reached: true }),
} as const satisfies Readonly<Record<string, Outcome>>;

/** What is told of the reset that the last of several attempts met. */
export function retriedBody(body: string): string {
  return body.startsWith(RESET) ? `${BEFORE_HEADERS}retried and the latest ${body.slice(BEFORE_HEADERS.length)}` : body;
}

/** How an exchange ends whose attempt ended so, after the head of its response was passed on. */
export function lateOutcome(outcome: Outcome): Outcome {
  if (outcome === OUTCOME.protocolError) return OUTCOME.brokenProtocol;
  return (outcome.flags & Flag.UR) === 0 ? OUTCOME.brokenOff : OUTCOME.resetLate;
}
