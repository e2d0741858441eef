/** Memory of connections on which nothing happens. The kernel's share (socket buffers) is nobody's resident set and not in it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { memory } from './accounting.ts';
import { IDLE_CELL } from './cells.ts';
import { generate, hold } from './load.ts';
import type { Proxy } from './proxies/proxy.ts';
import type { Stage } from './stage.ts';

const SETTLE_MS = 700;

export interface IdleRun {
  readonly cell: typeof IDLE_CELL.name;
  readonly proxy: string;
  readonly repetition: number;
  readonly connections: number;
  readonly residentMbBefore: number;
  readonly residentMb: number;
  readonly bytesPerConnection: number;
}

/** A fresh process each time: memory that an earlier load left behind would be used again and hide the growth. */
export async function measureIdle(stage: Stage, proxy: Proxy, repetition: number, connections: number): Promise<IdleRun | string> {
  const running = await stage.start(proxy);
  if ('why' in running) return running.why;
  try {
    await generate(stage.processes, running.ports, { conns: 64, secs: 0.5, warm: 0 });
    await sleep(SETTLE_MS);
    const before = memory(running.process.pid).residentMb;
    const held = await hold(stage.processes, running.ports, connections);
    if (held === null) return 'the generator gave up';
    await sleep(SETTLE_MS);
    const after = memory(running.process.pid).residentMb;
    const end = await held.release();
    const lost = connections - held.held + (end?.failed ?? 0);
    if (lost > 0) return `${lost} of ${connections} connections did not last`;
    const bytesPerConnection = ((after - before) * 2 ** 20) / connections;
    return {
      cell: IDLE_CELL.name,
      proxy: proxy.name,
      repetition,
      connections,
      residentMbBefore: before,
      residentMb: after,
      bytesPerConnection,
    };
  } finally {
    await running.process.stop();
  }
}
