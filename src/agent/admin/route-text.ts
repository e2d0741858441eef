/**
 * Routes in words, for people: of the commands and of the console, which has no more of the agent than this. Pure. Conditions are in
 * the order in which a worker looks at them.
 */
import type { FaultConfig, HeaderMatch, NamedMatch, RouteAction, RouteConfig, RouteMatch, StringMatch } from '../../l7/config/route.ts';
import { grpcText, refusalText } from './refusal-text.ts';

export function describeMatch(match: RouteMatch): string {
  return conditionTexts(match).join(' and ') || 'any';
}

/** One for each condition that is there: path, method, scheme, authority, headers, query. */
export function conditionTexts({ path, method, scheme, authority, headers = [], query = [] }: RouteMatch): string[] {
  return [
    ...one('path', path),
    ...one('method', method),
    ...one('scheme', scheme),
    ...one('host', authority),
    ...headers.map((header) => named('header', header)),
    ...query.map((parameter) => named('query', parameter)),
  ];
}

function one(what: string, match: StringMatch | undefined): string[] {
  return match === undefined ? [] : [matchText(what, match)];
}

function matchText(what: string, match: StringMatch): string {
  if (match.kind === 'present') return `${what} present`;
  return `${what} ${{ exact: '=', prefix: '^', regex: '~' }[match.kind]} ${match.value}`;
}

function named(what: string, { name, match, ...rest }: NamedMatch | HeaderMatch): string {
  return `${'invert' in rest && rest.invert ? 'not ' : ''}${matchText(`${what} ${name}`, match)}`;
}

export function describeAction(route: RouteConfig): string {
  const { action } = route;
  if (action.kind === 'redirect') return `redirect ${action.code} to ${action.authority ?? ''}${action.path ?? action.prefix ?? ''}`;
  if (action.kind === 'direct') return `answer ${action.status}`;
  const total = action.destinations.reduce((sum, destination) => sum + destination.weight, 0);
  const share = (weight: number): string => (action.destinations.length === 1 ? '' : `${Math.round((100 * weight) / total)}% `);
  const destinations = action.destinations.map(({ cluster, weight }) => `${share(weight)}${cluster}`).join(' + ');
  return [...delayTexts(action), ...abortTexts(action, configuredAbort), destinations, ...furtherTexts(action)].join('; ');
}

/** What else happens to a request that is forwarded. @param grpc it is a call of gRPC. */
export function policyTexts({ action }: RouteConfig, grpc: boolean): string[] {
  if (action.kind !== 'route') return [];
  return [...delayTexts(action), ...abortTexts(action, (abort) => seenAbort(abort, grpc)), ...furtherTexts(action)];
}

function delayTexts({ fault }: RouteAction): string[] {
  const delay = fault?.delay;
  return delay === undefined ? [] : [`delay ${percent(delay.share)} by ${delay.ms}ms`];
}

type Abort = NonNullable<FaultConfig['abort']>;

function abortTexts({ fault }: RouteAction, answer: (abort: Abort) => string): string[] {
  const abort = fault?.abort;
  return abort === undefined ? [] : [`abort ${percent(abort.share)} with ${answer(abort)}`];
}

const configuredAbort = (abort: Abort): string => ('status' in abort ? String(abort.status) : grpcText(abort.grpcStatus));

/** As the client sees it: who does not speak gRPC gets 200 for a status of gRPC. */
function seenAbort(abort: Abort, grpc: boolean): string {
  if ('status' in abort) return refusalText(abort.status, grpc);
  return grpc ? grpcText(abort.grpcStatus) : `200: the rule says ${grpcText(abort.grpcStatus)}, and this is no call of gRPC`;
}

function furtherTexts({ mirrors, timeoutMs, retry, rewrite, cors }: RouteAction): string[] {
  return [
    ...mirrors.map((mirror) => `mirror ${percent(mirror.share)} ${mirror.cluster}`),
    ...(timeoutMs > 0 ? [`timeout ${timeoutMs}ms`] : []),
    ...(retry === null ? [] : [`${retry.attempts} retries on ${retry.on.join(',')}${perTry(retry.perTryTimeoutMs)}`]),
    ...(rewrite === undefined ? [] : [`rewrite ${rewrite.authority ?? ''}${rewrite.uri ?? rewrite.regex?.substitution ?? ''}`]),
    ...(cors === undefined ? [] : ['CORS']),
  ];
}

/** @param share of a million. */
const percent = (share: number): string => `${share / 10_000}%`;
const perTry = (ms: number): string => (ms > 0 ? `, each within ${ms}ms` : '');
