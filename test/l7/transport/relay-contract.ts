/** The rules for `relay`, run against every implementation. */
import * as fc from '../../base/fast-check.ts';
import { CloseReason, UNTIL_END } from '../../../src/l7/transport.ts';
import type { Transport } from '../../../src/l7/transport.ts';
import type { ContractCase } from './contract.ts';
import { pair, to } from './contract.ts';
import { Recorder, listen, pattern, send, settle, until } from './lab.ts';

/** A step of a proxy that alternates between copying and relaying. */
type Step = { readonly kind: 'copy' | 'relay'; readonly bytes: number };

/** Passes a stream on as `steps` say; what follows the last step is copied. */
class SteppingProxy extends Recorder {
  destination = -1;
  #steps: Step[];
  #left = 0;

  constructor(transport: Transport, steps: readonly Step[]) {
    super(transport);
    this.#steps = [...steps];
  }
  override onData(start: number, end: number): void {
    while (start < end) {
      if (this.#left === 0) this.#left = this.#steps.shift()?.bytes ?? Infinity;
      const stop = Math.min(end, start + this.#left);
      this.transport.write(this.destination, start, stop);
      this.#left -= stop - start;
      start = stop;
    }
    this.#relayNext();
  }
  override onRelayed(bytes: number): void {
    super.onRelayed(bytes);
    this.#left = 0;
    this.#relayNext();
  }
  override onEnd(): void {
    super.onEnd();
    this.transport.shutdown(this.destination);
  }
  #relayNext(): void {
    const next = this.#steps[0];
    if (this.#left > 0 || next?.kind !== 'relay') return;
    this.#steps.shift();
    this.transport.relay(this.id, this.destination, next.bytes);
  }
}

export const relayCases: Record<string, ContractCase> = {
  async 'relay of a known length stops exactly there'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    const body = pattern(3_000_000);
    send(lab.transport, destination.id, Buffer.from('head'));
    lab.transport.relay(source.id, destination.id, body.length);
    client.write(body);
    client.write(Buffer.from('next request'));
    await until(() => source.bytes === 12, 'the bytes behind');
    test.same(source.relayed, [body.length]);
    test.same(source.log, ['relayed', 'data']);
    test.equal(source.received().toString(), 'next request');
    await until(() => server.receivedBytes === body.length + 4, 'the body');
    test.ok(server.received().equals(Buffer.concat([Buffer.from('head'), body])));
    test.equal(lab.transport.relayed(source.id), 0);
    send(lab.transport, destination.id, Buffer.from('tail'));
    await until(() => server.receivedBytes === body.length + 8, 'what is written after it');
    test.same(destination.log, ['connect']);
  },

  async 'relay until FIN, both ways, with half close'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    lab.transport.relay(destination.id, source.id, UNTIL_END);
    const up = pattern(2_000_000, 1);
    const down = pattern(3_000_000, 2);
    client.write(up);
    client.end();
    server.write(down.subarray(0, 1_000_000));
    await until(() => source.has('end'), 'FIN of the client');
    test.same(source.relayed, [up.length]);
    test.same(source.log, ['relayed', 'end']);
    lab.transport.shutdown(destination.id);
    await until(() => server.ended, 'FIN at the server');
    test.ok(server.received().equals(up));
    server.write(down.subarray(1_000_000));
    server.end();
    await until(() => destination.has('end'), 'FIN of the server');
    test.same(destination.relayed, [down.length]);
    lab.transport.close(source.id);
    lab.transport.close(destination.id);
    await until(() => client.ended && lab.transport.connections === 0, 'the end');
    test.ok(client.received().equals(down));
  },

