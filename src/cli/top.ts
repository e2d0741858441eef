/** `nodeway top`: who talks to whom, again and again; on a terminal in place. */
import type { EdgeView, GraphView, PodsView } from '../agent/admin/mesh-view.ts';
import { systemClock } from '../base/clock.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import { ask, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { TOP_FLAGS } from './flag-tables.ts';
import { percent, span, table } from './terminal.ts';

const CLEAR = '\x1b[H\x1b[J';
/** Lines that are not edges. */
const FRAME = 4;

export const top: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(TOP_FLAGS, args, environment);
  if (positionals.length > 0) throw new CommandError(ExitCode.Usage, `${positionals[0]}: not expected`);
  const { isTTY = false, rows = 0 } = terminal.stdout;
  const clock = systemClock();
  for (let shown = 1; ; shown++) {
    const [graph, { cpuCores }] = await Promise.all([ask<GraphView>(flags, '/graph'), ask<PodsView>(flags, '/pods')]);
    if (flags.output === 'json') terminal.stdout.write(`${JSON.stringify({ ...graph, cpuCores })}\n`);
    else terminal.stdout.write(`${isTTY ? CLEAR : ''}${describeGraph(graph, cpuCores, isTTY ? rows - FRAME : Infinity)}`);
    if (shown === flags.count) return ExitCode.Ok;
    await new Promise<void>((over) => clock.after(flags.interval * 1000, over));
  }
};

const HEAD = ['FROM', 'TO', 'SERVICE', 'PROTOCOL', 'REQ/S', 'ERRORS', 'P50', 'P99', 'CONN/S'];

/** @param most edges that have room. */
export function describeGraph({ edges, windowSeconds }: GraphView, cpuCores: number, most = Infinity): string {
  const busiest = edges.toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond || b.connectionsPerSecond - a.connectionsPerSecond);
  const shown = busiest.slice(0, Math.max(1, most));
  const more = edges.length > shown.length ? `, ${edges.length - shown.length} more` : '';
  const title = `last ${span(windowSeconds)}: ${edges.length === 1 ? '1 edge' : `${edges.length} edges`}${more}; the agent uses ${cpuCores.toFixed(2)} cores\n`;
  return `${title}${table(HEAD, shown.map(row)) || 'no traffic yet\n'}`;
}

function row(edge: EdgeView): string[] {
  const { source, destination, service, protocol, requestsPerSecond, errorShare, p50Ms, p99Ms, connectionsPerSecond } = edge;
  return [
    `${source.workload}.${source.namespace}`,
    `${destination.workload}.${destination.namespace}`,
    serviceText(service),
    protocol,
    String(requestsPerSecond),
    errorShare === null ? '-' : percent(errorShare),
    ms(p50Ms),
    ms(p99Ms),
    connectionsPerSecond === 0 ? '-' : String(connectionsPerSecond),
  ];
}

/** A Service without the cluster's domain, which all have. */
function serviceText({ host, name, namespace }: EdgeView['service']): string {
  const short = `${name}.${namespace}`;
  return host.startsWith(`${short}.svc.`) ? short : host;
}

const ms = (value: number | null): string => (value === null ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)}ms`);
