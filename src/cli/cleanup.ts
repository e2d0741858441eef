/** `nodeway cleanup`: removes everything that agents have left on this node. */
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import type { Run } from './command.ts';
import { nodeOptions } from './node-flags.ts';

export const cleanup: Run = async (invocation) => {
  const options = nodeOptions(invocation);
  const datapath = await import('../datapath/datapath.ts');
  try {
    const report = datapath.cleanup(options);
    const lines = report.removed.map((what) => `removed ${what}\n`);
    invocation.terminal.stdout.write(lines.join('') || 'there was nothing to remove\n');
    return ExitCode.Ok;
  } catch (error) {
    throw new CommandError(ExitCode.Fault, messageOf(error), { cause: error });
  }
};
