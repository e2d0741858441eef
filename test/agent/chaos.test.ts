/**
 * An agent in this process, with two workers, real sockets and real servers: random valid objects come, change and go under load. Every
 * request has one answer for which there is a cause; none reaches a server that no rule of its time leads to, or one that is ejected; and
 * what a service's limit of requests says holds at its servers.
 */
import { Agent, createServer, request as httpRequest, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from '../base/fast-check.ts';
import { pino } from 'pino';
import t from 'tap';
import type { AgentStatus } from '../../src/agent/admin/status.ts';
import type { ObjectSink, Origin, RawObject } from '../../src/agent/model/sink.ts';
import { Disposal } from '../../src/base/disposal.ts';
import { freePorts } from '../base/free-ports.ts';
import { seed } from '../base/seed.ts';
import { startByHand } from './agent-by-hand.ts';

/** `limited` has a limit of requests, `watched` ejects who answers 500; `free` has neither. Their own rules never change. */
const SERVICES = ['free', 'limited', 'watched'] as const;
type Service = (typeof SERVICES)[number];
const SERVERS = 3;
const MOST_REQUESTS = 4;
const PREFIXES = ['/a', '/b', '/c'] as const;
const CLIENTS = 12;
const CHANGES = 120;
const ORIGIN: Origin = { trusted: true, locate: () => null };

// ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Rule {
  readonly prefix: string;
  readonly to: readonly { readonly service: Service; readonly weight: number }[];
  readonly retried: boolean;
}

/** The rules of the host, or the servers of `free` that are its endpoints. */
type Change =
  { readonly kind: 'rules'; readonly rules: readonly Rule[] } | { readonly kind: 'endpoints'; readonly members: readonly number[] };

const rule: fc.Arbitrary<Rule> = fc.record({
  prefix: fc.constantFrom(...PREFIXES, '/', '/'),
  to: fc.uniqueArray(fc.record({ service: fc.constantFrom(...SERVICES), weight: fc.integer({ min: 1, max: 9 }) }), {
    ...{ minLength: 1, maxLength: 3 },
    selector: ({ service }) => service,
  }),
  retried: fc.boolean(),
});
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rules' as const), rules: fc.array(rule, { minLength: 1, maxLength: 4 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('endpoints' as const), members: fc.subarray([...Array(SERVERS).keys()], { minLength: 1 }) }),
  },
);

const object = (apiVersion: string, kind: string, name: string, rest: object, labels?: object): RawObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default', ...(labels !== undefined && { labels }) },
  ...rest,
});

function virtualService(rules: readonly Rule[]): RawObject {
  const http = rules.map(({ prefix, to, retried }) => ({
    match: [{ uri: { prefix } }],
    route: to.map(({ service, weight }) => ({ destination: { host: service }, weight })),
    retries: retried ? { attempts: 2, retryOn: '5xx', backoff: '1ms' } : { attempts: 0 },
  }));
  // Without rules of its own it has one that nobody asks for: a VirtualService has at least one.
  const spec = {
    hosts: ['*'],
    gateways: ['gw'],
    http: http.length > 0 ? http : [{ match: [{ uri: { exact: '/none' } }], directResponse: { status: 204 } }],
  };
  return object('networking.istio.io/v1', 'VirtualService', 'rules', { spec });
}

function slice(service: Service, index: number, port: number, present: boolean): RawObject {
  const rest = { addressType: 'IPv4', ports: [{ name: 'http', port }], endpoints: present ? [{ addresses: ['127.0.0.1'] }] : [] };
  return object('discovery.k8s.io/v1', 'EndpointSlice', `${service}-${index}`, rest, { 'kubernetes.io/service-name': service });
}

