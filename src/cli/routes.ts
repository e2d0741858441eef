/** `nodeway routes POD`: what happens to the requests that a pod sends, as compiled. */
import { CommandError, ExitCode } from '../base/errors.ts';
import type { SnapshotView } from '../agent/admin/snapshot-view.ts';
import type { HeaderMatch, NamedMatch, RouteConfig, RouteMatch, StringMatch, VirtualHostConfig } from '../l7/config/route.ts';
import type { ScopeConfig } from '../l7/config/workload.ts';
import { ask, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { table } from './terminal.ts';

/** What a pod sees. */
interface PodRoutes {
  readonly scope: ScopeConfig;
  /** By port in decimal; only those that it can get. */
  readonly virtualHosts: Readonly<Record<string, readonly VirtualHostConfig[]>>;
}

export const routes: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(args, environment);
  if (positionals.length !== 1) throw new CommandError(ExitCode.Usage, 'needs one pod, as NAMESPACE/NAME');
  const pod = positionals[0] as string;
  const snapshot = await ask<SnapshotView | null>(flags['admin-address'], '/snapshot');
  const seen = routesOf(snapshot, pod.includes('/') ? pod : `default/${pod}`);
  terminal.stdout.write(flags.output === 'json' ? `${JSON.stringify(seen, null, 2)}\n` : describe(seen));
  return ExitCode.Ok;
};

function routesOf(snapshot: SnapshotView | null, key: string): PodRoutes {
  const scope = snapshot?.scopes[snapshot.workloads[key]?.scope ?? ''];
  if (snapshot === null || scope === undefined) {
    const known = Object.keys(snapshot?.workloads ?? {});
    throw new CommandError(ExitCode.Fault, `${key} is not enrolled on this node; enrolled: ${known.join(', ') || 'none'}`);
  }
  const layers = Map.groupBy(Object.values(snapshot.virtualHosts), ({ layer }) => layer);
  const taken = new Set<string>();
  const seen = scope.layers
    .flatMap((layer) => layers.get(layer) ?? [])
    .filter(({ port, domains, local }) => {
      const names = [...domains, ...(local?.namespace === scope.namespace ? local.domains : [])].map((domain) => `${port} ${domain}`);
      const own = names.filter((name) => !taken.has(name));
      for (const name of own) taken.add(name);
      return own.length > 0;
    });
  const virtualHosts = Object.fromEntries(Map.groupBy(seen, ({ port }) => String(port)));
  return { scope, virtualHosts };
}

function describe({ scope, virtualHosts }: PodRoutes): string {
  const others = scope.outboundTrafficPolicy === 'ALLOW_ANY' ? 'pass through' : 'are blocked';
  const sections = Object.entries(virtualHosts).map(([port, hosts]) => {
    const rows = hosts.flatMap((host) =>
      host.routes.map((route, index) => [index === 0 ? host.name : '', describeMatch(route.match), describeAction(route)]),
    );
    return `port ${port} (other hosts ${others})\n${table(['HOST', 'MATCH', 'THEN'], rows)}`;
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
  if (action.kind === 'direct') return `answer ${action.status}`;
  const total = action.destinations.reduce((sum, destination) => sum + destination.weight, 0);
  const share = (weight: number): string => (action.destinations.length === 1 ? '' : `${Math.round((100 * weight) / total)}% `);
  const parts = [
    action.destinations.map(({ cluster, weight }) => `${share(weight)}${cluster}`).join(' + '),
    ...action.mirrors.map((mirror) => `mirror ${mirror.share / 10_000}% ${mirror.cluster}`),
    action.timeoutMs > 0 ? `timeout ${action.timeoutMs}ms` : '',
    action.retry === null ? '' : `${action.retry.attempts} retries on ${action.retry.on.join(',')}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}
