/**
 * Formats of access logs: Envoy's command operators (configuration/observability/access_log/usage) in the text of a line, or in the
 * values of a JSON object.
 */
import { LOG_COMMANDS, type LogCommand, type LogCommandName, type LogPart } from '../../l7/config/telemetry.ts';
import { type Command, parseCommandText } from './command-text.ts';
import { isEnvoys } from './header-format.ts';

export type FormatResult = { readonly ok: true; readonly parts: readonly LogPart[] } | { readonly ok: false; readonly fault: string };

/** Istio's (EnvoyTextLogFormat). */
export const DEFAULT_TEXT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% ' +
  '%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ' +
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** Istio's (EnvoyJSONLogFormatIstio). */
export const DEFAULT_JSON: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

/** The same thing under two names. */
const ALIASES: Readonly<Record<string, LogCommandName>> = {
  UPSTREAM_CLUSTER_RAW: 'UPSTREAM_CLUSTER',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'DOWNSTREAM_REMOTE_ADDRESS',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  UPSTREAM_REMOTE_ADDRESS: 'UPSTREAM_HOST',
};
const MOST_HEADERS = 2;
const HEADER = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

export function parseLogFormat(text: string): FormatResult {
  const parsed = parseCommandText(text);
  if (!parsed.ok) return parsed;
  const parts: LogPart[] = [];
  for (const part of parsed.parts) {
    const made = typeof part === 'string' ? { ok: true as const, part } : commandOf(part);
    if (!made.ok) return made;
    parts.push(made.part);
  }
  return { ok: true, parts };
}

function commandOf({
  name,
  given,
  length,
}: Command): { readonly ok: true; readonly part: LogCommand } | Extract<FormatResult, { ok: false }> {
  const command = ALIASES[name] ?? LOG_COMMANDS.find((known) => known === name && known !== 'NOTHING');
  // Envoy has it, and here it has nothing to say: `-`.
  if (command === undefined && isEnvoys(name)) return { ok: true, part: { command: 'NOTHING', names: [], most: 0 } };
  if (command === undefined) return { ok: false, fault: `%${name}% is no command of Envoy's access log` };
  const most = length ?? 0;
  if (command === 'START_TIME') return { ok: true, part: { command, names: given === null || given === '' ? [] : [given], most } };
  if (command !== 'REQ' && command !== 'RESP') return { ok: true, part: { command, names: [], most } };
  const names = (given ?? '').split('?').map((one) => one.trim().toLowerCase());
  if (names.length > MOST_HEADERS || names.some((one) => !HEADER.test(one))) {
    return { ok: false, fault: `%${name}(${given ?? ''})% must name one header, or two as in %${name}(X?Y)%` };
  }
  return { ok: true, part: { command, names, most } };
}
