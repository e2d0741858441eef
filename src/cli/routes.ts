/** `nodeway routes POD|gateway`: what happens to the requests that a pod sends, or that come to this node's Gateways, as compiled. */
import type { PodRoutes } from '../agent/admin/pod-routes.ts';
import { describeAction, describeMatch } from '../agent/admin/route-text.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import { ask, clientArguments, clientKey } from './admin-client.ts';
import type { Run } from './command.ts';
import { CLIENT_FLAGS } from './flag-tables.ts';
import { json, table } from './terminal.ts';

export const routes: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(CLIENT_FLAGS, args, environment);
  if (positionals.length !== 1) throw new CommandError(ExitCode.Usage, 'needs one pod, as NAMESPACE/NAME, or the word gateway');
  const seen = await ask<PodRoutes>(flags, `/routes?pod=${encodeURIComponent(clientKey(positionals[0] as string))}`);
  terminal.stdout.write(flags.output === 'json' ? json(seen) : describe(seen));
  return ExitCode.Ok;
};

function describe({ scope, virtualHosts }: PodRoutes): string {
  const others = scope === null ? 'get 404' : scope.outboundTrafficPolicy === 'ALLOW_ANY' ? 'pass through' : 'are blocked';
  const sections = Object.entries(virtualHosts).map(([port, hosts]) => {
    const rows = hosts.flatMap((host) =>
      host.routes.map((route, index) => [index === 0 ? host.name : '', describeMatch(route.match), describeAction(route)]),
    );
    return `port ${port} (other hosts ${others})\n${table(['HOST', 'MATCH', 'THEN'], rows)}`;
  });
  return sections.length === 0 ? 'no routes\n' : sections.join('\n');
}
