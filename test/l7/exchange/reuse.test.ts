/**
 * An exchange that serves the next request of its connection is as good as a new one: random requests, one after the other, on kept
 * connections and each on its own, are answered and recorded alike.
 */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { GATEWAY, ok, retry, Rig, route } from '../engine/rig.ts';

const ADDRESSES = ['10.0.0.1:80', '10.0.0.2:80'];

/** What the server writes for each attempt, or `reset` or `FIN`; null: nothing. */
const SERVER: Readonly<Record<string, (attempt: number) => string | null>> = {
  fine: () => ok('fine'),
  chunked: () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'early hints': () => `HTTP/1.1 103 Early Hints\r\n\r\n${ok('late')}`,
  failing: () => 'HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno',
  'failing once': (attempt) => (attempt > 1 ? ok('again') : 'HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno'),
  resetting: () => 'reset',
  'resetting once': (attempt) => (attempt > 1 ? ok('again') : 'reset'),
  ending: () => 'FIN',
  silent: () => null,
  'silent once': (attempt) => (attempt > 1 ? ok('again') : null),
  nowhere: () => ok('nobody asks for this'),
};

interface Ask {
  readonly way: string;
  readonly body: number;
}

const asks: fc.Arbitrary<Ask[]> = fc.array(
  fc.record({ way: fc.constantFrom(...Object.keys(SERVER)), body: fc.constantFrom(0, 0, 3, 2000) }),
  { minLength: 2, maxLength: 12 },
);

class World {
  readonly records: unknown[] = [];
  reused = 0;
  readonly #servers: MemoryPeer[] = [];
  readonly #rig = new Rig({
    limits: { retryBufferBytes: 1000, relayBytes: 1500 },
    recordSinks: [
      {
        record: ({ status, flags, attempts, outcome, requestBytes, responseBytes, route: matched }) =>
          void this.records.push({ status, flags, attempts, details: outcome.details, requestBytes, responseBytes, name: matched?.name }),
      },
    ],
  });

  constructor() {
    const policy = retry({ attempts: 2, on: ['5xx', 'connect-failure'], perTryTimeoutMs: 300 });
    this.#rig.cluster('a', ADDRESSES).gateway(route('/way', 'a', { timeoutMs: 5000, retry: policy }));
    for (const address of ADDRESSES) {
      const [ip = '', port] = address.split(':');
      this.#rig.transport.serve({ ip, port: Number(port) }, (peer) => this.#servers.push(peer));
    }
  }

  /** @returns what the client got for each request: its head without what differs each time, and its body. */
  play(list: readonly Ask[], keep: boolean): string[] {
    let client: MemoryPeer | null = null;
    return list.map((ask) => {
      const usable = keep && client !== null && !client.ended && !client.wasReset;
      if (usable) this.reused++;
      else client = this.#rig.transport.dial(GATEWAY);
      return this.#ask(client as MemoryPeer, ask);
    });
  }

  #ask(client: MemoryPeer, { way, body }: Ask): string {
    const path = way === 'nowhere' ? '/elsewhere' : `/way/${way.replaceAll(' ', '-')}`;
    client.takeText();
    client.write(`${body === 0 ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: shop\r\nContent-Length: ${body}\r\n\r\n`);
    this.#rig.transport.run();
    client.write('b'.repeat(body));
    // Longer than all attempts and what lies between them.
    for (let ms = 0; ms < 2000; ms += 20) {
      this.#rig.transport.run();
      for (const peer of this.#servers) this.#answer(peer);
      this.#rig.transport.advance(20);
    }
    const end = client.wasReset ? 'reset' : client.ended ? 'FIN' : '';
    return `${client.text().replace(/\r\n(date|x-envoy-upstream-service-time): [^\r]*/gi, '')}${end}`;
  }

  #answer(peer: MemoryPeer): void {
    const text = peer.text();
    const way = /^\w+ \/way\/(\S+) HTTP/.exec(text)?.[1]?.replaceAll('-', ' ');
    const head = text.indexOf('\r\n\r\n');
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (way === undefined || head < 0 || text.length < head + 4 + length) return;
    peer.takeText();
    const answer = SERVER[way]?.(Number(/\r\nx-envoy-attempt-count: (\d+)/.exec(text)?.[1])) ?? null;
    if (answer === 'reset') peer.reset();
    else if (answer === 'FIN') peer.end();
    else if (answer !== null) peer.write(answer);
  }
}

t.test('a request on a connection that has had others is answered and recorded like one on its own', async (t) => {
  let reused = 0;
  fc.assert(
    fc.property(asks, (list) => {
      const kept = new World();
      const own = new World();
      const onKept = kept.play(list, true);
      const onOwn = own.play(list, false);
      t.strictSame(onKept, onOwn);
      t.strictSame(kept.records, own.records);
      reused += kept.reused;
      return onKept.join() === onOwn.join() && JSON.stringify(kept.records) === JSON.stringify(own.records);
    }),
    { numRuns: 60 },
  );
  t.ok(reused > 60, `${reused} requests on connections that had had others`);
});
