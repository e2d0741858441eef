/** `nodeway pods`: the pods of this node, whether they are captured and why, and what they do. */
import type { PodsView, PodView } from '../agent/admin/mesh-view.ts';
import { systemClock } from '../base/clock.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import { ask, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { CLIENT_FLAGS } from './flag-tables.ts';
import { podState } from './status.ts';
import { json, percent, span, table } from './terminal.ts';

export const pods: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(CLIENT_FLAGS, args, environment);
  if (positionals.length > 0) throw new CommandError(ExitCode.Usage, `${positionals[0]}: not expected`);
  const view = await ask<PodsView>(flags, '/pods');
  terminal.stdout.write(flags.output === 'json' ? json(view) : describePods(view, systemClock().now()));
  return ExitCode.Ok;
};

const HEAD = ['POD', 'STATE', 'FOR', 'SENT/S', 'RECEIVED/S', 'CPU', 'WORKLOAD', 'WHY'];

/** @param now milliseconds since the epoch. */
export function describePods({ pods: all, windowSeconds, cpuCores }: PodsView, now: number): string {
  if (all.length === 0) return 'no pods on this node\n';
  const rows = all.map((pod) => row(pod, cpuCores, now));
  return `${table(HEAD, rows)}\nrates and CPU of the last ${span(windowSeconds)}; the agent uses ${cpuCores.toFixed(2)} cores\n`;
}

function row(pod: PodView, cpuCores: number, now: number): string[] {
  const held = pod.capturedAt === null ? '-' : span((now - pod.capturedAt) / 1000);
  const cpu = pod.cpuShare === 0 ? '-' : `${Math.round(pod.cpuShare * cpuCores * 1000)}m ${percent(pod.cpuShare)}`;
  const why = pod.error === '' ? pod.reason : pod.error;
  return [pod.pod, podState(pod), held, String(pod.sentPerSecond), String(pod.receivedPerSecond), cpu, pod.identity?.workload ?? '-', why];
}
