/** `nodeway clusters POD|gateway`: what a pod can reach, or a client of this node's Gateways, and how it is used. */
import type { ClustersView, ClusterView, EndpointView } from '../agent/admin/cluster-view.ts';
import { systemClock } from '../base/clock.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import { socketText } from '../base/socket-address.ts';
import type { ClientUse } from '../l7/upstream/client-use.ts';
import { ask, clientArguments, clientKey } from './admin-client.ts';
import type { Run } from './command.ts';
import { CLUSTER_FLAGS } from './flag-tables.ts';
import { json, span, table } from './terminal.ts';

export const clusters: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(CLUSTER_FLAGS, args, environment);
  if (positionals.length !== 1) throw new CommandError(ExitCode.Usage, 'needs one pod, as NAMESPACE/NAME, or the word gateway');
  const query = new URLSearchParams({ pod: clientKey(positionals[0] as string) });
  if (flags.service !== '') query.set('service', flags.service);
  const view = await ask<ClustersView>(flags, `/clusters?${query.toString()}`);
  terminal.stdout.write(flags.output === 'json' ? json(view) : describeClusters(view, systemClock().now()));
  return ExitCode.Ok;
};

const HEAD = ['', 'ENDPOINT', 'POD', 'WEIGHT', 'HEALTH', 'CONNECTIONS', 'ACTIVE', 'WAITING'];

/** @param now milliseconds since the epoch. */
export function describeClusters({ clusters: all, truncated }: ClustersView, now: number): string {
  if (all.length === 0) return 'no clusters\n';
  const more = truncated ? ['there are more; --service finds them\n'] : [];
  return [...all.map((cluster) => describe(cluster, now)), ...more].join('\n');
}

function describe(cluster: ClusterView, now: number): string {
  const { name, balancer, clients, endpoints } = cluster;
  const limits = Object.entries(cluster.pool ?? {}).map(
    ([limit, value]) => `${limit} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  );
  const lines = [
    `${name}  ${balancer.kind}, ${endpoints.length === 1 ? '1 endpoint' : `${endpoints.length} endpoints`}`,
    ...(limits.length === 0 ? [] : [`  limits  ${limits.join(', ')}`]),
    ...clients.map((client) => `  in use  ${useText(client)}`),
    table(
      HEAD,
      endpoints.map((endpoint) => row(endpoint, now)),
    ).trimEnd(),
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

function useText({ connections, pending, requests, retries, ejected }: ClientUse): string {
  return `${connections} connections, ${requests} requests, ${pending} pending, ${retries} retries; ${ejected} ejected`;
}

function row(endpoint: EndpointView, now: number): string[] {
  const { address, port, identity, weight, connections, active, waiting, ejected } = endpoint;
  const until = ejected.map((one) => one.until);
  const health = until.length === 0 ? 'in use' : `ejected for ${span(Math.max(0, Math.max(...until) - now) / 1000)}`;
  const pod = identity.pod === 'unknown' ? '-' : `${identity.namespace}/${identity.pod}`;
  return ['', socketText(address, port), pod, String(weight), health, String(connections), String(active), String(waiting)];
}
