/**
 * Values of headers: text with Envoy's commands for what is made from each request. Istio's admission looks at the form only, and
 * takes no lengths; a name or form that Envoy does not know makes its proxies refuse everything.
 */
import type { FormattedFact, Formatter, ValueSegment } from '../../l7/config/header-operations.ts';
import { fieldValue, literal, type WireText } from '../../l7/message/wire-text.ts';
import { timePattern } from '../../l7/message/time-text.ts';
import { type Command, parseCommandText } from './command-text.ts';

export type HeaderValue = { readonly ok: true; readonly value: WireText | readonly ValueSegment[] } | Refusal;

interface Refusal {
  readonly ok: false;
  /** Envoy has it. */
  readonly unserved: boolean;
  readonly fault: string;
}

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
    'START_TIME_LOCAL EMIT_TIME EMIT_TIME_LOCAL DURATION COMMON_DURATION REQUEST_DURATION REQUEST_TX_DURATION ' +
    'RESPONSE_DURATION RESPONSE_TX_DURATION ROUNDTRIP_DURATION BYTES_SENT BYTES_RETRANSMITTED PACKETS_RETRANSMITTED TRAILER ' +
    'REQUEST_HEADERS_BYTES RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES REQUEST_TRAILERS_BYTES RESPONSE_FLAGS_LONG ' +
    'CONNECTION_ID CONNECTION_TERMINATION_DETAILS LOCAL_REPLY_BODY FILTER_CHAIN_NAME VIRTUAL_CLUSTER_NAME ENVIRONMENT ' +
    'DYNAMIC_METADATA CLUSTER_METADATA METADATA FILTER_STATE GRPC_STATUS GRPC_STATUS_NUMBER TRACE_ID SPAN_ID UNIQUE_ID CEL ' +
    'REQUESTED_SERVER_NAME ACCESS_LOG_TYPE TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT QUERY_PARAMS FILE_CONTENT COALESCE PER_REQUEST_STATE'
  ).split(' '),
);

const NOTHING = literal('');

/** Whether Envoy has a command operator of that name. */
export function isEnvoys(name: string): boolean {
  return UNSERVED.has(name) || name === 'START_TIME' || Object.hasOwn(FACTS, name) || /^(UPSTREAM|DOWNSTREAM)_/.test(name);
}

export function headerValue(text: string): HeaderValue {
  const parsed = parseCommandText(text);
  if (!parsed.ok) return refuse(parsed.fault);
  const value: ValueSegment[] = [];
  for (const part of parsed.parts) {
    const made = typeof part === 'string' ? literalOf(part) : formatterOf(part);
    if (isRefusal(made)) return made;
    value.push(made);
  }
  const [only = NOTHING] = value;
  return { ok: true, value: value.length <= 1 && typeof only === 'string' ? only : value };
}

/** The text between formatters is checked like that of a value without them. */
function literalOf(text: string): WireText | Refusal {
  const value = fieldValue(text);
  return value.ok ? value.text : refuse(value.fault);
}

function formatterOf({ name, given, length }: Command): Formatter | Refusal {
  if (length !== null) return refuse(`%${name}…:${length}%: values of headers take no length`);
  const fact = FACTS[name];
  if (fact !== undefined) return { of: fact };
  switch (name) {
    case 'REQ':
      return headersOf('request-header', given ?? '');
    case 'RESP':
      return headersOf('response-header', given ?? '');
    case 'QUERY_PARAM':
      return given === null || given === '' ? refuse('%QUERY_PARAM(name)% needs a name') : { of: 'query', name: given };
    case 'START_TIME':
      return startTimeOf(given ?? '');
    case 'PATH':
      return pathOf(given ?? 'WQ');
  }
  if (isEnvoys(name)) return { ok: false, unserved: true, fault: `%${name}% is not served yet` };
  return refuse(`%${name}% is no formatter of Envoy’s`);
}

/** `NAME` or `NAME?ALTERNATIVE`. */
function headersOf(of: 'request-header' | 'response-header', given: string): Formatter | Refusal {
  const names = given.toLowerCase().split('?');
  if (names.length > 2 || names.some((name) => !/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name))) {
    return refuse('%REQ(…)% and %RESP(…)% need a name, or NAME?ALTERNATIVE');
  }
  return { of, names };
}

function startTimeOf(format: string): Formatter | Refusal {
  if (timePattern(format) !== null) return { of: 'start-time', format };
  return { ok: false, unserved: true, fault: `%START_TIME(${format})% has a format that is not served` };
}

/** `WQ`: with the query, `NQ`: without; what it was before a rewrite, which values of requests see anyway. */
function pathOf(given: string): Formatter | Refusal {
  const [query, which = 'ORIG_OR_PATH'] = given.split(':');
  const known = (query === 'WQ' || query === 'NQ') && (which === 'ORIG_OR_PATH' || which === 'ORIG' || which === 'PATH');
  if (!known) return refuse('%PATH(…)% takes WQ or NQ');
  if (which !== 'ORIG_OR_PATH') return { ok: false, unserved: true, fault: `%PATH(${given})% is not served yet` };
  return { of: query === 'WQ' ? 'path-query' : 'path' };
}

function isRefusal(made: ValueSegment | Refusal): made is Refusal {
  return typeof made === 'object' && 'fault' in made;
}

function refuse(fault: string): Refusal {
  return { ok: false, unserved: false, fault };
}
