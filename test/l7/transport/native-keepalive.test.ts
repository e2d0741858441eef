/** SO_KEEPALIVE of upstream connections, as the kernel shows it (proc(5), /proc/net/tcp: timer 2 is a keepalive timer). */
import { readFileSync } from 'node:fs';
import t from 'tap';
import type { ConnectionHandler } from '../../../src/l7/transport.ts';
import { NativeTransport } from '../../../src/l7/transport/native.ts';

const SILENT: ConnectionHandler = {
  onConnect() {},
  onData() {},
  onEnd() {},
  onClose() {},
  onBlocked() {},
  onDrained() {},
  onRelayed() {},
};

/** The socket's timer and the jiffies until it expires. */
function timerOf(port: number): { readonly timer: string; readonly ticks: number } {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync('/proc/self/net/tcp', 'ascii')
    .split('\n')
    .find((one) => one.trim().split(/\s+/)[1] === local);
  const [timer = '', ticks = ''] = (line?.trim().split(/\s+/)[5] ?? '').split(':');
  return { timer, ticks: Number.parseInt(ticks, 16) };
}

t.test('keepalive is off unless asked for, and has the values that were asked for', async (t) => {
  const transport = NativeTransport.create();
  t.teardown(() => transport.dispose());
  const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => SILENT });
  const { port } = transport.listenerAddress(listener);
  const connect = (seconds: number): Promise<number> =>
    new Promise((resolve) => {
      const options = { address: '127.0.0.1', port, netns: -1, mark: 0, timeoutMs: 60_000 };
      const keepalive = { probes: 3, timeSeconds: seconds, intervalSeconds: 5 };
      const id = transport.connect(seconds === 0 ? options : { ...options, keepalive }, {
        ...SILENT,
        onConnect: () => resolve(transport.localAddress(id).port),
      });
    });
  const [without, soon, late] = [await connect(0), await connect(100), await connect(20_000)];
  t.equal(timerOf(without).timer, '00');
  t.equal(timerOf(soon).timer, '02');
  t.equal(timerOf(late).timer, '02');
  t.ok(timerOf(late).ticks > timerOf(soon).ticks, 'each with its own time');
});
