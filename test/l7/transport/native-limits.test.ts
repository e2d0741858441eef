/** The native transport where there is not enough of something. */
import t, { type Test } from 'tap';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HIGH_WATER, UNTIL_END } from '../../../src/l7/transport.ts';
import { NativeTransport } from '../../../src/l7/transport/native.ts';
import { to } from './contract.ts';
import { Recorder, listen, pattern, settle, until } from './lab.ts';
import { SocketLab } from './socket-lab.ts';

const NATIVE = new URL('../../../src/l7/transport/native.ts', import.meta.url).href;

/** A transport in a process with few descriptors: listens at two ports, echoes, and does with descriptors of its own what it is told. */
const PROGRAM = `
  import { closeSync, openSync } from 'node:fs';
  import { createInterface } from 'node:readline';
  import { NativeTransport } from '${NATIVE}';
  const say = (words) => process.stdout.write(words + '\\n');
  const transport = NativeTransport.create({});
  const nothing = () => undefined;
  const echo = (id) => ({ onConnect: nothing, onData: (start, end) => transport.write(id, start, end), onEnd: () => transport.close(id), onClose: nothing, onBlocked: nothing, onDrained: nothing, onRelayed: nothing });
  const listen = (name) => transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: echo, onExhausted: (of) => say(\`exhausted \${name} \${of}\`) });
  say('ports ' + ['first', 'second'].map((name) => transport.listenerAddress(listen(name)).port).join(' '));
  const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
  let own = [];
  const take = (most) => {
    try {
      while (own.length < most) own.push(openSync('/dev/null'));
    } catch {}
    say('took ' + own.length);
  };
  const commands = {
    take: (most) => take(Number(most)),
    free: () => own.splice(0).forEach((fd) => closeSync(fd)),
    count: () => {
      const before = turns();
      setTimeout(() => say('turned ' + (turns() - before)), 1000);
    },
  };
  createInterface({ input: process.stdin }).on('line', (line) => commands[line.split(' ')[0]](line.split(' ')[1]));`;

class SmallProcess {
  output = '';
  readonly #child: ChildProcess;

  constructor(test: Test, descriptors: number, env: Readonly<Record<string, string>> = {}) {
    const command = ['-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash', process.execPath, '--input-type=module', '-e', PROGRAM];
    this.#child = spawn('bash', command, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    test.teardown(() => this.#child.kill('SIGKILL'));
    this.#child.stdout!.on('data', (data: Buffer) => (this.output += data.toString()));
  }

  async ports(): Promise<[number, number]> {
    const [, first, second] = await this.says(/ports (\d+) (\d+)/);
    return [Number(first), Number(second)];
  }

  tell(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  async says(words: RegExp): Promise<RegExpExecArray> {
    await until(() => words.test(this.output), String(words));
    return words.exec(this.output)!;
  }
}

interface Clients {
  readonly sockets: readonly Socket[];
  readonly echoed: Set<Socket>;
  readonly refused: Set<Socket>;
}

function dial(test: Test, port: number, count: number): Clients {
  const [echoed, refused] = [new Set<Socket>(), new Set<Socket>()];
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1', () => socket.write('x'));
    return socket.on('data', () => echoed.add(socket)).on('error', () => refused.add(socket));
  });
  test.teardown(() => sockets.forEach((socket) => socket.destroy()));
  return { sockets, echoed, refused };
}

t.test('a listener gets its share of the descriptors: the next one and the process have theirs', async (test) => {
  const small = new SmallProcess(test, 200);
  const [first, second] = await small.ports();
  const greedy = dial(test, first, 150);
  await until(() => greedy.echoed.size + greedy.refused.size === 150, 'each is served or refused');
  test.ok(greedy.echoed.size > 10, `${greedy.echoed.size} are served`);
  await small.says(/exhausted first/);
  const modest = dial(test, second, 10);
  await until(() => modest.echoed.size === 10, 'those of the other listener are served');
  test.notMatch(small.output, /exhausted second/);
  small.tell('take 60');
  test.equal((await small.says(/took (\d+)/))[1], '60', 'the process opens what it needs');
  for (const socket of greedy.echoed) socket.destroy();
  const later: Clients[] = [];
  small.tell('free');
  await until(() => {
    const [echoed, refused] = [later.at(-1)?.echoed.size ?? 0, later.at(-1)?.refused.size ?? 1];
    if (refused > 0) later.push(dial(test, first, 1));
    return echoed > 0;
  }, 'what has ended makes room');
});

t.test('out of descriptors: told of, no spinning, and accepted when some are free again', async (test) => {
  const small = new SmallProcess(test, 200);
  const [port] = await small.ports();
  small.tell('take 1000');
  await small.says(/took/);
  const clients = dial(test, port, 5);
  await small.says(/exhausted first descriptors/);
  small.tell('count');
  // It tries again every 100 ms; a loop that spins turns thousands of times.
  test.ok(Number((await small.says(/turned (\d+)/))[1]) < 200, small.output);
  test.equal(clients.echoed.size, 0);
  small.tell('free');
  await until(() => clients.echoed.size === 5, 'all are served');
});

/** As the kernel does where the cgroup of the process may not have more: no socket is accepted while the file is there. */
const NO_MEMORY = `
  #define _GNU_SOURCE
  #include <errno.h>
  #include <stdlib.h>
  #include <sys/socket.h>
  #include <sys/syscall.h>
  #include <unistd.h>
  int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
    if (access(getenv("NO_MEMORY"), F_OK) != 0) return (int)syscall(SYS_accept4, listener, address, length, flags);
    errno = ENFILE;
    return -1;
  }`;

t.test('out of memory: told of as that, and accepted when there is some again', async (test) => {
  const directory = mkdtempSync(join(tmpdir(), 'nwt-no-memory-'));
  test.teardown(() => rmSync(directory, { recursive: true }));
  const [library, file] = [join(directory, 'no-memory.so'), join(directory, 'none')];
  execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', library, '-'], { input: NO_MEMORY });
  writeFileSync(file, '');
  const small = new SmallProcess(test, 200, { LD_PRELOAD: library, NO_MEMORY: file });
  const [port] = await small.ports();
  const clients = dial(test, port, 5);
  await small.says(/exhausted first memory/);
  test.notMatch(small.output, /descriptors/);
  rmSync(file);
  await until(() => clients.echoed.size === 5, 'all are served');
  test.equal(clients.refused.size, 0);
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
