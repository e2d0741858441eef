/**
 * Formats of access logs: Envoy's command operators (configuration/observability/access_log/usage) in the text of a line, or in the
 * values of a JSON object.
 */
import { isEnvoys } from './header-format.ts';
import { LOG_COMMANDS, type LogCommand, type LogCommandName, type LogPart } from '../../l7/config/telemetry.ts';

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

/** `%NAME%`, `%NAME(arguments)%`, `%NAME(arguments):length%`, `%%`. */
const COMMAND = /%%|%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d{1,5}))?%/y;
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
  const parts: LogPart[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') parts.push(literal);
    literal = '';
  };
  for (let at = 0; at < text.length;) {
    if (text[at] !== '%') {
      literal += text[at++];
      continue;
    }
    COMMAND.lastIndex = at;
    const match = COMMAND.exec(text);
    if (match === null) return { ok: false, fault: `a % begins no command at "${text.slice(at, at + 20)}"; one of its own is written %%` };
    at = COMMAND.lastIndex;
    if (match[0] === '%%') {
      literal += '%';
      continue;
    }
    const command = commandOf(match[1] as string, match[2], Number(match[3] ?? 0));
    if (typeof command === 'string') return { ok: false, fault: command };
    flush();
    parts.push(command);
  }
  flush();
  return { ok: true, parts };
}

/** Or what is wrong with it. */
function commandOf(name: string, given: string | undefined, most: number): LogCommand | string {
  const command = ALIASES[name] ?? LOG_COMMANDS.find((known) => known === name && known !== 'NOTHING');
  // Envoy has it, and here it has nothing to say: `-`.
  if (command === undefined && isEnvoys(name)) return { command: 'NOTHING', names: [], most: 0 };
  if (command === undefined) return `%${name}% is no command of Envoy's access log`;
  if (command !== 'REQ' && command !== 'RESP') return { command, names: [], most };
  const names = (given ?? '').split('?').map((one) => one.trim().toLowerCase());
  if (names.length > MOST_HEADERS || names.some((one) => !HEADER.test(one))) {
    return `%${name}(${given ?? ''})% must name one header, or two as in %${name}(X?Y)%`;
  }
  return { command, names, most };
}
