/** Sockets in another network namespace. Needs root and iproute2. */
import t from 'tap';
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { CloseReason } from '../../../src/l7/transport.ts';
import { NativeTransport } from '../../../src/l7/transport/native.ts';
import { Recorder, send, until } from '../../l7/transport/lab.ts';

const NAME = 'nwt-transport';
const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
const here = (): string => readlinkSync('/proc/thread-self/ns/net');

function remove(): void {
  try {
    ip('netns', 'del', NAME);
  } catch {
    // There is none: that is what was wanted.
  }
}

/** Answers "there" to whoever connects, inside the namespace, on both families. */
async function serverInside(): Promise<{ port: number; child: ChildProcess }> {
  const program = `const s = require('node:net').createServer((c) => { c.on('error', () => 0); c.on('data', (d) => c.write('there ' + d)); });
    s.listen(0, '::', () => console.log(s.address().port));`;
  const child = spawn('ip', ['netns', 'exec', NAME, process.execPath, '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line.toString()), child };
}

const root = process.getuid?.() === 0;

t.test('sockets are made in the namespace that is named, and only they', { skip: root ? false : 'needs root' }, async (test) => {
  remove();
  test.teardown(remove);
  ip('netns', 'add', NAME);
  ip('-n', NAME, 'link', 'set', 'lo', 'up');
  ip('-n', NAME, 'link', 'add', 'void0', 'type', 'veth', 'peer', 'name', 'void1');
  ip('-n', NAME, 'address', 'add', '10.9.8.1/24', 'dev', 'void0');
  ip('-n', NAME, 'link', 'set', 'void0', 'up');
  ip('-n', NAME, 'link', 'set', 'void1', 'up');
  // A neighbour that nobody is: what is sent to it vanishes, and ARP cannot fail.
  ip('-n', NAME, 'neighbour', 'add', '10.9.8.7', 'lladdr', '02:00:00:00:00:01', 'dev', 'void0');
  const netns = openSync(`/run/netns/${NAME}`, 'r');
  const transport = NativeTransport.create();
  const { port, child } = await serverInside();
  test.teardown(async () => {
    transport.dispose();
    closeSync(netns);
    child.kill('SIGKILL');
    await once(child, 'exit');
    remove();
  });

  const open = (address: string, where: number, options: { port?: number; timeoutMs?: number; mark?: number } = {}): Recorder => {
    const handler = new Recorder(transport);
    handler.id = transport.connect({ address, port, netns: where, mark: 0, timeoutMs: 60_000, ...options }, handler);
    return handler;
  };
  const home = here();

  for (const address of ['127.0.0.1', '::1']) {
    const inside = open(address, netns, { mark: 0x1234 });
    send(transport, inside.id, Buffer.from('hi'));
    await until(() => inside.bytes === 8, `an answer from ${address}`);
    test.equal(inside.received().toString(), 'there hi');
    test.same(transport.peerAddress(inside.id), { ip: address, port });
    transport.close(inside.id);
  }

  const outside = open('127.0.0.1', -1);
  await until(() => outside.has('close'), 'nobody listens there at home');
  test.equal(outside.reason, CloseReason.Refused);
  const noNamespace = open('127.0.0.1', 9_999);
  await until(() => noNamespace.has('close'), 'no such descriptor');
  test.equal(noNamespace.reason, CloseReason.Failed);

  const unreachable = open('2001:db8::1', netns);
  await until(() => unreachable.has('close'), 'no route');
  test.equal(unreachable.reason, CloseReason.Unreachable);
  const silent = open('10.9.8.7', netns, { timeoutMs: 150 });
  await until(() => silent.has('close'), 'no answer');
  test.equal(silent.reason, CloseReason.ConnectTimeout);

  test.equal(here(), home, 'this thread is where it was');
  const server = createServer((socket) => socket.on('error', () => undefined).end('home'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const homeAgain = open('127.0.0.1', openedHome(test), { port: (server.address() as AddressInfo).port });
  await until(() => homeAgain.bytes === 4, 'home by its own descriptor');
  server.close();
});

function openedHome(test: { teardown(task: () => void): unknown }): number {
  const fd = openSync('/proc/self/ns/net', 'r');
  test.teardown(() => closeSync(fd));
  return fd;
}
