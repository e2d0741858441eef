/** `nodeway status`: what the running agent does, and what it cannot do. */
import type { AgentStatus } from '../agent/admin/status.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import { ask, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { CLIENT_FLAGS } from './flag-tables.ts';
import { json, span, table } from './terminal.ts';

export const status: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(CLIENT_FLAGS, args, environment);
  if (positionals.length > 0) throw new CommandError(ExitCode.Usage, `${positionals[0]}: not expected`);
  const report = await ask<AgentStatus>(flags, '/status');
  terminal.stdout.write(flags.output === 'json' ? json(report) : describeStatus(report));
  return ExitCode.Ok;
};

export function describeStatus(report: AgentStatus): string {
  const sections = [agentLines(report), pods(report), gateways(report), sources(report), problems(report)];
  return sections.filter((section) => section !== '').join('\n');
}

function agentLines(report: AgentStatus): string {
  const awaited = report.gates.filter((gate) => !gate.open).map((gate) => `${gate.gate} (${gate.awaited})`);
  const state = report.draining ? 'draining' : report.ready ? 'ready' : `not ready: ${awaited.join(', ')}`;
  const phases = [...Map.groupBy(report.workers, (worker) => worker.phase)].map(([phase, workers]) => `${workers.length} ${phase}`);
  return [
    `agent    ${state}; version ${report.version}, node ${report.node}, pid ${report.pid}, up ${span(report.uptimeSeconds)}`,
    `workers  ${phases.join(', ') || 'none'}; ${report.workerRestarts} replaced since the start`,
    `config   version ${report.snapshot}${pending(report)}; ${count(report.problems.length, 'problem')}${lastError(report)}`,
    '',
  ].join('\n');
}

function pending({ propagation }: AgentStatus): string {
  if (propagation.pending === 0) return ' in all workers';
  return `; ${count(propagation.pending, 'change')} pending for ${span(Math.round(propagation.oldestSeconds))}`;
}

/** Those that are there now have a table; this one may be over. */
function lastError({ lastError: last }: AgentStatus): string {
  return last === null ? '' : `; last error at ${new Date(last.at).toISOString()}`;
}

function pods(report: AgentStatus): string {
  if (report.pods.length === 0) return 'no pods on this node\n';
  const rows = report.pods.map((pod) => [pod.pod, podState(pod), pod.addresses.join(','), pod.error === '' ? pod.reason : pod.error]);
  return table(['POD', 'STATE', 'ADDRESSES', 'WHY'], rows);
}

export function podState(pod: AgentStatus['pods'][number]): string {
  if (pod.phase === 'absent') return pod.enrolled ? (pod.error === '' ? 'waiting' : 'failed') : 'not enrolled';
  return pod.phase;
}

function gateways(report: AgentStatus): string {
  const rows = report.gateways.map((gateway) => [`${gateway.address}:${gateway.port}`, gateway.listening ? 'listening' : gateway.error]);
  return table(['GATEWAY PORT', 'STATE'], rows);
}

/** Those that are followed are told by their number alone. */
function sources({ sources: all }: AgentStatus): string {
  const lost = all.filter(({ state, staleSeconds }) => state !== 'absent' && (state !== 'followed' || staleSeconds > 0));
  const followed = all.length - lost.length;
  const count = all.length === 0 ? '' : `sources  ${followed} of ${all.length} resources of the API server are up to date\n`;
  const rows = lost.map(({ resource, scope, state, staleSeconds, error }) => [resource, scope, state, span(staleSeconds), error]);
  return count + table(['RESOURCE', 'SCOPE', 'STATE', 'STALE FOR', 'LAST ERROR'], rows);
}

function problems(report: AgentStatus): string {
  const rows = report.problems.map((problem) => [problem.severity, problem.object, problem.path, problem.message, problem.where]);
  return table(['SEVERITY', 'OBJECT', 'FIELD', 'PROBLEM', 'WHERE'], rows);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
