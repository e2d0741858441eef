/**
 * How much memory an idle connection takes: `node bench/idle-connections.ts [COUNT]`. Prints the growth of this process's resident
 * set for each accepted connection; the peers live in a child process. The kernel's own memory is not in it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeTransport } from '../src/l7/transport/native.ts';

const PEERS = `
const [port, count] = process.argv.slice(1).map(Number);
const { connect } = require('node:net');
let open = 0;
const dial = () => connect(port, '127.0.0.1', () => { open++; if (open === count) console.log('open'); else dial(); });
dial();
process.stdin.resume().on('end', () => process.exit(0));`;

const count = Number(process.argv[2] ?? 10_000);
const nothing = (): void => undefined;
// One handler for all: what an engine keeps for a connection is not the transport's.
const handler = {
  onConnect: nothing,
  onData: nothing,
  onEnd: nothing,
  onClose: nothing,
  onBlocked: nothing,
  onDrained: nothing,
  onRelayed: nothing,
};
const transport = NativeTransport.create();
const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => handler });

async function resident(): Promise<number> {
  await sleep(200);
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const before = await resident();
const peers = spawn(process.execPath, ['-e', PEERS, String(transport.listenerAddress(listener).port), String(count)], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
await once(peers.stdout, 'data');
while (transport.connections < count) await sleep(10);
const after = await resident();
process.stdout.write(
  `${count} idle connections: ${((after - before) / count).toFixed(0)} bytes each (resident set ${(after / 2 ** 20).toFixed(1)} MiB)\n`,
);
peers.stdin.end();
await once(peers, 'exit');
transport.dispose();
