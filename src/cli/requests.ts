/** `nodeway requests`: the last ones that failed or were slow. */
import { CommandError, ExitCode } from '../base/errors.ts';
import type { ToldRequest } from '../l7/tap/told-request.ts';
import { ask, clientArguments } from './admin-client.ts';
import type { Run } from './command.ts';
import { REQUESTS_FLAGS } from './flag-tables.ts';
import { json } from './terminal.ts';
import { toldText } from './told-text.ts';

interface RecentRequests {
  readonly slow?: readonly ToldRequest[];
  readonly failed?: readonly ToldRequest[];
}

export const requests: Run = async ({ args, environment, terminal }) => {
  const { flags, positionals } = clientArguments(REQUESTS_FLAGS, args, environment);
  if (positionals.length > 0) throw new CommandError(ExitCode.Usage, `${positionals[0]}: not expected`);
  const kinds = (['slow', 'failed'] as const).filter((kind) => flags[kind]);
  const recent = await ask<RecentRequests>(flags, `/requests?${kinds.join('&')}`);
  terminal.stdout.write(flags.output === 'json' ? json(recent) : describeRequests(recent));
  return ExitCode.Ok;
};

export function describeRequests({ slow, failed }: RecentRequests): string {
  const section = (name: string, all: readonly ToldRequest[] | undefined): string[] =>
    all === undefined ? [] : [`${name}, the newest first\n${all.map(toldText).join('') || 'none\n'}`];
  return [...section('failed', failed), ...section('slow', slow)].join('\n');
}