function base(port: number): RawObject[] {
  const servers = [{ port: { number: port, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
  const policies: Partial<Record<Service, object>> = {
    limited: { connectionPool: { http: { http2MaxRequests: MOST_REQUESTS } } },
    watched: { outlierDetection: { consecutive5xxErrors: 1, interval: '600s', baseEjectionTime: '600s', maxEjectionPercent: 100 } },
  };
  return [
    object('networking.istio.io/v1', 'Gateway', 'gw', { spec: { selector: { istio: 'ingressgateway' }, servers } }),
    ...SERVICES.map((name) => object('v1', 'Service', name, { spec: { ports: [{ name: 'http', port: 80 }] } })),
    ...Object.entries(policies).map(([host, trafficPolicy]) =>
      object('networking.istio.io/v1', 'DestinationRule', host, { spec: { host, trafficPolicy } }),
    ),
  ];
}

// ── servers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What servers do, by turns: most answer, some fail, some break the connection. */
type Deed = 'answer' | 'error' | 'break';

class Backends {
  readonly ports = new Map<string, number>();
  /** Most requests at once at the servers of `limited`. */
  most = 0;
  readonly #servers: Server[] = [];
  readonly #deeds: () => Deed;
  #limited = 0;

  constructor(deeds: () => Deed) {
    this.#deeds = deeds;
  }

  async start(): Promise<void> {
    for (const service of SERVICES) {
      for (let index = 0; index < SERVERS; index++) {
        const name = `${service}-${index}`;
        const server = createServer((_, response) => void this.#serve(service, name, response));
        this.#servers.push(server.listen(0, '127.0.0.1'));
        await once(server, 'listening');
        this.ports.set(name, (server.address() as AddressInfo).port);
      }
    }
  }

  stop(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  async #serve(service: Service, name: string, response: ServerResponse): Promise<void> {
    if (service === 'limited') this.most = Math.max(this.most, ++this.#limited);
    await delay(2);
    // Of those who are watched only the first one fails: the others stay in use.
    const deed = service === 'watched' && name !== 'watched-0' ? 'answer' : this.#deeds();
    // Before the answer is out: its client may send the next request at once.
    if (service === 'limited') this.#limited--;
    if (deed === 'break') return void response.socket?.destroy();
    response.writeHead(deed === 'error' ? 500 : 200, { 'x-server': name }).end('whole');
  }
}

// ── what may happen ──────────────────────────────────────────────────────────────────────────────────────────────────

/** A configuration, from when it was given. */
interface Version {
  readonly rules: readonly Rule[];
  readonly members: readonly number[];
}

class History {
  readonly #versions: Version[] = [{ rules: [], members: [...Array(SERVERS).keys()] }];
  /** All before it are known not to be in effect any more. */
  floor = 0;

  get latest(): number {
    return this.#versions.length - 1;
  }

  add(made: Change): void {
    const before = this.#versions.at(-1) as Version;
    this.#versions.push(made.kind === 'rules' ? { ...before, rules: made.rules } : { ...before, members: made.members });
  }

  /** Services that a path leads to in some version from `from` on; null stands for no rule. */
  targets(path: string, from: number): Set<Service | null> {
    const found = new Set<Service | null>();
    for (const { rules } of this.#versions.slice(from)) {
      const first = rules.find(({ prefix }) => path.startsWith(prefix));
      if (first === undefined) found.add(null);
      else for (const { service } of first.to) found.add(service);
    }
    return found;
  }

  /** Whether the server was an endpoint of `free` in some of them. */
  isMember(index: number, from: number): boolean {
    return this.#versions.slice(from).some(({ members }) => members.includes(index));
  }
}

interface Answer {
  readonly status: number;
  readonly server: string | null;
  readonly whole: boolean;
}

/** Rejects if there is no answer: a request that was lost. */
function ask(port: number, path: string, agent: Agent): Promise<Answer> {
  return new Promise((done, failed) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, agent, headers: { host: 'shop' } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      const server = (response.headers['x-server'] as string | undefined) ?? null;
      response.on('end', () => done({ status: response.statusCode ?? 0, server, whole: server === null || body === 'whole' }));
      response.on('error', failed);
    });
    sent.setTimeout(60_000, () => sent.destroy(new Error(`no answer to ${path} in time`)));
    sent.on('error', failed).end();
  });
}

/** Null: as it should be. */
function fault(answer: Answer, path: string, from: number, history: History, ejected: ReadonlySet<string>): string | null {
  const targets = history.targets(path, from);
  const { status, server, whole } = answer;
  if (!whole) return `${path}: an answer that is not whole`;
  if (server !== null) {
    const [service, index] = server.split('-') as [Service, string];
    if (!targets.has(service)) return `${path} came to ${server}, to which no rule led`;
    if (service === 'free' && !history.isMember(Number(index), from)) return `${path} came to ${server}, which was no endpoint`;
    if (ejected.has(server)) return `${path} came to ${server}, which was ejected`;
    return status === 200 || status === 500 ? null : `${path}: ${status} of a server`;
  }
  if (status === 404) return targets.has(null) ? null : `${path}: 404, and there was always a rule`;
  // A server has broken the connection, none is left, or there are too many requests.
  return status === 503 && [...targets].some((target) => target !== null) ? null : `${path}: ${status} without a cause`;
}

// ── the agent ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Running {
  readonly gateway: number;
  readonly sink: ObjectSink;
  readonly status: () => Promise<AgentStatus>;
  readonly errors: string[];
}

async function startAgent(disposal: Disposal): Promise<Running> {
  const [metrics, admin, gateway] = (await freePorts(3)) as [number, number, number];
  const errors: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void errors.push(line) });
  const { sink } = await startByHand(disposal, { metrics, admin }, ['--workers', '2'], log);
  const status = async (): Promise<AgentStatus> => (await fetch(`http://127.0.0.1:${admin}/status`)).json() as Promise<AgentStatus>;
  return { gateway, sink, status, errors };
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(10);
  }
}

