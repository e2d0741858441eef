/** The native transport where there is not enough of something. */
import t from 'tap';
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { HIGH_WATER, UNTIL_END } from '../../../src/l7/transport.ts';
import { NativeTransport } from '../../../src/l7/transport/native.ts';
import { to } from './contract.ts';
import { Recorder, listen, pattern, settle, until } from './lab.ts';
import { SocketLab } from './socket-lab.ts';

const NATIVE = new URL('../../../src/l7/transport/native.ts', import.meta.url).href;

t.test('out of descriptors: told once, no spinning, and accepted when some are free again', async (test) => {
  const program = `
    import { NativeTransport } from '${NATIVE}';
    const say = (words) => process.stdout.write(words + '\\n');
    const transport = NativeTransport.create({ onExhausted: () => say('exhausted') });
    const nothing = () => undefined;
    const echo = (id) => ({ onConnect: nothing, onData: (start, end) => transport.write(id, start, end), onEnd: () => transport.close(id), onClose: nothing, onBlocked: nothing, onDrained: nothing, onRelayed: nothing });
    const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: echo });
    say('port ' + transport.listenerAddress(listener).port);
    const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
    process.stdin.once('data', () => {
      const before = turns();
      setTimeout(() => say('turned ' + (turns() - before)), 1000);
    });`;
  const child = spawn('bash', ['-c', 'ulimit -n 60; exec "$@"', 'bash', process.execPath, '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  test.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  await until(() => output.includes('port '), 'the port');
  const port = Number(/port (\d+)/.exec(output)![1]);
  const echoed = new Set<number>();
  const sockets = Array.from({ length: 80 }, (_, i) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('x'));
    socket.on('data', () => echoed.add(i)).on('error', () => undefined);
    return socket;
  });
  test.teardown(() => sockets.forEach((socket) => socket.destroy()));
  await until(() => output.includes('exhausted') && echoed.size > 5, 'all descriptors are used');
  child.stdin.write('count\n');
  await until(() => output.includes('turned '), 'the second is over');
  test.ok(echoed.size < 60, `${echoed.size} are served`);
  test.equal(output.split('exhausted').length - 1, 1);
  // It tries again every 100 ms; a loop that spins turns thousands of times.
  test.ok(Number(/turned (\d+)/.exec(output)![1]) < 200, output);
  for (const i of [...echoed].slice(0, 30)) sockets[i]!.destroy();
  await until(() => echoed.size === 80 || echoed.size >= 60, 'the others are served');
  test.pass();
});

/** Passes on as an engine should: pauses the source while the destination is blocked. */
class Pipe extends Recorder {
  to: Pipe | null = null;
  override onData(start: number, end: number): void {
    this.transport.write(this.to!.id, start, end);
  }
  override onBlocked(): void {
    super.onBlocked();
    this.transport.pause(this.to!.id);
  }
  override onDrained(): void {
    super.onDrained();
    this.transport.resume(this.to!.id);
  }
}

t.test('memory stays bounded with 20 slow readers, copied and relayed', async (test) => {
  for (const relays of [false, true]) {
    const lab = new SocketLab(NativeTransport.create());
    const { transport } = lab;
    const upstream = await lab.serve();
    const { address, handlers } = listen(transport, (each) => new Pipe(each));
    const before = process.memoryUsage.rss();
    const bytes = pattern(6_000_000);
    for (let i = 0; i < 20; i++) {
      const client = await lab.dial(address);
      await until(() => handlers.length === i + 1, 'accepted');
      const server = new Pipe(transport);
      server.id = transport.connect(to(upstream.address), server);
      server.to = handlers[i]!;
      handlers[i]!.to = server;
      await until(() => upstream.peers.length === i + 1, 'connected');
      upstream.peers[i]!.pause();
      if (relays) transport.relay(handlers[i]!.id, server.id, UNTIL_END);
      client.write(bytes);
    }
    await settle();
    await settle();
    // The peers' own buffers are in this process as well, 64 KiB of Node's each; the body is shared by all.
    const grown = process.memoryUsage.rss() - before - bytes.length;
    test.ok(
      grown < 20 * (HIGH_WATER + 512 * 1024) + 40_000_000,
      `${relays ? 'relayed' : 'copied'}: grew by ${(grown / 1e6).toFixed(1)} MB`,
    );
    if (!relays)
      test.ok(
        handlers.every((handler) => handler.to!.count('blocked') <= 1),
        'each is blocked once',
      );
    for (const peer of upstream.peers) peer.resume();
    await until(() => upstream.peers.every((peer) => peer.receivedBytes === bytes.length), 'all bytes');
    test.ok(upstream.peers[7]!.received().equals(bytes));
    await lab.dispose();
  }
});
