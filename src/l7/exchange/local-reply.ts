/** Responses that the engine makes itself, in Envoy's words, so that users and their dashboards recognise them. */

import { CloseReason } from '../transport.ts';
import type { UpstreamGone } from './ports.ts';

/** Envoy's short response flags, as in %RESPONSE_FLAGS% and the response_flags label. */
export type ResponseFlag =
  '-' | 'NR' | 'NC' | 'UH' | 'UF' | 'UC' | 'UT' | 'UO' | 'UPE' | 'URX' | 'DC' | 'DPE' | 'UF,URX' | 'URX,UT' | 'UC,URX';

export interface LocalReply {
  readonly status: number;
  readonly flag: ResponseFlag;
  /** text/plain; empty: no body. */
  readonly body: string;
  /** Header lines, CRLF included. */
  readonly headers: string;
  /** Why, in Envoy's terms (%RESPONSE_CODE_DETAILS%). */
  readonly details: string;
}

const RESET = 'upstream connect error or disconnect/reset before headers. reset reason:';

export const REPLY = {
  routeNotFound: reply(404, 'NR', '', 'route_not_found'),
  clusterNotFound: reply(503, 'NC', '', 'cluster_not_found'),
  noHealthyUpstream: reply(503, 'UH', 'no healthy upstream', 'no_healthy_upstream'),
  connectFailure: reply(
    503,
    'UF',
    `${RESET} remote connection failure`,
    'upstream_reset_before_response_started{remote_connection_failure}',
  ),
  connectTimeout: reply(503, 'UF', `${RESET} connection timeout`, 'upstream_reset_before_response_started{connection_timeout}'),
  terminated: reply(503, 'UC', `${RESET} connection termination`, 'upstream_reset_before_response_started{connection_termination}'),
  protocolError: reply(502, 'UPE', `${RESET} protocol error`, 'upstream_reset_before_response_started{protocol_error}'),
  timeout: reply(504, 'UT', 'upstream request timeout', 'response_timeout'),
  perTryTimeout: reply(504, 'UT', 'upstream request timeout', 'upstream_per_try_timeout'),
  blocked: reply(502, '-', '', 'direct_response'),
} as const;

function reply(status: number, flag: ResponseFlag, body: string, details: string): LocalReply {
  return { status, flag, body, headers: '', details };
}

/** The reply to a client whose upstream has failed before it answered. */
export function replyFor(gone: UpstreamGone): LocalReply {
  if (gone.protocolError) return REPLY.protocolError;
  if (!gone.connected) return gone.reason === CloseReason.ConnectTimeout ? REPLY.connectTimeout : REPLY.connectFailure;
  return REPLY.terminated;
}

/** The same reply after the retries were used up. */
export function afterRetries(last: LocalReply): LocalReply {
  switch (last.flag) {
    case 'UF':
      return { ...last, flag: 'UF,URX' };
    case 'UC':
      return { ...last, flag: 'UC,URX' };
    case 'UT':
      return { ...last, flag: 'URX,UT' };
    default:
      return last;
  }
}

/** Reason phrases of the statuses that the engine makes; others go without (RFC 9112 §4: it may be empty). */
export const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};
