/** Flags of the commands that look after a node without an agent. */
import { parseFlags } from '../agent/flags.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import type { Invocation } from './command.ts';
import { NODE_FLAGS } from './flag-tables.ts';

export interface NodeOptions {
  readonly instance: string;
  readonly brief: boolean;
  /** Empty: found from the kubelet's process. */
  readonly kubeletCgroup: string;
  /** Absent: found in /proc/mounts. */
  readonly cgroup?: string;
}

/** @throws CommandError with all errors of usage. */
export function nodeOptions({ args, environment }: Invocation): NodeOptions {
  const parsed = parseFlags(NODE_FLAGS, args, environment);
  const errors = parsed.ok ? parsed.positionals.map((extra) => `${extra}: not expected`) : parsed.errors;
  if (!parsed.ok || errors.length > 0) throw new CommandError(ExitCode.Usage, errors.join('\n'));
  const { instance, cgroup, brief } = parsed.values;
  return { instance, brief, kubeletCgroup: parsed.values['kubelet-cgroup'], ...(cgroup === '' ? {} : { cgroup }) };
}
