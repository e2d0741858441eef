/** `nodeway tap`: requests as they end, with both peers and what became of them. */
import { CommandError, ExitCode } from '../base/errors.ts';
import type { ToldRequest } from '../l7/tap/told-request.ts';
import { askLines, clientArguments, podKey } from './admin-client.ts';
import type { Run } from './command.ts';
import { TAP_FLAGS } from './flag-tables.ts';
import { toldText } from './told-text.ts';

export const tap: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(TAP_FLAGS, args, environment);
  if (positionals.length > 0) throw new CommandError(ExitCode.Usage, `${positionals[0]}: not expected`);
  const { pod, path, method, status, service, count } = flags;
  const conditions = Object.entries({ pod: pod === '' ? '' : podKey(pod), path, method, status, service }).filter(
    ([, value]) => value !== '',
  );
  let seen = 0;
  for await (const line of askLines(flags, `/tap?${new URLSearchParams(conditions).toString()}`)) {
    const told = JSON.parse(line) as ToldRequest | { readonly dropped: number };
    if ('dropped' in told) {
      terminal.stderr.write(`${told.dropped} requests were not shown: they came too fast\n`);
      continue;
    }
    terminal.stdout.write(flags.output === 'json' ? `${line}\n` : toldText(told));
    if (++seen === count) break;
  }
  return ExitCode.Ok;
};
