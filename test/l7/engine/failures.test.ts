/**
 * Retries, timeouts, limits and faults together, as a table: what fails, when, with which policy; over both wires to the upstream. Each
 * row says how the request ended (status, Envoy's flags and details), how often it was sent, and what its client got.
 */
import t from 'tap';
import type { ClusterConfig } from '../../../src/l7/config/cluster.ts';
import type { RouteAction } from '../../../src/l7/config/route.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { flagText } from '../../../src/l7/message/outcome.ts';
import type { ExchangeRecord } from '../../../src/l7/record/exchange-record.ts';
import { Http2Peer } from '../http2/peer.ts';
import { leftSockets } from './http2-rig.ts';
import { clusterOf, endpointOf, GATEWAY, get, retry, Rig, route } from './rig.ts';

const WIRES = ['HTTP/1', 'HTTP/2'] as const;
type Wire = (typeof WIRES)[number];

const FIRST = '10.0.0.1';
const SECOND = '10.0.0.2';
/** Time is turned so far at once that nothing that comes is gone before it is noted. */
const STEP_MS = 5;

/** A request that has come to a server, with what the server may do about it. */
interface Arrival {
  readonly address: string;
  answer(status: number): void;
  /** The head of an answer of four bytes, and half of them. */
  begin(): void;
  finish(): void;
  /** The connection breaks, with RST or FIN. */
  breakOff(how: 'reset' | 'end'): void;
  /** HTTP/2 has a reset of the stream alone; for HTTP/1 it is one of the connection. */
  resetStream(): void;
}

class Http1Arrival implements Arrival {
  readonly address: string;
  readonly #peer: MemoryPeer;

  constructor(address: string, peer: MemoryPeer) {
    this.address = address;
    this.#peer = peer;
  }

  answer(status: number): void {
    this.#peer.write(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`);
  }

  begin(): void {
    this.#peer.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
  }

  finish(): void {
    this.#peer.write('cd');
  }

  breakOff(how: 'reset' | 'end'): void {
    if (how === 'end') this.#peer.end();
    else this.#peer.reset();
  }

  resetStream(): void {
    this.#peer.reset();
  }
}

class Http2Arrival implements Arrival {
  readonly address: string;
  readonly #peer: Http2Peer;
  readonly #line: MemoryPeer;
  readonly #stream: number;

  constructor(address: string, peer: Http2Peer, line: MemoryPeer, stream: number) {
    this.address = address;
    this.#peer = peer;
    this.#line = line;
    this.#stream = stream;
  }

  answer(status: number): void {
    this.#peer.headers(this.#stream, [[':status', String(status)]], true);
  }

  begin(): void {
    this.#peer.headers(this.#stream, [[':status', '200'], ['content-length', '4']]).data(this.#stream, 'ab'); // prettier-ignore
  }

  finish(): void {
    this.#peer.data(this.#stream, 'cd', true);
  }

  breakOff(how: 'reset' | 'end'): void {
    if (how === 'end') this.#line.end();
    else this.#line.reset();
  }

  resetStream(): void {
    this.#peer.reset(this.#stream, 2);
  }
}

/** A connection to a server. */
interface Line {
  readonly address: string;
  readonly line: MemoryPeer;
  /** Null: HTTP/1. */
  readonly peer: Http2Peer | null;
  /** Streams whose requests have come. */
  readonly seen: Set<number>;
}

/** A gateway before two servers. */
class World {
  readonly rig: Rig;
  readonly ends: string[] = [];
  readonly client: MemoryPeer;
  readonly #lines: Line[] = [];
  readonly arrivals: Arrival[] = [];

  constructor(wire: Wire, { policy = {}, cluster = {}, down = [], servers = [FIRST] }: Row) {
    const config = { ...cluster, ...(wire === 'HTTP/2' && { wire: 'http2' as const }) };
    const record = ({ reporter, status, flags, outcome }: ExchangeRecord): void => {
      if (reporter === 'source') this.ends.push(`${status} ${flagText(flags)} ${outcome.details}`);
    };
    this.rig = new Rig({ recordSinks: [{ record }] });
    this.rig.apply({ clusters: { a: clusterOf('a', config) } });
    this.endpoints(...servers);
    this.rig.gateway(route('/', 'a', { retry: null, ...policy }));
    for (const address of [FIRST, SECOND]) {
      if (down.includes(address)) continue;
      this.rig.transport.serve({ ip: address, port: 80 }, (line) => {
        this.#lines.push({ address, line, peer: wire === 'HTTP/2' ? new Http2Peer(line).settings() : null, seen: new Set() });
      });
    }
    this.client = this.rig.transport.dial(GATEWAY);
  }

