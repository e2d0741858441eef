/** `nodeway agent`: runs until it is asked to stop. */
import { statSync } from 'node:fs';
import { parseConfig } from '../agent/config.ts';
import { CommandError, ExitCode } from '../base/errors.ts';
import type { Run } from './command.ts';

export const agent: Run = async ({ args, environment }) => {
  const parsed = parseConfig(args, environment);
  if (!parsed.ok) throw new CommandError(ExitCode.Usage, `${parsed.errors.join('\n')}\nSee nodeway help agent.`);
  // Later the directory may vanish and come back, as mounted ones do. If it is missing at the start, it is misspelt.
  const { manifests } = parsed.config;
  if (manifests !== '' && statSync(manifests, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CommandError(ExitCode.Usage, `--manifests: there is no directory ${manifests}`);
  }
  const { runAgent } = await import('../agent/app.ts');
  return runAgent(parsed.config);
};
