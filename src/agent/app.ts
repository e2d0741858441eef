/** The composition root: opens what the agent works on, runs it until it is asked to stop, and takes all apart again. */
import { Disposal } from '../base/disposal.ts';
import { ExitCode, messageOf } from '../base/errors.ts';
import { Agent } from './agent.ts';
import { openNode } from './capture.ts';
import type { AgentConfig } from './config.ts';
import { openLog } from './log.ts';
import { ManifestInput } from './manifest-input.ts';
import { diffSnapshots } from './model/compile/delta.ts';

/** Resolves with the exit code. */
export async function runAgent(config: AgentConfig): Promise<number> {
  const output = openLog(config['log-level'], config['log-file']);
  const disposal = new Disposal();
  const onFault = (error: unknown): never => {
    // The state is unknown: end, so that the kernel sends new connections past the agent and a supervisor starts another.
    output.log.fatal({ error: messageOf(error), stack: (error as Error | undefined)?.stack }, 'fault in the control thread');
    output.flush();
    process.exit(ExitCode.Fault);
  };
  process.on('uncaughtException', onFault);
  disposal.add('the fault handler', () => void process.off('uncaughtException', onFault));
  try {
    const node = await openNode(config, output.log);
    disposal.add('the datapath', () => node.close());
    const agent = new Agent({ config, output, disposal, node, input: new ManifestInput(config), difference: diffSnapshots });
    await agent.start();
    const why = await agent.stopped;
    output.log.info({ why }, 'draining');
    await agent.drain();
    return ExitCode.Ok;
  } finally {
    for (const failure of await disposal.dispose()) output.log.error({ failure }, 'not everything could be undone');
    output.log.info('stopped');
    output.flush();
  }
}
