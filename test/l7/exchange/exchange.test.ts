/** Exchanges as a model: random doings of clients, servers, time and configuration against the invariants at the head of exchange.ts. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import type { Exchange } from '../../../src/l7/exchange/exchange.ts';
import { type RequestStage, Verdict } from '../../../src/l7/exchange/stage.ts';
import { STACKS } from '../../../src/l7/stack.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import type { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
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
  /** On a connection that rests, or on a new one. */
  | { readonly do: 'ask'; readonly body: number; readonly upgrade: boolean; readonly again: boolean }
  | { readonly do: 'send body' | 'leave' | 'end' }
  | { readonly do: 'answer' | 'round'; readonly with: Answer }
  | { readonly do: 'server ends' | 'server resets' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'endpoints'; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      body: fc.constantFrom(0, 0, 5, 2000),
      upgrade: fc.constantFrom(false, false, true),
      again: fc.constantFrom(true, true, false),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('send body' as const, 'send body' as const, 'leave' as const, 'end' as const) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), with: fc.constantFrom(...(Object.keys(ANSWERS) as Answer[])) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('round' as const), with: fc.constantFrom('fine', 'fine', 'chunked', 'retried', 'half') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('server ends' as const, 'server resets' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 30, 200, 600) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('endpoints' as const), count: fc.integer({ min: 0, max: 2 }) }) },
);

interface Client {
  readonly peer: MemoryPeer;
  /** Bytes of the body that are still to be sent. */
  rest: number;
  asked: number;
  left: boolean;
}

class World {
  readonly rig = new Rig({ limits: { retryBufferBytes: 1000, relayBytes: 500 } });
  readonly clients: Client[] = [];
  readonly servers: MemoryPeer[] = [];
  readonly records: { readonly status: number; readonly details: string }[] = [];
  begun = 0;
  /** Requests on connections that had had others. */
  again = 0;
  readonly #endpoints = new Set<Endpoint>();

  constructor() {
    const look: RequestStage<Exchange> = {
      name: 'look',
      run: ({ destination }) => {
        for (const endpoint of destination?.slot.cluster?.endpoints ?? []) this.#endpoints.add(endpoint);
        return Verdict.Next;
      },
    };
    this.rig = new Rig({
      stacks: { ...STACKS, gateway: { ...STACKS.gateway, request: [...STACKS.gateway.request, look] } },
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
    const open = this.clients.filter(({ peer, left }) => !left && !peer.ended && !peer.wasReset);
    const client = choose(open);
    const asked = this.servers.filter((peer) => peer.text() !== '' && !peer.ended && !peer.wasReset && !peer.finSent);
    switch (step.do) {
      case 'ask':
        this.#ask(step.body, step.upgrade, step.again ? choose(open.filter(rests)) : undefined);
        break;
      case 'send body':
        if (client !== undefined && client.rest > 0) {
          const length = Math.min(client.rest, 700);
          client.rest -= length;
          client.peer.write('b'.repeat(length));
        }
        break;
      case 'leave':
      case 'end':
        if (client === undefined) break;
        client.left = true;
        if (step.do === 'leave') client.peer.reset();
        else client.peer.end();
        break;
      case 'round':
        this.#ask(0, false, choose(open.filter(rests)));
        this.rig.transport.run();
        this.servers.findLast((peer) => !peer.ended && !peer.wasReset && !peer.finSent)?.write(ANSWERS[step.with]);
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
    for (const { active } of this.#endpoints) if (active < 0) throw new Error('an endpoint has fewer requests than none');
  }

  /** Requests and tunnels under way, at endpoints that are there and at those that were. */
  get active(): number {
    return [...this.#endpoints].reduce((sum, { active }) => sum + active, 0);
  }

  #ask(body: number, upgrade: boolean, known: Client | undefined): void {
    const client = known ?? { peer: this.rig.transport.dial(GATEWAY), rest: 0, asked: 0, left: false };
    const { peer } = client;
    if (known === undefined) this.clients.push(client);
    else this.again++;
    client.rest = body;
    client.asked++;
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

/** Behind the last chunk; beyond every text where there is none yet. */
function endOfChunks(text: string, at: number): number {
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line < 0) return Infinity;
    const size = Number.parseInt(text.slice(at, line), 16);
    if (size === 0) return line + 4;
    at = line + 2 + size + 2;
  }
}

/** Complete final responses, and whether something follows them that is none. */
function responsesOf(text: string): { readonly whole: number; readonly tunnel: boolean; readonly rest: string } {
  for (let whole = 0; ; whole++) {
    text = text.replace(/^(HTTP\/1\.1 1(?!01)\d\d [^]*?\r\n\r\n)+/, '');
    if (text.startsWith('HTTP/1.1 101 ')) return { whole, tunnel: true, rest: '' };
    const end = text.indexOf('\r\n\r\n') + 4;
    const head = text.slice(0, end);
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    const stop = length === undefined ? endOfChunks(text, end) : end + Number(length);
    if (end < 4 || text.length < stop) return { whole, tunnel: false, rest: text };
    text = text.slice(stop);
  }
}

/** Whether the connection waits for a request. */
function rests({ peer, rest, asked }: Client): boolean {
  const { whole, tunnel, rest: more } = responsesOf(peer.text());
  return rest === 0 && whole === asked && !tunnel && more === '';
}

/** The last response of a connection is whole, or the connection was reset; and there are no more of them than requests. */
function truthful({ peer, asked }: Client): boolean {
  const { whole, tunnel, rest } = responsesOf(peer.text());
  if (whole > asked || (whole === asked && rest !== '')) return false;
  return rest === '' || tunnel || peer.wasReset || !peer.ended;
}

t.test('every exchange is recorded once, answered truthfully, and leaves nothing', async (t) => {
  let again = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), fc.infiniteStream(fc.nat()), (steps, numbers) => {
      const world = new World();
      const choose = <T>(from: readonly T[]): T | undefined => from[(numbers.next().value as number) % Math.max(1, from.length)];
      for (const one of steps) world.run(one, choose);
      const untruthful = world.clients.find((client) => !truthful(client));
      if (untruthful !== undefined) throw new Error(`made to look whole: ${JSON.stringify(untruthful.peer.text())}`);
      world.close();
      again += world.again;
      if (world.active !== 0) throw new Error(`endpoints have ${world.active} requests that nobody makes`);
      const { rig, begun, records } = world;
      if (records.length !== begun) throw new Error(`${records.length} records of ${begun} exchanges: ${JSON.stringify(records)}`);
      for (const gauge of ['nodeway_downstream_connections', 'nodeway_upstream_connections', 'nodeway_tunnels']) {
        if (rig.count(gauge) !== 0) throw new Error(`${gauge} is ${rig.count(gauge)}`);
      }
      if (rig.transport.connections !== 0) throw new Error(`${rig.transport.connections} connections are left`);
      if (rig.count('nodeway_worker_faults_total') !== 0) throw new Error(`faults: ${JSON.stringify(rig.log)}`);
    }),
    { numRuns: 300 },
  );
  t.ok(again > 50, `${again} requests on connections that had had others`);
});
