/** Exchanges as a model: random doings of clients, servers, time and configuration against the invariants at the head of exchange.ts. */
import fc from 'fast-check';
import t from 'tap';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { endpointOf, GATEWAY, retry, Rig, route } from '../engine/rig.ts';

const ADDRESSES = ['10.0.0.1:80', '10.0.0.2:80'];

const ANSWERS = {
  fine: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine',
  chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  retried: 'HTTP/1.1 503 Later\r\nContent-Length: 2\r\n\r\nno',
  'until close': 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it',
  half: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
  informational: 'HTTP/1.1 103 Early Hints\r\n\r\n',
  broken: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  switched: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
} as const;
type Answer = keyof typeof ANSWERS;

type Step =
  | { readonly do: 'ask'; readonly body: number; readonly upgrade: boolean }
  | { readonly do: 'send body' | 'leave' | 'end' }
  | { readonly do: 'answer'; readonly with: Answer }
  | { readonly do: 'server ends' | 'server resets' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'endpoints'; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), body: fc.constantFrom(0, 0, 5, 2000), upgrade: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('send body' as const, 'send body' as const, 'leave' as const, 'end' as const) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), with: fc.constantFrom(...(Object.keys(ANSWERS) as Answer[])) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('server ends' as const, 'server resets' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 30, 200, 600) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('endpoints' as const), count: fc.integer({ min: 0, max: 2 }) }) },
);

interface Client {
  readonly peer: MemoryPeer;
  /** Bytes of the body that are still to be sent. */
  rest: number;
}

class World {
  readonly rig = new Rig({ limits: { retryBufferBytes: 1000, relayBytes: 500 } });
  readonly clients: Client[] = [];
  readonly servers: MemoryPeer[] = [];
  readonly records: { readonly status: number; readonly details: string }[] = [];
  begun = 0;

  constructor() {
    this.rig = new Rig({
      limits: { retryBufferBytes: 1000, relayBytes: 500 },
      recordSinks: [
        {
          record: ({ status, outcome, reporter }) =>
            void (reporter === 'source' && this.records.push({ status, details: outcome.details })),
        },
      ],
    });
    this.rig.cluster('a', ADDRESSES);
    this.rig.gateway(route('/', 'a', { timeoutMs: 1000, retry: retry({ on: ['5xx', 'connect-failure'], perTryTimeoutMs: 300 }) }));
    for (const address of ADDRESSES) {
      const [ip = '', port] = address.split(':');
      this.rig.transport.serve({ ip, port: Number(port) }, (peer) => this.servers.push(peer));
    }
  }

  run(step: Step, choose: <T>(from: readonly T[]) => T | undefined): void {
    const open = this.clients.filter(({ peer }) => !peer.ended && !peer.wasReset && !peer.finSent);
    const client = choose(open);
    const asked = this.servers.filter((peer) => peer.text() !== '' && !peer.ended && !peer.wasReset && !peer.finSent);
    switch (step.do) {
      case 'ask':
        this.#ask(step.body, step.upgrade);
        break;
      case 'send body':
        if (client !== undefined && client.rest > 0) {
          const length = Math.min(client.rest, 700);
          client.rest -= length;
          client.peer.write('b'.repeat(length));
        }
        break;
      case 'leave':
        client?.peer.reset();
        break;
      case 'end':
        client?.peer.end();
        break;
      case 'answer':
        choose(asked)?.write(ANSWERS[step.with]);
        break;
      case 'server ends':
        choose(asked)?.end();
        break;
      case 'server resets':
        choose(asked)?.reset();
        break;
      case 'wait':
        this.rig.transport.advance(step.ms);
        break;
      case 'endpoints':
        this.rig.apply({ endpoints: { a: ADDRESSES.slice(0, step.count).map((address) => endpointOf(address)) } });
    }
    this.rig.transport.run();
  }

  #ask(body: number, upgrade: boolean): void {
    const peer = this.rig.transport.dial(GATEWAY);
    this.clients.push({ peer, rest: body });
    this.begun++;
    const lines = upgrade ? 'Connection: Upgrade\r\nUpgrade: x\r\n' : '';
    peer.write(`${body === 0 ? 'GET' : 'POST'} / HTTP/1.1\r\nHost: shop\r\n${lines}Content-Length: ${body}\r\n\r\n`);
  }

  /** Everybody leaves, and time passes. */
  close(): void {
    for (const { peer } of this.clients) peer.reset();
    for (const peer of this.servers) peer.reset();
    this.rig.transport.run();
    this.rig.transport.advance(10_000);
  }
}

/** The final response of a connection is whole, or the connection was reset. */
function truthful({ peer }: Client): boolean {
  const text = peer.text().replace(/^(HTTP\/1\.1 1(?!01)\d\d [^]*?\r\n\r\n)+/, '');
  if (text === '' || peer.wasReset || text.startsWith('HTTP/1.1 101 ')) return true;
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  const body = text.slice(head.length);
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
  if (!peer.ended) return true;
  return length === undefined ? body.endsWith('0\r\n\r\n') : body.length === Number(length);
}

t.test('every exchange is recorded once, answered truthfully, and leaves nothing', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), fc.infiniteStream(fc.nat()), (steps, numbers) => {
      const world = new World();
      const choose = <T>(from: readonly T[]): T | undefined => from[(numbers.next().value as number) % Math.max(1, from.length)];
      for (const one of steps) world.run(one, choose);
      const untruthful = world.clients.find((client) => !truthful(client));
      if (untruthful !== undefined) throw new Error(`made to look whole: ${JSON.stringify(untruthful.peer.text())}`);
      world.close();
      const { rig, begun, records } = world;
      if (records.length !== begun) throw new Error(`${records.length} records of ${begun} exchanges: ${JSON.stringify(records)}`);
      for (const gauge of ['nodeway_downstream_connections', 'nodeway_upstream_connections', 'nodeway_tunnels']) {
        if (rig.count(gauge) !== 0) throw new Error(`${gauge} is ${rig.count(gauge)}`);
      }
      if (rig.transport.connections !== 0) throw new Error(`${rig.transport.connections} connections are left`);
      if (rig.count('nodeway_worker_faults_total') !== 0) throw new Error(`faults: ${JSON.stringify(rig.log)}`);
    }),
    { numRuns: 150 },
  );
});
