/** Routes in words, for people: of `nodeway routes` and of the console, which has no more of the agent than this. Pure. */
import type { HeaderMatch, NamedMatch, RouteAction, RouteConfig, RouteMatch, StringMatch } from '../../l7/config/route.ts';

export function describeMatch(match: RouteMatch): string {
  const parts = [
    one('path', match.path),
    one('method', match.method),
    one('scheme', match.scheme),
    one('host', match.authority),
    ...(match.headers ?? []).map((header) => named('header', header)),
    ...(match.query ?? []).map((parameter) => named('query', parameter)),
  ].filter((part) => part !== '');
  return parts.join(' and ') || 'any';
}

function one(what: string, match: StringMatch | undefined): string {
  if (match === undefined) return '';
  if (match.kind === 'present') return `${what} present`;
  return `${what} ${{ exact: '=', prefix: '^', regex: '~' }[match.kind]} ${match.value}`;
}

function named(what: string, { name, match, ...rest }: NamedMatch | HeaderMatch): string {
  return `${'invert' in rest && rest.invert ? 'not ' : ''}${one(`${what} ${name}`, match)}`;
}

export function describeAction({ action }: RouteConfig): string {
  if (action.kind === 'redirect') return `redirect ${action.code} to ${action.authority ?? ''}${action.path ?? action.prefix ?? ''}`;
  if (action.kind === 'direct') return `answer ${action.status}`;
  const total = action.destinations.reduce((sum, destination) => sum + destination.weight, 0);
  const share = (weight: number): string => (action.destinations.length === 1 ? '' : `${Math.round((100 * weight) / total)}% `);
  const parts = [
    ...faults(action),
    action.destinations.map(({ cluster, weight }) => `${share(weight)}${cluster}`).join(' + '),
    ...action.mirrors.map((mirror) => `mirror ${percent(mirror.share)} ${mirror.cluster}`),
    action.timeoutMs > 0 ? `timeout ${action.timeoutMs}ms` : '',
    action.retry === null ? '' : `${action.retry.attempts} retries on ${action.retry.on.join(',')}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function faults({ fault }: RouteAction): string[] {
  const { delay, abort } = fault ?? {};
  return [
    ...(delay === undefined ? [] : [`delay ${percent(delay.share)} by ${delay.ms}ms`]),
    ...(abort === undefined ? [] : [`abort ${percent(abort.share)} with ${'status' in abort ? abort.status : `grpc ${abort.grpcStatus}`}`]),
  ];
}

/** @param share of a million. */
const percent = (share: number): string => `${share / 10_000}%`;
