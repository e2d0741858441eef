/** Detection as a model: clients and servers that do anything in any order, against the invariants at the head of detector.ts. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Detector, type DetectorPlan } from '../../../src/l7/downstream/detector.ts';
import type { EarlyServer } from '../../../src/l7/downstream/opaque.ts';
import type { ConnectionHandler } from '../../../src/l7/transport.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { clientHello } from '../tls-hello/hellos.ts';

const HERE = { ip: '127.0.0.1', port: 15001 };
const DETECT_MS = 20;
/** Longer than any timer of a detector. */
const FOR_LONG = 3000;

/** Of a client that asks for example.org. */
const HELLO = Buffer.from(clientHello('example.org')).toString('latin1');
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const PIECES = [
  ...['GET ', 'GET / HT', REQUEST, REQUEST, 'TP/1.1\r\nHost: a\r\n\r\n'],
  ...['G', '\x16\x03\x01', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'x'.repeat(5000)],
  ...[HELLO, HELLO.slice(0, 40), HELLO.slice(40)],
];

type Step =
  | { readonly do: 'send'; readonly piece: string }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'server speaks' | 'server ends' | 'server is unreachable' | 'client ends' | 'client resets' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), piece: fc.constantFrom(...PIECES) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 12, 19, 500, 1100) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(['server speaks', 'server speaks', 'server ends', 'server is unreachable', 'client ends', 'client resets'] as const),
      ),
    }),
  },
);

interface Setting {
  readonly declared: boolean;
  /** The name that a TLS client asks for says where it goes. */
  readonly byName: boolean;
  /** There is nowhere to go. */
  readonly nowhere: boolean;
}

/** An upstream connection, as far as a detector knows it. */
class Upstream {
  readonly early: (early: EarlyServer) => void;
  state: 'open' | 'joined' | 'cancelled' | 'gone' = 'open';

  constructor(early: (early: EarlyServer) => void) {
    this.early = early;
  }
}

class World {
  readonly transport = MemoryTransport.create();
  readonly setting: Setting;
  readonly client: MemoryPeer;
  readonly upstreams: Upstream[] = [];
  /** That upstream connections were opened for. */
  readonly names: string[] = [];
  readonly outcomes: ('http' | 'tunnel' | 'refused')[] = [];
  /** What those who took over have got. */
  taken = '';
  sent = '';
  spoken = '';
  left = false;

  constructor(setting: Setting) {
    this.setting = setting;
    this.transport.listen(
      { address: HERE.ip, port: HERE.port },
      {
        onAccept: (id) =>
          new Detector(
            this.#plan((bytes) => this.#takeOver(id, 'http', bytes), id),
            id,
          ),
      },
    );
    this.client = this.transport.dial(HERE);
    this.transport.run();
  }

