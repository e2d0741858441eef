/** The rules of src/l7/transport.ts, run against every implementation. */
import t from 'tap';
import { Timer } from '../../../src/base/timer-wheel.ts';
import { CloseReason, HIGH_WATER, TransportError } from '../../../src/l7/transport.ts';
import type { ConnectOptions } from '../../../src/l7/transport.ts';
import type { Address } from '../../../src/l7/transport.ts';
import type { Lab, MakeLab, Peer } from './lab.ts';
import { Recorder, listen, pattern, send, settle, standStill, until } from './lab.ts';

type Case = (test: Tap.Test, lab: Lab) => Promise<void>;
declare namespace Tap {
  type Test = typeof t;
}

export const to = (address: Address, timeoutMs = 60_000): ConnectOptions => ({
  address: address.ip,
  port: address.port,
  netns: -1,
  mark: 0,
  timeoutMs,
});

class Echo extends Recorder {
  override onData(start: number, end: number): void {
    this.transport.write(this.id, start, end);
  }
  override onEnd(): void {
    this.transport.close(this.id);
  }
}

/** An accepted connection and its peer. */
export async function accepted(
  lab: Lab,
  make = (transport: Lab['transport']): Recorder => new Recorder(transport),
): Promise<{ handler: Recorder; peer: Peer }> {
  const { address, handlers } = listen(lab.transport, make);
  const peer = await lab.dial(address);
  await until(() => handlers.length === 1, 'the connection is accepted');
  return { handler: handlers[0]!, peer };
}

/** client — source ⇒ destination — server */
interface Pair {
  readonly client: Peer;
  readonly server: Peer;
  readonly source: Recorder;
  readonly destination: Recorder;
}

export async function pair(lab: Lab): Promise<Pair> {
  const { address, handlers } = listen(lab.transport, (transport) => new Recorder(transport));
  const upstream = await lab.serve();
  const client = await lab.dial(address);
  const destination = new Recorder(lab.transport);
  destination.id = lab.transport.connect(to(upstream.address), destination);
  await until(() => handlers.length === 1 && upstream.peers.length === 1 && destination.has('connect'), 'both connections');
  return { client, server: upstream.peers[0]!, source: handlers[0]!, destination };
}

