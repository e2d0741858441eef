/**
 * Routes in words, for people: of the commands and of the console, which has no more of the agent than this. Pure. Conditions are in
 * the order in which a worker looks at them.
 */
import type { HeaderMatch, NamedMatch, RouteAction, RouteConfig, RouteMatch, StringMatch } from '../../l7/config/route.ts';

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
  return [...faultTexts(action), destinations, ...furtherTexts(action)].join('; ');
}

/** What else happens to a request that is forwarded. */
export function policyTexts({ action }: RouteConfig): string[] {
  return action.kind === 'route' ? [...faultTexts(action), ...furtherTexts(action)] : [];
}

function faultTexts({ fault }: RouteAction): string[] {
  const { delay, abort } = fault ?? {};
  return [
    ...(delay === undefined ? [] : [`delay ${percent(delay.share)} by ${delay.ms}ms`]),
    ...(abort === undefined ? [] : [`abort ${percent(abort.share)} with ${'status' in abort ? abort.status : `grpc ${abort.grpcStatus}`}`]),
  ];
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