  endpoints(...servers: readonly string[]): void {
    this.rig.apply({ endpoints: { a: servers.map((ip) => endpointOf(`${ip}:80`)) } });
  }

  /** Until nothing moves; requests that have come are noted. */
  run(ms = 0): void {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.rig.advance(Math.min(STEP_MS, left));
      for (const one of this.#lines) this.#note(one);
    }
    for (let round = 0; round < 3; round++) {
      this.rig.run();
      for (const one of this.#lines) this.#note(one);
    }
  }

  #note({ address, line, peer, seen }: Line): void {
    if (peer === null) {
      if (!line.text().includes('\r\n\r\n') || line.ended || line.wasReset) return;
      line.takeText();
      this.arrivals.push(new Http1Arrival(address, line));
      return;
    }
    for (const { type, stream } of peer.take()) {
      if (type !== 'HEADERS' || seen.has(stream)) continue;
      seen.add(stream);
      this.arrivals.push(new Http2Arrival(address, peer, line, stream));
    }
  }

  get last(): Arrival {
    const arrival = this.arrivals.at(-1);
    if (arrival === undefined) throw new Error('no request has come');
    return arrival;
  }
}

interface Row {
  readonly policy?: Partial<RouteAction>;
  readonly cluster?: Partial<ClusterConfig>;
  /** Where nobody listens. */
  readonly down?: readonly string[];
  readonly servers?: readonly string[];
  readonly request?: string;
  /** What happens after the request was sent. */
  readonly next?: (world: World) => void;
  /** `STATUS FLAGS DETAILS`, for each wire where they differ. */
  readonly ends: string | Readonly<Record<Wire, string>>;
  /** Times that it was sent. */
  readonly sent: number;
  /** What the client got; absent: the status that was recorded. */
  readonly got?: RegExp;
}

const POLICY = retry({ attempts: 1, backoffMs: 20 });
const BACKED_OFF = 60;
const post = (bytes: number): string => `POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`;
const CLOSED = 'upstream_reset_before_response_started{connection_termination}';
const RESET = 'upstream_reset_before_response_started{remote_reset}';
const REFUSED = 'upstream_reset_before_response_started{remote_connection_failure}';
const OVERFLOW = 'upstream_reset_before_response_started{overflow}';
/** For each of the attempts so far. */
const always = (deed: (arrival: Arrival) => void) => (world: World): void => {
  for (let done = 0; done < world.arrivals.length; done++) {
    deed(world.arrivals[done] as Arrival);
    world.run(BACKED_OFF);
  }
}; // prettier-ignore

/** The client resets its connection, after what the server does. */
function clientGoes(act?: (arrival: Arrival) => void): (world: World) => void {
  return (world) => {
    act?.(world.last);
    world.run();
    world.client.reset();
    world.run(BACKED_OFF);
  };
}

