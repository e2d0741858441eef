import { AGENT_FLAGS } from '../agent/config.ts';
import { describeFlags } from '../agent/flags.ts';
import { COMMANDS } from './commands.ts';

export function overview(): string {
  const usages = Object.values(COMMANDS).map(({ usage, summary }) => `  nodeway ${usage}\n      ${summary}`);
  return [
    'Nodeway: a service mesh agent per Kubernetes node.',
    '',
    ...usages,
    '  nodeway help [COMMAND]',
    '  nodeway version',
    '',
    'Exit codes: 0 asked to stop or done, 1 a fault, 2 wrong usage or configuration, 3 the node lacks something.',
    '',
  ].join('\n');
}

/** Null: no such command. */
export function helpOn(name: string): string | null {
  const command = COMMANDS[name];
  if (command === undefined) return null;
  const flags =
    name === 'agent'
      ? `\nFlags, each also as an environment variable (--node-name as NODEWAY_NODE_NAME):\n${describeFlags(AGENT_FLAGS)}\n`
      : '';
  return `nodeway ${command.usage}\n\n${command.summary}\n${flags}`;
}
