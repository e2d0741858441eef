/** Rule 7 of src/l7/transport.ts: what a peer sent before its connection broke is heard. Run against every implementation. */
import { CloseReason, HIGH_WATER, LINGER_MS, UNTIL_END } from '../../../src/l7/transport.ts';
import type { Transport } from '../../../src/l7/transport.ts';
import type { ContractCase } from './contract.ts';
import { accepted, pair } from './contract.ts';
import { Recorder, pattern, send, settle, until } from './lab.ts';

const answer = pattern(90_000, 7);

export const brokenCases: Record<string, ContractCase> = {
  async 'broken: what came before a reset is delivered, then onClose'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.write(answer);
    peer.reset();
    await until(() => handler.has('close'), 'onClose');
    test.same(handler.log, ['data', 'close']);
    test.equal(handler.reason, CloseReason.Reset);
    test.ok(handler.received().equals(answer));
    test.equal(lab.transport.connections, 0);
  },

  async 'broken: a send that finds the reset first loses nothing'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.write(answer);
    peer.reset();
    // The kernel tells the error to whoever asks first: here the sender.
    for (let i = 0; i < 3; i++) send(lab.transport, handler.id, pattern(100));
    await until(() => handler.has('close'), 'onClose');
    test.same(handler.log, ['data', 'close']);
    test.ok(handler.received().equals(answer));
    send(lab.transport, handler.id, pattern(100));
    lab.transport.shutdown(handler.id);
    await settle();
    test.same(handler.log, ['data', 'close']);
  },

  async 'broken: FIN before the reset is told, too'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.pause(handler.id);
    peer.write(answer);
    peer.end();
    await settle();
    peer.reset();
    await settle();
    send(lab.transport, handler.id, pattern(1));
    await settle();
    send(lab.transport, handler.id, pattern(1));
    await settle();
    test.same(handler.log, []);
    lab.transport.resume(handler.id);
    await until(() => handler.has('close'), 'onClose');
    test.same(handler.log, ['data', 'end', 'close']);
    test.ok(handler.received().equals(answer));
  },

  async 'broken: a blocked writer is drained, for nobody will take what is queued'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.pause();
    while (!handler.has('blocked')) {
      send(lab.transport, handler.id, pattern(HIGH_WATER));
      await new Promise((resolve) => setImmediate(resolve));
    }
    lab.transport.pause(handler.id);
    await settle();
    peer.write(answer);
    await settle();
    peer.reset();
    await until(() => handler.has('drained'), 'onDrained');
    await settle();
    test.same(handler.log, ['blocked', 'drained']);
    lab.transport.resume(handler.id);
    await until(() => handler.has('close'), 'onClose');
    test.same(handler.log, ['blocked', 'drained', 'data', 'close']);
    test.ok(handler.received().equals(answer));
  },

  async 'broken while paused: delivered when resumed'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.pause(handler.id);
    await settle();
    peer.write(answer);
    peer.reset();
    await settle();
    test.same(handler.log, []);
    lab.transport.resume(handler.id);
    await until(() => handler.has('close'), 'onClose');
    test.same(handler.log, ['data', 'close']);
    test.ok(handler.received().equals(answer));
  },

  async 'broken while paused: told in the end to who does not resume'(test, lab) {
    const { handler, peer } = await accepted(lab);
    lab.transport.pause(handler.id);
    await settle();
    peer.write(answer);
    const before = lab.transport.now;
    peer.reset();
    await until(() => handler.has('close'), 'onClose');
    test.same(handler.log, ['close']);
    test.ok(lab.transport.now - before >= LINGER_MS);
    test.equal(lab.transport.connections, 0);
  },

  async 'broken: a handler that closes on the answer is not called again'(test, lab) {
    const { handler, peer } = await accepted(
      lab,
      (transport) =>
        new (class extends Recorder {
          override onData(start: number, end: number): void {
            super.onData(start, end);
            transport.close(this.id);
          }
        })(transport),
    );
    peer.write(Buffer.from('answer'));
    peer.reset();
    send(lab.transport, handler.id, pattern(100));
    await until(() => lab.transport.connections === 0, 'gone');
    await settle();
    test.same(handler.log, ['data']);
  },

  async 'broken destination: its relay ends, its source goes on, and what it sent is relayed to the last byte'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    lab.transport.relay(destination.id, source.id, UNTIL_END);
    client.write(pattern(50_000));
    await until(() => server.receivedBytes === 50_000, 'the first bytes');
    server.write(answer);
    server.reset();
    client.write(pattern(50_000));
    await until(() => destination.has('close'), 'onClose of the destination');
    test.same(destination.log, ['connect', 'relayed', 'close']);
    test.same(destination.relayed, [answer.length]);
    await until(() => client.receivedBytes === answer.length, 'the answer');
    test.ok(client.received().equals(answer));
    await until(() => source.relayed.length === 1, 'the end of the other relay');
    client.write(pattern(10));
    await until(() => source.relayed[0]! + source.bytes >= 50_010, 'the source is read on');
    test.notOk(client.ended || client.wasReset);
    test.notOk(source.has('close'));
  },

  async 'broken source: a slow destination still gets everything'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    server.pause();
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    // More than the destination takes at once, so that the rest waits in the source's receive queue while it breaks.
    const queued = pattern(9_000_000, 3);
    send(lab.transport, destination.id, queued);
    client.write(answer);
    await settle();
    client.reset();
    await settle();
    test.notOk(source.has('close'));
    send(lab.transport, source.id, pattern(10));
    server.resume();
    await until(() => source.has('close'), 'onClose');
    test.same(source.log, ['relayed', 'close']);
    test.same(source.relayed, [answer.length]);
    lab.transport.abort(destination.id);
    await until(() => server.wasReset, 'the reset is passed on');
    test.ok(server.received().equals(Buffer.concat([queued, answer])), 'behind everything');
    test.equal(lab.transport.connections, 0);
  },

  async 'abort sends RST behind all that was written, also to a slow reader'(test, lab) {
    const { handler, peer } = await accepted(lab);
    peer.pause();
    const bytes = pattern(8_000_000);
    send(lab.transport, handler.id, bytes);
    lab.transport.abort(handler.id);
    await settle();
    test.notOk(peer.wasReset);
    test.equal(lab.transport.connections, 1);
    peer.resume();
    await until(() => peer.wasReset, 'RST');
    test.ok(peer.received().equals(bytes));
    test.notOk(peer.ended, 'no FIN');
    await until(() => lab.transport.connections === 0, 'gone');
    test.same(handler.log, []);
  },

  async 'abort of what is connecting, of what is gone, and of nothing'(test, lab) {
    const handler = new Recorder(lab.transport);
    const { handler: gone, peer } = await accepted(lab, (transport: Transport) => new Recorder(transport));
    lab.transport.abort(lab.transport.connect({ address: '127.0.0.1', port: 1, netns: -1, mark: 0, timeoutMs: 50 }, handler));
    peer.reset();
    await until(() => gone.has('close') && lab.transport.connections === 0, 'both');
    lab.transport.abort(gone.id);
    await settle();
    test.same(handler.log, []);
    test.same(gone.log, ['close']);
  },
};