const cases: Record<string, Case> = {
  async 'echoes, and knows both addresses'(test, lab) {
    const { handler, peer } = await accepted(lab, (transport) => new Echo(transport));
    test.equal(lab.transport.peerAddress(handler.id).ip, '127.0.0.1');
    test.not(lab.transport.peerAddress(handler.id).port, lab.transport.localAddress(handler.id).port);
    peer.write(Buffer.from('hello'));
    await until(() => peer.receivedBytes === 5, 'the echo');
    test.equal(peer.received().toString(), 'hello');
    test.equal(lab.transport.connections, 1);
    peer.end();
    await until(() => peer.ended && lab.transport.connections === 0, 'the end');
  },

  async 'writes of a turn arrive in order, more than fit the scratch area'(test, lab) {
    const { handler, peer } = await accepted(lab);
    const bytes = pattern(3_000_000);
    for (let at = 0; at < bytes.length; at += 777) send(lab.transport, handler.id, bytes.subarray(at, at + 777));
    lab.transport.close(handler.id);
    await until(() => peer.ended, 'FIN after everything');
    test.ok(peer.received().equals(bytes));
  },

  async 'FIN from the peer leaves the other direction open'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.write(Buffer.from('last words'));
    peer.end();
    await until(() => handler.has('end'), 'onEnd');
    test.same(handler.log, ['data', 'end']);
    send(lab.transport, handler.id, pattern(500_000));
    await until(() => peer.receivedBytes === 500_000, 'bytes after FIN');
    test.notOk(peer.ended);
    lab.transport.shutdown(handler.id);
    await until(() => peer.ended, 'FIN');
    test.notOk(handler.has('close'), 'nobody but us closes');
    lab.transport.close(handler.id);
    await until(() => lab.transport.connections === 0, 'the connection is gone');
  },

  async 'shutdown sends FIN behind what is queued, and reading goes on'(test, lab) {
    const { handler, peer } = await accepted(lab);
    const bytes = pattern(2_000_000);
    send(lab.transport, handler.id, bytes);
    lab.transport.shutdown(handler.id);
    await until(() => peer.ended, 'FIN');
    test.ok(peer.received().equals(bytes));
    peer.write(Buffer.from('still here'));
    await until(() => handler.bytes === 10, 'bytes after our FIN');
    peer.end();
    await until(() => handler.has('end'), 'their FIN');
    test.notOk(peer.wasReset);
  },

  async 'RST from the peer is told apart from FIN'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.reset();
    await until(() => handler.has('close'), 'onClose');
    test.equal(handler.reason, CloseReason.Reset);
    test.notOk(handler.has('end'));
    send(lab.transport, handler.id, pattern(10));
    lab.transport.close(handler.id);
    await settle();
    test.same(handler.log, ['close'], 'commands for what is gone are ignored');
    test.equal(lab.transport.connections, 0);
  },

  async 'RST is seen while paused, and after FIN'(test, lab) {
    const paused = await accepted(lab);
    lab.transport.pause(paused.handler.id);
    await settle();
    paused.peer.reset();
    await until(() => paused.handler.has('close'), 'onClose while paused');
    test.equal(paused.handler.reason, CloseReason.Reset);
    const ended = await accepted(lab);
    ended.peer.end();
    await until(() => ended.handler.has('end'), 'onEnd');
    ended.peer.reset();
    await settle();
    // After its own FIN a peer's close is silent until it is written to.
    send(lab.transport, ended.handler.id, pattern(1));
    await settle();
    send(lab.transport, ended.handler.id, pattern(1));
    await until(() => ended.handler.has('close'), 'onClose after FIN');
    test.same(ended.handler.log, ['end', 'close']);
  },

  async 'reset sends RST at once'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.reset(handler.id);
    await until(() => peer.wasReset, 'RST');
    test.same(handler.log, []);
    test.equal(lab.transport.connections, 0);
  },

  async 'close sends all to a slow reader, and calls nobody any more'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.pause();
    const bytes = pattern(8_000_000);
    send(lab.transport, handler.id, bytes);
    lab.transport.close(handler.id);
    await settle();
    test.equal(lab.transport.connections, 1, 'closing still counts');
    peer.resume();
    await until(() => peer.ended, 'FIN');
    test.ok(peer.received().equals(bytes));
    peer.end();
    await until(() => lab.transport.connections === 0, 'gone');
    test.same(handler.log, []);
  },

  async 'close with unread bytes does not destroy the answer'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.pause(handler.id);
    peer.write(pattern(200_000));
    await settle();
    send(lab.transport, handler.id, Buffer.from('go away'));
    lab.transport.close(handler.id);
    await until(() => peer.ended || peer.wasReset, 'the end');
    test.equal(peer.received().toString(), 'go away');
    test.notOk(peer.wasReset);
    peer.end();
    await until(() => lab.transport.connections === 0, 'gone');
  },

  async 'a slow reader blocks the writer once, and drains it once'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.pause();
    const piece = pattern(65_536);
    let sent = 0;
    for (let i = 0; i < 2_000 && !handler.has('blocked'); i++) {
      send(lab.transport, handler.id, piece);
      sent += piece.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => handler.has('blocked'), 'onBlocked');
    send(lab.transport, handler.id, pattern(HIGH_WATER * 2));
    sent += HIGH_WATER * 2;
    await settle();
    test.equal(handler.count('blocked'), 1);
    test.notOk(handler.has('drained'));
    peer.resume();
    await until(() => handler.has('drained'), 'onDrained');
    await until(() => peer.receivedBytes === sent, 'all bytes');
    test.same(handler.log, ['blocked', 'drained']);
  },

  async 'paused: neither data nor FIN, until resumed'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.pause(handler.id);
    await settle();
    peer.write(Buffer.from('one'));
    peer.end();
    await settle();
    test.same(handler.log, []);
    lab.transport.resume(handler.id);
    await until(() => handler.has('end'), 'both');
    test.same(handler.log, ['data', 'end']);
    test.equal(handler.received().toString(), 'one');
  },

  async 'pause from within onData holds back the FIN behind it'(test, lab) {
    const { handler, peer } = await accepted(
      lab,
      (transport) =>
        new (class extends Recorder {
          override onData(start: number, end: number): void {
            super.onData(start, end);
            this.transport.pause(this.id);
          }
        })(transport),
    );
    peer.write(Buffer.from('x'));
    peer.end();
    await until(() => handler.has('data'), 'data');
    await settle();
    test.same(handler.log, ['data']);
    lab.transport.resume(handler.id);
    await until(() => handler.has('end'), 'FIN');
  },

  async 'a paused reader holds the writer back in the end'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.pause(handler.id);
    const bytes = pattern(20_000_000);
    peer.write(bytes);
    await settle();
    test.ok(handler.bytes <= 2 * 1024 * 1024);
    lab.transport.resume(handler.id);
    await until(() => handler.bytes === bytes.length, 'all bytes');
    test.ok(handler.received().equals(bytes));
  },

  async 'connect: what is written before is sent when it is established'(test, lab) {
    const server = await lab.serve();
    const handler = new Recorder(lab.transport);
    handler.id = lab.transport.connect(to(server.address), handler);
    send(lab.transport, handler.id, Buffer.from('early'));
    await until(() => server.peers[0]?.receivedBytes === 5, 'the bytes');
    test.same(handler.log, ['connect']);
    test.same(lab.transport.peerAddress(handler.id), server.address);
    server.peers[0]!.write(Buffer.from('answer'));
    await until(() => handler.bytes === 6, 'the answer');
  },

  async 'connect: refused'(test, lab) {
    const address = await lab.refusing();
    const handler = new Recorder(lab.transport);
    const id = lab.transport.connect(to(address), handler);
    test.same(handler.log, [], 'never at once');
    send(lab.transport, id, pattern(100));
    await until(() => handler.has('close'), 'onClose');
    test.equal(handler.reason, CloseReason.Refused);
    test.same(handler.log, ['close']);
    test.equal(lab.transport.connections, 0);
  },

  async 'connect: nobody answers'(test, lab) {
    const address = await lab.silent();
    const handler = new Recorder(lab.transport);
    lab.transport.connect(to(address, 100), handler);
    await until(() => handler.has('close'), 'onClose');
    test.equal(handler.reason, CloseReason.ConnectTimeout);
    await until(() => lab.transport.connections === 0, 'gone');
    test.same(handler.log, ['close']);
  },

  async 'connect: closed before it is established'(test, lab) {
    const address = await lab.silent();
    const handler = new Recorder(lab.transport);
    lab.transport.close(lab.transport.connect(to(address, 50), handler));
    await until(() => lab.transport.connections === 0, 'gone');
    await settle();
    test.same(handler.log, []);
  },

  async 'an address in use, and one that is not ours, are refused with a code'(test, lab) {
    const { address } = listen(lab.transport, (transport) => new Recorder(transport));
    test.throws(() => lab.transport.listen({ address: '127.0.0.1', port: address.port }, { onAccept: () => null }), TransportError);
    test.throws(() => lab.transport.listen({ address: '127.0.0.1', port: address.port }, { onAccept: () => null }), { code: 'EADDRINUSE' });
  },

  async 'onAccept may decline; unlisten leaves connections alone'(test, lab) {
    let declined = 0;
    const listener = lab.transport.listen({ address: '127.0.0.1', port: 0 }, { onAccept: () => (declined++, null) });
    const peer = await lab.dial(lab.transport.listenerAddress(listener));
    await until(() => peer.ended || peer.wasReset, 'closed');
    test.equal(declined, 1);
    const { address, handlers, listener: second } = listen(lab.transport, (transport) => new Echo(transport));
    const served = await lab.dial(address);
    await until(() => handlers.length === 1, 'accepted');
    lab.transport.unlisten(second);
    await settle();
    served.write(Buffer.from('on'));
    await until(() => served.receivedBytes === 2, 'the echo');
    await test.rejects(lab.dial(address));
  },

  async 'an id is not given out again in the turn in which its connection ended'(test, lab) {
    const server = await lab.serve();
    const opened: number[] = [];
    const closed: number[] = [];
    const { handler, peer } = await accepted(
      lab,
      (transport) =>
        new (class extends Recorder {
          override onData(): void {
            for (let i = 0; i < 10; i++) {
              const id = transport.connect(to(server.address), new Recorder(transport));
              opened.push(id);
              transport.reset(id);
              closed.push(id);
            }
            transport.close(this.id);
            opened.push(transport.connect(to(server.address), new Recorder(transport)));
          }
        })(transport),
    );
    peer.write(Buffer.from('go'));
    await until(() => opened.length === 11, 'the turn');
    test.equal(new Set(opened).size, 11);
    test.notOk(opened.includes(handler.id));
  },

  async 'nor after onClose, nor when commands were carried out within the turn'(test, lab) {
    const server = await lab.serve();
    const ids: number[][] = [];
    class Reopening extends Recorder {
      override onClose(): void {
        ids.push([this.id, this.transport.connect(to(server.address), new Recorder(this.transport))]);
      }
      override onData(): void {
        this.transport.reset(this.id);
        // More than the scratch area holds, so that what was commanded so far has to be carried out.
        for (let i = 0; i < 3; i++) this.transport.reserve(1_000_000);
        ids.push([this.id, this.transport.connect(to(server.address), new Recorder(this.transport))]);
      }
    }
    const { handler: first, peer } = await accepted(lab, (transport) => new Reopening(transport));
    peer.reset();
    await until(() => ids.length === 1, 'onClose');
    const { peer: second } = await accepted(lab, (transport) => new Reopening(transport));
    second.write(Buffer.from('go'));
    await until(() => ids.length === 2, 'onData');
    test.equal(ids[0]![0], first.id);
    for (const [ended, opened] of ids) test.not(ended, opened);
  },

  async 'a handler that closes others of the same turn silences them'(test, lab) {
    const calls: number[] = [];
    class Killer extends Recorder {
      override onData(): void {
        calls.push(this.id);
        for (const other of handlers) if (other !== this) this.transport.close(other.id);
      }
    }
    const { address, handlers } = listen(lab.transport, (transport) => new Killer(transport));
    const peers = await Promise.all(Array.from({ length: 8 }, () => lab.dial(address)));
    await until(() => handlers.length === 8, 'all');
    for (const peer of peers) peer.write(Buffer.from('x'));
    await until(() => calls.length > 0, 'one');
    await settle();
    test.equal(calls.length, 1);
  },

  async 'deferred tasks run at the end of the turn, before its commands'(test, lab) {
    const order: string[] = [];
    const { peer } = await accepted(
      lab,
      (transport) =>
        new (class extends Recorder {
          override onData(): void {
            transport.defer(() => {
              order.push('deferred');
              send(transport, this.id, Buffer.from('b'));
              transport.defer(() => order.push('deferred by deferred'));
            });
            send(transport, this.id, Buffer.from('a'));
            order.push('data');
          }
        })(transport),
    );
    peer.write(Buffer.from('go'));
    await until(() => peer.receivedBytes === 2, 'both');
    test.same(order, ['data', 'deferred', 'deferred by deferred']);
    test.equal(peer.received().toString(), 'ab');
    let outside = false;
    lab.transport.defer(() => (outside = true));
    await until(() => outside, 'deferred outside a turn');
  },

  async 'timers fire in order and not early, also while busy'(test, lab) {
    const { peer } = await accepted(lab, (transport) => new Echo(transport));
    peer.write(pattern(2_000_000));
    const started = lab.transport.now;
    const fired: number[] = [];
    for (const delay of [60, 5, 30, 90, 12]) {
      lab.transport.timers.arm(
        new Timer(() => {
          fired.push(delay);
          if (lab.transport.now < started + delay) test.fail(`${delay} ms fired early`);
        }),
        delay,
      );
    }
    await until(() => fired.length === 5, 'all timers');
    test.same(fired, [5, 12, 30, 60, 90]);
  },

  async 'what arrived while the thread stood still comes before timers that are due'(test, lab) {
    // More than a turn reads.
    const count = 1500;
    const { address, handlers } = listen(lab.transport, (transport) => new Recorder(transport));
    const peers: Peer[] = [];
    while (peers.length < count) peers.push(await lab.dial(address));
    await until(() => handlers.length === count, 'the connections');
    let silent = -1;
    let second = -1;
    const timer = new Timer(() => {
      silent = handlers.filter((handler) => handler.bytes === 0).length;
      lab.transport.timers.arm(new Timer(() => (second = lab.transport.now)), 50);
    });
    await new Promise((resolve) => setImmediate(resolve));
    lab.transport.timers.arm(timer, 5);
    for (const peer of peers) peer.write(Buffer.from('in time'));
    standStill(100);
    await until(() => silent >= 0, 'the timer');
    test.equal(silent, 0, 'all had been heard');
    const fired = lab.transport.now;
    await until(() => second >= 0, 'the second timer');
    test.ok(second >= fired + 50, 'which counts from then');
  },

  async 'setHandler hands over'(test, lab) {
    const { handler, peer } = await accepted(lab);
    const second = new Recorder(lab.transport);
    lab.transport.setHandler(handler.id, second);
    peer.write(Buffer.from('hi'));
    await until(() => second.bytes === 2, 'the data');
    test.same(handler.log, []);
  },

  async 'many connections, random chunks'(test, lab) {
    const count = 2_000;
    const { address, handlers } = listen(lab.transport, (transport) => new Echo(transport));
    let finished = 0;
    const run = async (seed: number): Promise<void> => {
      const bytes = pattern(1 + ((seed * 7919) % 6_000), seed);
      const peer = await lab.dial(address);
      const step = 1 + ((seed * 31) % 2_000);
      for (let at = 0; at < bytes.length; at += step) {
        peer.write(bytes.subarray(at, at + step));
        if (seed % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => peer.receivedBytes === bytes.length, `the echo of connection ${seed}`);
      peer.end();
      if (!peer.received().equals(bytes)) throw new Error(`connection ${seed} got other bytes`);
      finished++;
    };
    for (let base = 0; base < count; base += 250) await Promise.all(Array.from({ length: 250 }, (_, i) => run(base + i + 1)));
    test.equal(finished, count);
    test.equal(handlers.length, count);
    await until(() => lab.transport.connections === 0, 'all gone');
  },
};

/** Runs the cases against one implementation. */
export function transportContract(name: string, makeLab: MakeLab, more: Record<string, Case>): void {
  for (const [title, run] of Object.entries({ ...cases, ...more })) {
    t.test(`${name}: ${title}`, async (test) => {
      const lab = await makeLab();
      test.teardown(() => lab.dispose());
      await run(test as unknown as Tap.Test, lab);
    });
  }
}
export type ContractCase = Case;
