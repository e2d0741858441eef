/** `nodeway explain POD|gateway METHOD URL`: what would become of a request, and why. Nothing is sent. */
import { GATEWAY_CLIENT } from '../agent/admin/explain-request.ts';
import type { ExplainView, RouteView } from '../agent/admin/explain-view.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import { socketText } from '../base/socket-address.ts';
import type { ExplainedDestination } from '../l7/explain/explanation.ts';
import { refusalText } from '../agent/admin/refusal-text.ts';
import { ask, clientArguments, clientKey } from './admin-client.ts';
import type { Run } from './command.ts';
import { EXPLAIN_FLAGS } from './flag-tables.ts';
import { json, percent, table } from './terminal.ts';

export const explain: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(EXPLAIN_FLAGS, args, environment);
  const [pod, method, url, ...more] = positionals;
  if (pod === undefined || method === undefined || url === undefined || more.length > 0)
    throw new CommandError(
      ExitCode.Usage,
      'needs a pod (or the word gateway), a method and a URL, as: default/client GET http://reviews:9080/',
    );
  const query = new URLSearchParams({
    pod: clientKey(pod),
    method,
    url: url.includes('://') ? url : `http://${url}`,
  });
  if (flags.address !== '') query.set('address', flags.address);
  for (const line of flags.header.split('\n')) if (line !== '') query.append('header', line);
  const view = await ask<ExplainView>(flags, `/explain?${query.toString()}`);
  terminal.stdout.write(flags.output === 'json' ? json(view) : describeExplanation(view));
  return ExitCode.Ok;
};

export function describeExplanation(view: ExplainView): string {
  const { request, verdict, why, host, protocol, routes, route } = view;
  const lines = [
    `${request.pod} ${request.method} ${request.authority}${request.path}`,
    `  to       ${placeText(request)}, whose port is ${protocol}`,
    `  verdict  ${verdict}: ${why}`,
    ...(host === null ? [] : [`  host     ${host.name} (${host.domains.join(', ')})`]),
    ...(routes.length === 0 ? [] : ['', 'rules, in order', ...routes.map(ruleText)]),
    ...policyLines(view),
    ...(route?.action.kind === 'redirect' || route?.action.kind === 'direct' ? ['', `answered at once: ${actionOf(view)}`] : []),
    ...(view.preflight ? ['', 'answered at once: a preflight, by the CORS policy of the rule'] : destinationLines(view)),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function placeText({ pod, address, isAddressKnown }: ExplainView['request']): string {
  if (pod === GATEWAY_CLIENT) return `port ${address.slice(1)} of this node's Gateways`;
  return isAddressKnown ? address : 'an address that no Service has (--address gives one)';
}

function destinationLines({ destinations, mirrors, grpc }: ExplainView): string[] {
  return [
    ...destinations.map((destination) => destinationText(destination, 'goes to', grpc)),
    ...mirrors.map((mirror) => destinationText(mirror, 'a copy goes to', grpc)),
  ];
}

const actionOf = ({ routes, matched }: ExplainView): string => routes[matched]?.action ?? '';

const SIGN = { applies: '=>', 'does not match': '  ', 'comes later': '  ' } as const;

function ruleText({ name, outcome, conditions, action }: RouteView): string {
  const asked = conditions.length === 0 ? ['any request'] : conditions.map(({ text, holds }) => `${holds ? 'yes' : 'NO '} ${text}`);
  const head = `${SIGN[outcome]} ${name === '' ? '(no name)' : name}: ${outcome}${outcome === 'applies' ? `, ${action}` : ''}`;
  return [head, ...asked.map((line) => `       ${line}`)].join('\n');
}

function policyLines({ policies, timeoutMs }: ExplainView): string[] {
  const timeout = timeoutMs > 0 && !policies.some((policy) => policy.startsWith('timeout')) ? [`timeout ${timeoutMs}ms`] : [];
  const all = [...policies, ...timeout];
  return all.length === 0 ? [] : ['', 'what else applies', ...all.map((policy) => `   ${policy}`)];
}

function destinationText({ cluster, share, missing, by, endpoints }: ExplainedDestination, verb: string, grpc: boolean): string {
  const name = cluster === '' ? 'the original destination' : cluster;
  const head = `\n${verb} ${name}${share === 1 ? '' : ` for ${percent(share)} of such requests`}`;
  if (missing) return `${head}\n   there is no such cluster: ${refusalText(503, grpc)} (NC)`;
  if (endpoints.length === 0) return `${head}\n   it has no endpoints: ${refusalText(503, grpc)} (UH)`;
  const rows = endpoints.map((endpoint) => {
    const chance = endpoint.chance === 0 ? 'not now' : percent(endpoint.chance);
    return ['  ', chance, socketText(endpoint.address, endpoint.port), endpoint.pod, String(endpoint.active)];
  });
  const note = by === 'key' ? "\n   the request's key decides" : '';
  return `${head}${note}\n${table(['  ', 'CHANCE', 'ENDPOINT', 'POD', 'ACTIVE'], rows).trimEnd()}`;
}
