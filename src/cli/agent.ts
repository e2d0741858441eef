/** `nodeway agent`: runs until it is asked to stop. */
import { parseConfig } from '../agent/config.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import type { Run } from './commands.ts';

export const agent: Run = async ({ args, environment }) => {
  const parsed = parseConfig(args, environment);
  if (!parsed.ok) throw new CommandError(ExitCode.Usage, `${parsed.errors.join('\n')}\nSee nodeway help agent.`);
  const { runAgent } = await import('../agent/app.ts');
  return runAgent(parsed.config);
};