t.test('changes under load, over real sockets', async (t) => {
  t.comment(`seed ${seed}`);
  const changes = fc.sample(change, CHANGES);
  const deeds = fc.sample(fc.constantFrom<Deed>(...Array<Deed>(18).fill('answer'), 'error', 'break'), 997);
  const paths = fc.sample(fc.constantFrom(...PREFIXES), 101);
  let served = 0;
  let asked = 0;
  const backends = new Backends(() => deeds[served++ % deeds.length] as Deed);
  const disposal = new Disposal();
  const agent = new Agent({ keepAlive: true });
  t.teardown(async () => {
    agent.destroy();
    backends.stop();
    await disposal.dispose();
  });
  await backends.start();
  const { gateway, sink, status, errors } = await startAgent(disposal);
  const history = new History();
  const settled = async (): Promise<boolean> => {
    const { latest } = history;
    const { ready, propagation } = await status();
    if (ready && propagation.pending === 0) history.floor = latest;
    return history.floor === history.latest && ready;
  };
  const give = (...objects: readonly RawObject[]): void => objects.forEach((one) => sink.upsert(one, ORIGIN));
  const port = (service: Service, index: number): number => backends.ports.get(`${service}-${index}`) as number;
  for (const service of SERVICES) for (let index = 0; index < SERVERS; index++) give(slice(service, index, port(service, index), true));
  give(...base(gateway), virtualService([]));
  sink.synced();
  await until('the first configuration is in effect', settled);

  let over = false;
  const faults: string[] = [];
  const statuses = new Map<number, number>();
  const ejected = new Set<string>();
  const client = async (): Promise<void> => {
    while (!over && faults.length === 0) {
      const from = history.floor;
      const ejectedBefore = new Set(ejected);
      const path = `${paths[asked++ % paths.length] as string}/x`;
      const answer = await ask(gateway, path, agent).catch((error: Error) => error);
      const wrong = answer instanceof Error ? `${path}: ${answer.message}` : fault(answer, path, from, history, ejectedBefore);
      if (wrong !== null) faults.push(wrong);
      if (answer instanceof Error) return;
      if (answer.server === null) await delay(2);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status === 500 && answer.server?.startsWith('watched') === true) ejected.add(answer.server);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  for (const [index, made] of changes.entries()) {
    history.add(made);
    if (made.kind === 'rules') give(virtualService(made.rules));
    else for (let member = 0; member < SERVERS; member++) give(slice('free', member, port('free', member), made.members.includes(member)));
    if (index % 10 === 0) await until('the changes so far are in effect', settled);
    else await delay(10);
  }
  await until('the last change is in effect', settled);
  over = true;
  await Promise.all(clients);
  t.strictSame(faults, []);
  t.strictSame(errors, [], 'nothing went wrong in the agent');
  t.ok(backends.most <= MOST_REQUESTS, `${backends.most} requests at once at a service that allows ${MOST_REQUESTS}`);
  t.ok((statuses.get(200) ?? 0) > CLIENTS, 'there was load');
  t.comment(
    `${asked} requests: ${[...statuses].map(([status, count]) => `${count} of ${status}`).join(', ')}; ejected: ${[...ejected].join(', ')}`,
  );
});