const ROWS: Readonly<Record<string, Row>> = {
  // ── the connection breaks, in each phase ────────────────────────────────────────────────────────────────────────
  'refused: nobody retries': { down: [FIRST], ends: `503 UF ${REFUSED}`, sent: 0 },
  'refused: the other endpoint answers': {
    policy: { retry: retry({ on: ['connect-failure'], attempts: 3 }) },
    servers: [FIRST, SECOND],
    down: [FIRST],
    next: (world) => {
      world.run(BACKED_OFF);
      world.last.answer(200);
    },
    ends: '200 - via_upstream',
    sent: 1,
  },
  'refused everywhere: used up': {
    policy: { retry: POLICY },
    down: [FIRST],
    next: (world) => world.run(BACKED_OFF),
    ends: `503 UF,URX ${REFUSED}`,
    sent: 0,
  },
  'broken before the response': { next: (world) => world.last.breakOff('reset'), ends: `503 UC ${CLOSED}`, sent: 1 },
  'ended before the response': { next: (world) => world.last.breakOff('end'), ends: `503 UC ${CLOSED}`, sent: 1 },
  'the stream is reset before the response': {
    next: (world) => world.last.resetStream(),
    ends: { 'HTTP/1': `503 UC ${CLOSED}`, 'HTTP/2': `503 UR ${RESET}` },
    sent: 1,
  },
  'broken before the response, each time: used up': {
    policy: { retry: POLICY },
    next: always((arrival) => arrival.breakOff('reset')),
    ends: `503 UC,URX ${CLOSED}`,
    sent: 2,
  },
  'broken before the response: reset-before-request does not cover what was sent': {
    policy: { retry: retry({ on: ['reset-before-request'] }) },
    next: always((arrival) => arrival.breakOff('reset')),
    ends: `503 UC ${CLOSED}`,
    sent: 1,
  },
  'broken after the head of the response: no retry, and no response that looks whole': {
    policy: { retry: POLICY },
    next: ({ last }) => {
      last.begin();
      last.breakOff('reset');
    },
    ends: '200 UC upstream_reset_after_response_started{connection_termination}',
    sent: 1,
    got: /ab$/,
  },
  'the stream is reset after the head of the response': {
    policy: { retry: POLICY },
    next: (world) => {
      world.last.begin();
      world.run();
      world.last.resetStream();
    },
    ends: {
      'HTTP/1': '200 UC upstream_reset_after_response_started{connection_termination}',
      'HTTP/2': '200 UR upstream_reset_after_response_started{remote_reset}',
    },
    sent: 1,
    got: /ab$/,
  },
  'broken while it backs off: the retry has a connection of its own': {
    policy: { retry: POLICY },
    next: (world) => {
      world.last.answer(503);
      world.run();
      world.last.breakOff('end');
      world.run(BACKED_OFF);
      world.last.answer(200);
    },
    ends: '200 - via_upstream',
    sent: 2,
  },

  // ── statuses, and what is sent again ────────────────────────────────────────────────────────────────────────────
  'errors, each time: the last one is passed on': {
    policy: { retry: POLICY },
    next: always((arrival) => arrival.answer(502)),
    ends: '502 URX via_upstream',
    sent: 2,
  },
  'a body within the retry buffer': {
    policy: { retry: POLICY },
    request: post(64 * 1024),
    next: always((arrival) => arrival.answer(503)),
    ends: '503 URX via_upstream',
    sent: 2,
  },
  'a body beyond the retry buffer': {
    policy: { retry: POLICY },
    request: post(64 * 1024 + 1),
    next: always((arrival) => arrival.answer(503)),
    ends: '503 - via_upstream',
    sent: 1,
  },
  'a body beyond the retry buffer, and the connection breaks': {
    policy: { retry: POLICY },
    request: post(64 * 1024 + 1),
    next: always((arrival) => arrival.breakOff('reset')),
    ends: `503 UC ${CLOSED}`,
    sent: 1,
  },

  // ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────
  'per-try timeouts: used up': {
    policy: { retry: retry({ attempts: 1, backoffMs: 20, perTryTimeoutMs: 100 }) },
    next: (world) => world.run(300),
    ends: '504 URX,UT upstream_per_try_timeout',
    sent: 2,
  },
  'a per-try timeout that no condition covers': {
    policy: { retry: retry({ on: ['connect-failure'], perTryTimeoutMs: 100 }) },
    next: (world) => world.run(300),
    ends: '504 UT upstream_per_try_timeout',
    sent: 1,
  },
  'the route’s timeout ends the second attempt': {
    policy: { timeoutMs: 150, retry: retry({ attempts: 3, backoffMs: 20, perTryTimeoutMs: 100 }) },
    next: (world) => world.run(300),
    ends: '504 UT response_timeout',
    sent: 2,
  },
  'the route’s timeout ends the back-off': {
    policy: { timeoutMs: 100, retry: retry({ attempts: 1, backoffMs: 10_000 }) },
    next: (world) => {
      world.last.answer(503);
      world.run(200);
    },
    ends: '504 UT response_timeout',
    sent: 1,
  },
  'the route’s timeout after the head of the response': {
    policy: { timeoutMs: 100 },
    next: (world) => {
      world.last.begin();
      world.run(200);
    },
    ends: '200 UT response_timeout',
    sent: 1,
    got: /ab$/,
  },
  'a per-try timeout ends with the head of the response': {
    policy: { retry: retry({ perTryTimeoutMs: 100 }) },
    next: (world) => {
      world.last.begin();
      world.run(300);
      world.last.finish();
    },
    ends: '200 - via_upstream',
    sent: 1,
    got: /abcd$/,
  },
  'grpc-timeout is shorter than the route’s': {
    policy: { timeoutMs: 10_000, retry: POLICY },
    request: 'POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc\r\ngrpc-timeout: 100m\r\nContent-Length: 0\r\n\r\n',
    next: (world) => world.run(200),
    ends: '200 UT response_timeout',
    sent: 1,
    got: /\r\ngrpc-status: 14\r\n/,
  },
  'grpc-timeout covers all attempts': {
    policy: { retry: retry({ attempts: 5, on: ['unavailable'], backoffMs: 20, perTryTimeoutMs: 60 }) },
    request: 'POST / HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc\r\ngrpc-timeout: 40m\r\nContent-Length: 0\r\n\r\n',
    next: (world) => world.run(200),
    ends: '200 UT response_timeout',
    sent: 1,
    got: /\r\ngrpc-message: upstream request timeout\r\n/,
  },

  // ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────
  'no retry is left in the client’s limit': {
    policy: { retry: POLICY },
    cluster: { pool: { retryBudget: { percent: 0, minConcurrency: 0 } } },
    next: always((arrival) => arrival.answer(503)),
    ends: '503 UO via_upstream',
    sent: 1,
  },
  'no retry is left in the client’s limit, and the connection breaks': {
    policy: { retry: POLICY },
    cluster: { pool: { retryBudget: { percent: 0, minConcurrency: 0 } } },
    next: always((arrival) => arrival.breakOff('reset')),
    ends: `503 UC,UO ${CLOSED}`,
    sent: 1,
  },
  'an overflow is not retried': {
    policy: { retry: POLICY },
    cluster: { pool: { maxRequests: 0 } },
    ends: `503 UO ${OVERFLOW}`,
    sent: 0,
  },

  // ── endpoints that go ───────────────────────────────────────────────────────────────────────────────────────────
  none: { servers: [], ends: '503 UH no_healthy_upstream', sent: 0 },
  'the endpoint goes during the request, which ends as it would': {
    next: (world) => {
      world.endpoints(SECOND);
      world.run();
      world.last.answer(200);
    },
    ends: '200 - via_upstream',
    sent: 1,
  },
  'the endpoint goes during the request, which fails: the retry goes elsewhere': {
    policy: { retry: POLICY },
    next: (world) => {
      world.endpoints(SECOND);
      world.run();
      world.last.breakOff('reset');
      world.run(BACKED_OFF);
      if (world.last.address === SECOND) world.last.answer(200);
    },
    ends: '200 - via_upstream',
    sent: 2,
  },
  'all endpoints go while it backs off': {
    policy: { retry: POLICY },
    next: (world) => {
      world.last.answer(503);
      world.run();
      world.endpoints();
      world.run(BACKED_OFF);
    },
    ends: '503 UH no_healthy_upstream',
    sent: 1,
  },
  'all endpoints are ejected while it backs off': {
    policy: { retry: POLICY },
    cluster: {
      outliers: {
        ...{ consecutive5xx: 1, consecutiveGateway: 0, split: false, consecutiveLocal: 5, intervalMs: 10_000 },
        ...{ baseEjectionMs: 30_000, maxEjectionPercent: 100, minHealthPercent: 0 },
      },
    },
    next: always((arrival) => arrival.answer(500)),
    ends: '503 UH no_healthy_upstream',
    sent: 1,
  },

  // ── the client goes ─────────────────────────────────────────────────────────────────────────────────────────────
  'the client is gone before the response': {
    policy: { retry: POLICY },
    next: clientGoes(),
    ends: '0 DC downstream_remote_disconnect',
    sent: 1,
    got: /^$/,
  },
  'the client is gone while it backs off': {
    policy: { retry: POLICY },
    next: clientGoes((arrival) => arrival.answer(503)),
    ends: '0 DC downstream_remote_disconnect',
    sent: 1,
    got: /^$/,
  },
  'the client is gone after the head of the response': {
    policy: { retry: POLICY },
    next: clientGoes((arrival) => arrival.begin()),
    ends: '200 DC downstream_remote_disconnect',
    sent: 1,
    got: /ab$/,
  },
};

for (const wire of WIRES) {
  for (const [name, row] of Object.entries(ROWS)) {
    t.test(`${wire}: ${name}`, async (t) => {
      const world = new World(wire, row);
      world.client.write(row.request ?? get('/'));
      world.run();
      row.next?.(world);
      world.run();
      const expected = typeof row.ends === 'string' ? row.ends : row.ends[wire];
      t.same(world.ends, [expected]);
      t.equal(world.arrivals.length, row.sent, 'times that it was sent');
      t.match(world.client.text(), row.got ?? new RegExp(`^HTTP/1.1 ${expected.slice(0, 3)} `));
      world.client.end();
      // Connections of endpoints that have gone end by and by.
      world.rig.advance(120_000);
      t.equal(leftSockets(world.rig), 0, 'no socket is left that nobody counts');
    });
  }
}
