/** The native transport as a worker thread's: its loop, its exceptions, its end. */
import t from 'tap';
import { once } from 'node:events';
import { connect } from 'node:net';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { until } from './lab.ts';

const NATIVE = new URL('../../../src/l7/transport/native.ts', import.meta.url).href;
const WHEEL = new URL('../../../src/base/timer-wheel.ts', import.meta.url).href;

/** `body` sees transport, parentPort, workerData, handler(id, overrides). */
function worker(body: string, workerData: unknown = null): Worker {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { NativeTransport } from '${NATIVE}';
    import { Timer } from '${WHEEL}';
    const transport = NativeTransport.create();
    const nothing = () => undefined;
    const handler = (overrides) => ({ onConnect: nothing, onData: nothing, onEnd: nothing, onClose: nothing, onBlocked: nothing, onDrained: nothing, onRelayed: nothing, ...overrides });
    const echo = (id) => handler({ onData: (start, end) => transport.write(id, start, end), onEnd: () => transport.close(id) });
    ${body}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData });
}

/** A listening socket whose owner sleeps and accepts nothing itself; descriptors are the whole process's. */
async function sleepingOwner(): Promise<{ fd: number; port: number; close: () => Promise<unknown> }> {
  const owner = new Worker(
    `const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1' }, () => {
      parentPort.postMessage({ fd: server._handle.fd, port: server.address().port });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`,
    { eval: true },
  );
  const [{ fd, port }] = (await once(owner, 'message')) as [{ fd: number; port: number }];
  return { fd, port, close: () => owner.terminate() };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

t.test('an exception of a handler is the uncaught exception of its worker', async (test) => {
  const subject = worker(`
    const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => handler({ onData() { throw new Error('from a handler'); } }) });
    parentPort.postMessage(transport.listenerAddress(listener).port);`);
  const [port] = (await once(subject, 'message')) as [number];
  const failed = once(subject, 'error').catch((error: unknown) => [error]);
  const socket = connect(port, '127.0.0.1', () => socket.write('x'));
  socket.on('error', () => undefined);
  const [error] = (await failed) as [Error];
  test.equal(error.message, 'from a handler');
  socket.destroy();
});

t.test('where uncaught exceptions are caught, the turn goes on behind the handler', async (test) => {
  const subject = worker(`
    process.on('uncaughtException', (error) => parentPort.postMessage('caught ' + error.message));
    let order = 0;
    transport.defer(() => {
      transport.timers.arm(new Timer(() => { throw new Error('timer'); }), 8);
      transport.timers.arm(new Timer(() => parentPort.postMessage('second timer')), 8);
    });
    transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => null });
    transport.timers.arm(new Timer(() => {
      transport.defer(() => { throw new Error('task'); });
      transport.defer(() => parentPort.postMessage('second task'));
    }), 100);`);
  const seen: string[] = [];
  subject.on('message', (message: string) => seen.push(message));
  await until(() => seen.length === 4, 'all four');
  test.same(new Set(seen), new Set(['caught timer', 'second timer', 'caught task', 'second task']));
  await subject.terminate();
});

t.test("libuv's own work goes on: timers, immediates, promises, messages, sockets", async (test) => {
  const subject = worker(`
    import net from 'node:net';
    const listener = transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: (id) => echo(id) });
    const { port } = transport.listenerAddress(listener);
    parentPort.on('message', (message) => {
      // A command from outside a turn: nothing else happens that could carry it along.
      const id = transport.connect({ address: '127.0.0.1', port, netns: -1, mark: 0, timeoutMs: 60_000 }, handler({
        onConnect: () => { const at = transport.reserve(4); transport.arena.fill(120, at, at + 4); transport.write(id, at, at + 4); },
        onData: (start, end) => Promise.resolve().then(() => queueMicrotask(() => { parentPort.postMessage(message + ' ' + (end - start)); transport.close(id); })),
      }));
    });
    setTimeout(() => parentPort.postMessage('timeout'), 20);
    setImmediate(() => parentPort.postMessage('immediate'));
    const client = net.connect(port, '127.0.0.1', () => client.end('hello'));
    client.on('data', (data) => parentPort.postMessage(String(data)));
    transport.timers.arm(new Timer(() => parentPort.postMessage('wheel')), 30);`);
  const seen: string[] = [];
  subject.on('message', (message: string) => seen.push(message));
  await until(() => seen.length === 4, 'the first four');
  test.same(new Set(seen), new Set(['timeout', 'immediate', 'hello', 'wheel']));
  for (let i = 0; i < 20; i++) {
    subject.postMessage('ping');
    await until(() => seen.length === 5 + i, 'an answer');
    test.equal(seen.at(-1), 'ping 4');
  }
  await subject.terminate();
});

t.test('an idle worker sleeps', async (test) => {
  const subject = worker(`
    transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: (id) => echo(id) });
    const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
    const before = turns();
    setTimeout(() => parentPort.postMessage(turns() - before), 500);`);
  const [turns] = (await once(subject, 'message')) as [number];
  test.ok(turns < 50, `its loop turned ${turns} times`);
  await subject.terminate();
});

t.test('a transport without listeners and connections does not keep its thread alive; one with does', async (test) => {
  const idle = worker('');
  const [code] = (await once(idle, 'exit')) as [number];
  test.equal(code, 0);
  const disposed = worker(`
    transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => null });
    setTimeout(() => { parentPort.postMessage('alive'); transport.dispose(); }, 50).unref();`);
  const heard: string[] = [];
  disposed.on('message', (message: string) => heard.push(message));
  await once(disposed, 'exit');
  test.same(heard, ['alive']);
});

t.test(
  'terminated under load: its descriptors are closed, the listener that was handed in stays, and a successor serves it',
  async (test) => {
    const { fd, port, close } = await sleepingOwner();
    const body = `transport.listen({ fd: workerData }, { onAccept: (id) => { parentPort.postMessage('accepted'); return echo(id); } }); parentPort.postMessage('listening');`;
    const before = openDescriptors();
    for (let round = 0; round < 3; round++) {
      const subject = worker(body, fd);
      let accepted = 0;
      subject.on('message', (message) => (accepted += message === 'accepted' ? 1 : 0));
      await once(subject, 'message');
      let echoed = 0;
      const mine = Array.from({ length: 50 }, () => {
        const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.alloc(100_000)));
        socket.on('data', (data) => {
          echoed += data.length;
          if (!socket.destroyed) socket.write(data);
        });
        socket.on('error', () => undefined);
        return socket;
      });
      await until(() => accepted > 0 && echoed > 1_000_000, 'load');
      await subject.terminate();
      for (const socket of mine) socket.destroy();
      await Promise.all(mine.filter((socket) => !socket.closed).map((socket) => once(socket, 'close')));
    }
    const left = worker(body, fd);
    await once(left, 'message');
    const last = connect(port, '127.0.0.1');
    await once(last, 'connect');
    last.destroy();
    await left.terminate();
    await until(() => openDescriptors() <= before, `the descriptors are closed: ${openDescriptors()} of ${before}`);
    await close();
    await until(() => openDescriptors() <= before, `the descriptors are closed: ${openDescriptors()} of ${before}`);
    test.pass();
  },
);