  async 'relay counts what it has moved'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    client.write(pattern(1_234));
    await until(() => server.receivedBytes === 1_234, 'the bytes');
    await until(() => lab.transport.relayed(source.id) === 1_234, 'the count');
    test.same(source.log, []);
  },

  async 'relay holds the sender back when its destination is slow'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    server.pause();
    const bytes = pattern(30_000_000);
    lab.transport.relay(source.id, destination.id, bytes.length);
    client.write(bytes);
    await settle();
    await settle();
    test.ok(lab.transport.relayed(source.id) < bytes.length, 'not all of it can be under way');
    test.notOk(source.has('relayed'));
    server.resume();
    await until(() => source.has('relayed') && server.receivedBytes === bytes.length, 'all of it');
    test.ok(server.received().equals(bytes));
  },

  async 'relay goes behind what is queued on its destination, and later writes go behind the relay'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    server.pause();
    // The kernel would take some megabytes of it.
    const queued = pattern(12_000_000, 1);
    const body = pattern(2_000_000, 2);
    send(lab.transport, destination.id, queued);
    lab.transport.relay(source.id, destination.id, body.length);
    client.write(body);
    await settle();
    server.resume();
    await until(() => source.has('relayed'), 'the end of the relay');
    send(lab.transport, destination.id, Buffer.from('tail'));
    await until(() => server.receivedBytes === queued.length + body.length + 4, 'everything');
    test.ok(server.received().equals(Buffer.concat([queued, body, Buffer.from('tail')])));
  },

  async 'a paused source stands still, and goes on'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    lab.transport.pause(source.id);
    lab.transport.relay(source.id, destination.id, 100_000);
    await settle();
    client.write(pattern(100_000));
    await settle();
    test.equal(server.receivedBytes, 0);
    lab.transport.resume(source.id);
    await until(() => server.receivedBytes === 100_000, 'the bytes');
  },

  async 'relay to a destination that is reset by its peer'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    client.write(pattern(100_000));
    await until(() => server.receivedBytes === 100_000, 'the bytes');
    lab.transport.pause(source.id);
    server.reset();
    await until(() => destination.has('close') && source.has('relayed'), 'both are told');
    test.equal(destination.reason, CloseReason.Reset);
    test.same(source.log, ['relayed']);
    lab.transport.close(source.id);
  },

  async 'relay from a source that is reset by its peer'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    client.write(pattern(100_000));
    await until(() => server.receivedBytes === 100_000, 'the bytes');
    client.reset();
    await until(() => source.has('close'), 'onClose');
    test.same(source.log, ['relayed', 'close']);
    test.same(source.relayed, [100_000]);
    lab.transport.close(destination.id);
    await until(() => server.ended, 'FIN at the server');
  },

  async 'closing either side of a relay under back-pressure loses nothing that was taken'(test, lab) {
    const { client, server, source, destination } = await pair(lab);
    server.pause();
    const bytes = pattern(20_000_000);
    lab.transport.relay(source.id, destination.id, UNTIL_END);
    client.write(bytes);
    await settle();
    await settle();
    lab.transport.reset(source.id);
    lab.transport.close(destination.id);
    server.resume();
    await until(() => server.ended, 'FIN');
    test.ok(server.receivedBytes > 0 && server.receivedBytes <= bytes.length);
    test.ok(server.received().equals(bytes.subarray(0, server.receivedBytes)));
  },

  async 'relay of nothing, and to nobody, ends at once'(test, lab) {
    const { source, destination } = await pair(lab);
    lab.transport.relay(source.id, destination.id, 0);
    await until(() => source.relayed.length === 1, 'nothing');
    lab.transport.reset(destination.id);
    lab.transport.relay(source.id, destination.id, 10);
    await until(() => source.relayed.length === 2, 'to nobody');
    test.same(source.relayed, [0, 0]);
  },

  async 'any mix of copying and relaying keeps the stream as it is'(test, lab) {
    const step = fc.record({ kind: fc.constantFrom('copy' as const, 'relay' as const), bytes: fc.integer({ min: 1, max: 100_000 }) });
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 12 }),
      async (steps, chunks) => {
        const upstream = await lab.serve();
        const { address, handlers, listener } = listen(
          lab.transport,
          (transport) => new SteppingProxy(transport, [{ kind: 'copy', bytes: 1 }, ...steps]),
        );
        const client = await lab.dial(address);
        await until(() => handlers.length === 1, 'accepted');
        const destination = new Recorder(lab.transport);
        destination.id = handlers[0]!.destination = lab.transport.connect(to(upstream.address), destination);
        const bytes = pattern(
          chunks.reduce((sum, chunk) => sum + chunk, 0),
          chunks.length,
        );
        let at = 0;
        for (const chunk of chunks) {
          client.write(bytes.subarray(at, (at += chunk)));
          if (chunk % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        client.end();
        await until(() => upstream.peers[0]?.ended === true, 'the end of the stream');
        lab.transport.close(destination.id);
        lab.transport.close(handlers[0]!.id);
        lab.transport.unlisten(listener);
        return upstream.peers[0]!.received().equals(bytes);
      },
    );
    await fc.assert(property, { numRuns: 60 });
    test.pass();
  },
};
