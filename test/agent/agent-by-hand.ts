/** An agent in this process, with real workers and sockets, whose objects a test gives by hand. */
import { type Logger, pino } from 'pino';
import { composeAgent } from '../../src/agent/app.ts';
import { nativeSockets, withoutCapture } from '../../src/agent/capture.ts';
import { parseConfig } from '../../src/agent/config.ts';
import type { ObjectSink } from '../../src/agent/model/sink.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Disposal } from '../../src/base/disposal.ts';

export interface AgentByHand {
  readonly agent: Awaited<ReturnType<typeof composeAgent>>;
  readonly sink: ObjectSink;
}

/** Started, but not synced. @param ports of 127.0.0.1. */
export async function startByHand(
  disposal: Disposal,
  ports: { readonly metrics: number; readonly admin: number },
  flags: readonly string[],
  log: Logger = pino({ level: 'silent' }),
): Promise<AgentByHand> {
  const endpoints = ['--metrics-address', `127.0.0.1:${ports.metrics}`, '--admin-address', `127.0.0.1:${ports.admin}`];
  const parsed = parseConfig(['--manifests', '/nowhere', '--no-capture', '--gateway-address', '127.0.0.1', ...endpoints, ...flags], {});
  if (!parsed.ok) throw new Error(parsed.errors.join('\n'));
  let given: ObjectSink | null = null;
  const agent = composeAgent({
    config: parsed.config,
    output: { log, reopen: () => {} },
    clock: systemClock(),
    disposal,
    node: withoutCapture(await nativeSockets()),
    sources: [{ name: 'by hand', start: async (sink) => void (given = sink), stop: async () => {} }],
    api: null,
    priority: null,
  });
  await agent.start();
  const sink = given as ObjectSink | null;
  if (sink === null) throw new Error('the source was not started');
  return { agent, sink };
}
