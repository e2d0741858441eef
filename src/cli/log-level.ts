/** `nodeway log-level [LEVEL]`: what the running agent logs from now on. */
import { CommandError, ExitCode } from '../base/errors.ts';
import { askText, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { CLIENT_FLAGS } from './flag-tables.ts';
import { json } from './terminal.ts';

export const logLevel: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(CLIENT_FLAGS, args, environment);
  const [level, ...more] = positionals;
  if (more.length > 0) throw new CommandError(ExitCode.Usage, `${more[0]}: not expected`);
  const now = (await (level === undefined ? askText(flags, 'GET', '/log-level') : askText(flags, 'POST', '/log-level', level))).trim();
  terminal.stdout.write(flags.output === 'json' ? json({ logLevel: now }) : `${now}\n`);
  return ExitCode.Ok;
};
