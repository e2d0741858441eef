/** Whatever has happened to an agent, it knows what one knows that starts now. */
import { isDeepStrictEqual } from 'node:util';
import type { Test } from 'tap';
import { LocalAgent, type LocalAgentOptions } from './local-agent.ts';
import { until } from './until.ts';

/**
 * Starts an agent that writes nothing and captures nothing, and compares.
 *
 * @param snapshot of the agent in question, without the number that counts its versions.
 */
export async function sameAsFresh(t: Test, snapshot: () => Promise<unknown>, options: LocalAgentOptions): Promise<void> {
  const fresh = await LocalAgent.start({ ...options, flags: ['--no-write-status'] });
  try {
    // What they are told last may come to one before it comes to the other.
    await until(async () => isDeepStrictEqual(await snapshot(), await fresh.snapshot()), '').catch(() => {});
    t.strictSame(await snapshot(), await fresh.snapshot(), `the agent of ${options.nodeName} knows what one that starts now knows`);
  } finally {
    await fresh.stop();
  }
}