  #plan(serveHttp: (bytes: Uint8Array) => void, id: number): DetectorPlan {
    return {
      transport: this.transport,
      serveHttp: this.setting.declared ? null : serveHttp,
      detectTimeoutMs: DETECT_MS,
      byName: this.setting.byName,
      openUpstream: (early, name) => {
        this.names.push(name === null ? '' : Buffer.from(name).toString());
        if (this.setting.nowhere) return null;
        const upstream = new Upstream(early);
        this.upstreams.push(upstream);
        return {
          join: (first: Uint8Array | null) => {
            upstream.state = 'joined';
            const asked =
              this.setting.byName &&
              !this.setting.declared &&
              Buffer.from(first ?? [])
                .toString('latin1')
                .startsWith(HELLO);
            if (asked && this.names.at(-1) !== 'example.org') throw new Error(`opened for ${this.names.join()}`);
            this.#takeOver(id, 'tunnel', first ?? new Uint8Array(0));
          },
          cancel: () => {
            if (upstream.state !== 'open') throw new Error(`an upstream connection is cancelled that is ${upstream.state}`);
            upstream.state = 'cancelled';
          },
        } as ReturnType<DetectorPlan['openUpstream']>;
      },
      onRefused: () => void this.outcomes.push('refused'),
    };
  }

  #takeOver(id: number, outcome: 'http' | 'tunnel', bytes: Uint8Array): void {
    const { transport } = this;
    this.outcomes.push(outcome);
    this.taken += Buffer.from(bytes).toString('latin1');
    const heir: ConnectionHandler = {
      onConnect: () => {},
      onData: (start, end) => void (this.taken += Buffer.from(transport.arena.slice(start, end)).toString('latin1')),
      onEnd: () => {},
      onClose: () => {},
      onBlocked: () => {},
      onDrained: () => {},
      onRelayed: () => {},
    };
    transport.setHandler(id, heir);
  }

  get upstream(): Upstream | undefined {
    return this.upstreams.find(({ state }) => state === 'open');
  }

  obey(one: Step): void {
    switch (one.do) {
      case 'send':
        if (!this.left) this.sent += one.piece;
        this.client.write(one.piece);
        break;
      case 'wait':
        this.transport.advance(one.ms);
        break;
      case 'client ends':
        this.left = true;
        this.client.end();
        break;
      case 'client resets':
        this.left = true;
        this.client.reset();
        break;
      default:
        this.#server(one.do);
    }
    this.transport.run();
    this.check();
  }

  #server(what: 'server speaks' | 'server ends' | 'server is unreachable'): void {
    const { upstream } = this;
    if (upstream === undefined) return;
    if (what === 'server is unreachable') {
      upstream.state = 'gone';
      upstream.early({ kind: 'unreachable' });
    } else if (what === 'server ends') {
      upstream.early({ kind: 'ended' });
    } else {
      this.spoken = '220 hello\r\n';
      upstream.early({ kind: 'spoke', bytes: Buffer.from(this.spoken) });
    }
  }

  check(): void {
    const { outcomes, upstreams } = this;
    if (outcomes.length > 1) throw new Error(`two outcomes: ${outcomes.join()}`);
    if (upstreams.filter(({ state }) => state === 'open').length > 1) throw new Error('two upstream connections');
    const [outcome] = outcomes;
    if (outcome === 'http' || outcome === 'tunnel') {
      if (this.taken !== this.sent && !this.left) throw new Error(`taken over: ${JSON.stringify(this.taken.slice(0, 80))}`);
      if (!this.sent.startsWith(this.taken)) throw new Error('bytes in another order, or twice');
    }
    if (outcome !== undefined && this.upstream !== undefined) throw new Error('an upstream connection is left that nobody uses');
    if (outcome === 'http' && this.setting.declared) throw new Error('bytes of a declared protocol were looked at');
    if (this.names.some((name) => name !== '') && !this.setting.byName) throw new Error('a name was read that nobody wants');
    if (outcome === 'tunnel' && this.client.text() !== this.spoken) throw new Error('what the server had said did not arrive');
  }

  /** Time passes, and a server that is there answers. */
  settle(): void {
    this.transport.advance(FOR_LONG);
    this.transport.run();
    if (this.upstream !== undefined) this.obey({ do: 'server speaks' });
    this.transport.advance(FOR_LONG);
    this.transport.run();
    this.check();
    if (!this.left && this.outcomes.length !== 1) throw new Error('nobody has taken over, and nothing was refused');
    if (this.upstream !== undefined) throw new Error('an upstream connection is left');
  }
}

t.test('whatever clients and servers do, one thing follows, and gets every byte once', async (t) => {
  const seen = { http: 0, tunnel: 0, refused: 0, left: 0 };
  fc.assert(
    fc.property(
      fc.record({ declared: fc.boolean(), byName: fc.boolean(), nowhere: fc.constantFrom(false, false, false, true) }),
      fc.array(step, { maxLength: 12 }),
      (setting, steps) => {
        const world = new World(setting);
        for (const one of steps) world.obey(one);
        world.settle();
        seen[world.outcomes[0] ?? 'left']++;
      },
    ),
    { numRuns: 1000 },
  );
  for (const [outcome, times] of Object.entries(seen)) t.ok(times > 10, `${outcome}: ${times} times`);
});
