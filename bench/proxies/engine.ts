import { fileURLToPath } from 'node:url';
import type { Proxy } from './proxy.ts';

const HOST = fileURLToPath(new URL('../engine-host.ts', import.meta.url));

export const engine: Proxy = {
  name: 'engine',
  describes: 'the engine alone, without the agent around it: what the agent adds is the difference',
  missing: () => null,
  configure: ({ port, upstreamPort }) => [process.execPath, HOST, String(port), String(upstreamPort)],
};
