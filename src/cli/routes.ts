/** `nodeway routes POD`: what happens to the requests that a pod sends, as compiled. */
import { CommandError, ExitCode } from '../base/errors.ts';
import type { HeaderMatch, NamedMatch, RouteConfig, RouteMatch, ScopeConfig, Snapshot, StringMatch } from '../l7/snapshot.ts';
import { ask, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { table } from './terminal.ts';

export const routes: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(args, environment);
  if (positionals.length !== 1) throw new CommandError(ExitCode.Usage, 'needs one pod, as NAMESPACE/NAME');
  const pod = positionals[0] as string;
  const snapshot = await ask<Snapshot | null>(flags['admin-address'], '/snapshot');
  const scope = scopeOf(snapshot, pod.includes('/') ? pod : `default/${pod}`);
  terminal.stdout.write(flags.output === 'json' ? `${JSON.stringify(scope, null, 2)}\n` : describeScope(scope));
  return ExitCode.Ok;
};

function scopeOf(snapshot: Snapshot | null, key: string): ScopeConfig {
  const workload = snapshot?.workloads[key];
  const scope = workload === undefined ? undefined : snapshot?.scopes[workload.scope];
  if (scope !== undefined) return scope;
  const known = Object.keys(snapshot?.workloads ?? {});
  throw new CommandError(ExitCode.Fault, `${key} is not enrolled on this node; enrolled: ${known.join(', ') || 'none'}`);
}

export function describeScope(scope: ScopeConfig): string {
  const sections = Object.entries(scope.http).map(([port, routeTable]) => {
    const rows = routeTable.virtualHosts.flatMap((host) =>
      host.routes.map((route, index) => [index === 0 ? host.name : '', describeMatch(route.match), describeAction(route)]),
    );
    return `port ${port} (other hosts: ${routeTable.unknownHost})\n${table(['HOST', 'MATCH', 'THEN'], rows)}`;
  });
  return sections.join('\n');
}

function describeMatch(match: RouteMatch): string {
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

function describeAction(route: RouteConfig): string {
  const { action } = route;
  if (action.kind === 'redirect') return `redirect ${action.code} to ${action.authority ?? ''}${action.path ?? action.prefix ?? ''}`;
  const total = action.destinations.reduce((sum, destination) => sum + destination.weight, 0);
  const share = (weight: number): string => (action.destinations.length === 1 ? '' : `${Math.round((100 * weight) / total)}% `);
  const parts = [
    action.destinations.map(({ cluster, weight }) => `${share(weight)}${cluster}`).join(' + '),
    ...action.mirrors.map((mirror) => `mirror ${mirror.percentage}% ${mirror.cluster}`),
    action.timeoutMs > 0 ? `timeout ${action.timeoutMs}ms` : '',
    action.retry === null ? '' : `${action.retry.attempts} retries on ${action.retry.on.join(',')}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}
