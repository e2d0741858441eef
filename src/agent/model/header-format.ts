/**
 * Values of headers as Envoy reads them: text with `%%` for a percent sign and `%NAME%` or `%NAME(arguments)%` for what is made from
 * each request. Istio's admission looks at the form only; a name that Envoy does not know makes its proxies refuse everything.
 */
import { fieldValue, type WireText } from '../../l7/message/wire-text.ts';
import type { FormattedFact, Formatter, ValueSegment } from '../../l7/config/header-operations.ts';

export type HeaderValue =
  | { readonly ok: true; readonly value: WireText | readonly ValueSegment[] }
  /** `unserved`: Envoy has it. */
  | { readonly ok: false; readonly unserved: boolean; readonly fault: string };

/** `%%`, `%NAME%` or `%NAME(arguments)%`; a backslash protects the next character of the arguments. */
const PARTS = /%%|%([^%(]+)(?:\(((?:[^)\\]|\\.)*)\) *)?%|[^%]+|%/gs;
const NAME = /^[A-Z][A-Z0-9_]*$/;

const FACTS: Readonly<Record<string, FormattedFact>> = {
  DOWNSTREAM_REMOTE_ADDRESS: 'remote',
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'remote-ip',
  DOWNSTREAM_REMOTE_PORT: 'remote-port',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'remote',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: 'remote-ip',
  DOWNSTREAM_DIRECT_REMOTE_PORT: 'remote-port',
  DOWNSTREAM_LOCAL_ADDRESS: 'local',
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: 'local-ip',
  DOWNSTREAM_LOCAL_PORT: 'local-port',
  UPSTREAM_HOST: 'upstream',
  UPSTREAM_REMOTE_ADDRESS: 'upstream',
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'upstream-ip',
  UPSTREAM_REMOTE_PORT: 'upstream-port',
  UPSTREAM_CLUSTER: 'cluster',
  UPSTREAM_CLUSTER_RAW: 'cluster-raw',
  ROUTE_NAME: 'route',
  PROTOCOL: 'protocol',
  UPSTREAM_REQUEST_ATTEMPT_COUNT: 'attempts',
  RESPONSE_CODE: 'status',
  RESPONSE_CODE_DETAILS: 'details',
  RESPONSE_FLAGS: 'flags',
  HOSTNAME: 'hostname',
  BYTES_RECEIVED: 'bytes-received',
  STREAM_ID: 'request-id',
};

/** The others that Envoy has (substitution formatters); those of one side of a connection by how they begin. */
const UNSERVED = new Set(
  (
    'START_TIME START_TIME_LOCAL EMIT_TIME EMIT_TIME_LOCAL DURATION COMMON_DURATION REQUEST_DURATION REQUEST_TX_DURATION ' +
    'RESPONSE_DURATION RESPONSE_TX_DURATION ROUNDTRIP_DURATION BYTES_SENT BYTES_RETRANSMITTED PACKETS_RETRANSMITTED TRAILER ' +
    'REQUEST_HEADERS_BYTES RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES REQUEST_TRAILERS_BYTES RESPONSE_FLAGS_LONG ' +
    'CONNECTION_ID CONNECTION_TERMINATION_DETAILS LOCAL_REPLY_BODY FILTER_CHAIN_NAME VIRTUAL_CLUSTER_NAME ENVIRONMENT ' +
    'DYNAMIC_METADATA CLUSTER_METADATA METADATA FILTER_STATE GRPC_STATUS GRPC_STATUS_NUMBER TRACE_ID SPAN_ID UNIQUE_ID CEL ' +
    'REQUESTED_SERVER_NAME ACCESS_LOG_TYPE TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT QUERY_PARAMS FILE_CONTENT COALESCE PER_REQUEST_STATE'
  ).split(' '),
);

/** Whether Envoy has a command operator of that name. */
export function isEnvoys(name: string): boolean {
  return UNSERVED.has(name) || Object.hasOwn(FACTS, name) || /^(UPSTREAM|DOWNSTREAM)_/.test(name);
}

export function headerValue(text: string): HeaderValue {
  const segments: ValueSegment[] = [];
  let literal = '';
  for (const [part, name, given] of text.matchAll(PARTS)) {
    if (part === '%') return refuse('has a % that begins nothing; one of its own is written %%');
    if (name === undefined) {
      literal += part === '%%' ? '%' : part;
      continue;
    }
    const formatter = formatterOf(name, given);
    if (!('of' in formatter)) return formatter;
    if (literal !== '') segments.push(literal as WireText);
    segments.push(formatter);
    literal = '';
  }
  if (segments.length === 0) return checked(literal);
  return withText(literal === '' ? segments : [...segments, literal as WireText]);
}

function checked(literal: string): HeaderValue {
  const value = fieldValue(literal);
  return value.ok ? { ok: true, value: value.text } : refuse(value.fault);
}

/** The text between formatters is checked like that of a value without them. */
function withText(segments: readonly ValueSegment[]): HeaderValue {
  const value: ValueSegment[] = [];
  for (const segment of segments) {
    const text = typeof segment === 'string' ? fieldValue(segment) : null;
    if (text?.ok === false) return refuse(text.fault);
    value.push(text === null ? segment : text.text);
  }
  return { ok: true, value };
}

function formatterOf(name: string, given: string | undefined): Formatter | Extract<HeaderValue, { ok: false }> {
  const fact = FACTS[name];
  if (fact !== undefined) return { of: fact };
  switch (name) {
    case 'REQ':
      return headersOf('request-header', given);
    case 'RESP':
      return headersOf('response-header', given);
    case 'QUERY_PARAM':
      return given === undefined || given === '' ? refuse('%QUERY_PARAM(name)% needs a name') : { of: 'query', name: given };
    case 'PATH':
      return pathOf(given);
  }
  if (isEnvoys(name)) return { ok: false, unserved: true, fault: `%${name}% is not served yet` };
  return refuse(NAME.test(name) ? `%${name}% is no formatter of Envoy’s` : 'has a % that begins nothing; one of its own is written %%');
}

/** `NAME` or `NAME?ALTERNATIVE`. */
function headersOf(of: 'request-header' | 'response-header', given = ''): Formatter | Extract<HeaderValue, { ok: false }> {
  const names = given.toLowerCase().split('?');
  if (names.length > 2 || names.some((name) => !/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))) {
    return refuse('%REQ(…)% and %RESP(…)% need a name, or NAME?ALTERNATIVE');
  }
  return { of, names };
}

/** `WQ`: with the query, `NQ`: without; what it was before a rewrite, which values of requests see anyway. */
function pathOf(given = 'WQ'): Formatter | Extract<HeaderValue, { ok: false }> {
  const [query, which = 'ORIG_OR_PATH'] = given.split(':');
  const known = (query === 'WQ' || query === 'NQ') && (which === 'ORIG_OR_PATH' || which === 'ORIG' || which === 'PATH');
  if (!known) return refuse('%PATH(…)% takes WQ or NQ');
  if (which !== 'ORIG_OR_PATH') return { ok: false, unserved: true, fault: `%PATH(${given})% is not served yet` };
  return { of: query === 'WQ' ? 'path-query' : 'path' };
}

function refuse(fault: string): Extract<HeaderValue, { ok: false }> {
  return { ok: false, unserved: false, fault };
}
