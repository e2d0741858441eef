/** What differs between the recorded answers of a set and those of the agent. */
import type { HeaderMap, Result, Try } from './exchange.ts';
import type { Servers } from './servers.ts';

export interface Difference {
  readonly request: string;
  /** Of what kind: `status`, `share of 200|a`, `response headers` … */
  readonly what: string;
  readonly want: unknown;
  readonly got: unknown;
}

/** That no two runs have alike, or that say which proxy it was. */
const RESPONSE_IGNORED = new Set([
  ...['date', 'x-envoy-upstream-service-time', 'content-length', 'set-cookie', 'x-envoy-decorator-operation', 'connection', 'keep-alive'],
]);
const REQUEST_IGNORED = new Set([
  ...[
    'x-request-id',
    'x-forwarded-client-cert',
    'x-oracle-id',
    'traceparent',
    'tracestate',
    'x-envoy-peer-metadata',
    'x-envoy-peer-metadata-id',
  ],
  ...['x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'connection'],
]);
/** Shares of so many requests are compared by chance, those of fewer one by one. */
const FEW = 5;
const SIGMAS = 3.5;
/** Only a policy makes an answer take so long; the machine may be busy. */
const POLICY_MS = 150;
const WAIT_MS = 290;
const SLACK_MS = 400;
const SLACK = 0.4;

export function differencesOf(want: readonly Result[], got: readonly Result[], servers: Servers): Difference[] {
  return want.flatMap((wanted) => {
    const seen = got.find(({ name }) => name === wanted.name);
    if (seen === undefined) return [{ request: wanted.name, what: 'missing', want: 'a result', got: null }];
    return new Comparison(wanted, seen, servers).differences();
  });
}

class Comparison {
  readonly #want: Result;
  readonly #got: Result;
  readonly #known: Servers;
  readonly #found: Difference[] = [];

  constructor(want: Result, got: Result, known: Servers) {
    this.#want = want;
    this.#got = got;
    this.#known = known;
  }

  differences(): Difference[] {
    const times = timesOf(this.#want);
    if (times > FEW) this.#shares(times, timesOf(this.#got));
    else this.#servers();
    // Random by intent: only the shares say something.
    const random = [this.#want, this.#got].some(({ summary }) => Object.keys(summary).length > 1);
    const [want, got] = [this.#want, this.#got].map(({ tries, first }) => furthest(tries ?? first ?? [])) as [Try, Try];
    if (times > 1 && random) return this.#found;
    if (times <= FEW) this.#say('status', want.status ?? null, got.status ?? null);
    this.#say('received', receivedOf(want), receivedOf(got));
    this.#say('arrivals', seenBy(want), seenBy(got));
    this.#say('body', bodyOf(want), bodyOf(got));
    this.#say('response headers', without(want.headers, RESPONSE_IGNORED), without(got.headers, RESPONSE_IGNORED));
    this.#say('protocol at the server', want.seen?.proto, got.seen?.proto);
    this.#say('request headers', without(want.seen?.headers, REQUEST_IGNORED), without(got.seen?.headers, REQUEST_IGNORED));
    // Over TCP nothing waits by a policy.
    if (want.received === undefined && isOff(want.ms ?? 0, got.ms ?? 0))
      this.#found.push({ request: this.#want.name, what: 'ms', want: want.ms, got: got.ms });
    return this.#found;
  }

  #shares(times: number, others: number): void {
    const keys = new Set([...Object.keys(this.#want.summary), ...Object.keys(this.#got.summary)]);
    for (const key of keys) {
      const [want, got] = [(this.#want.summary[key] ?? 0) / times, (this.#got.summary[key] ?? 0) / others] as const;
      const both = (want * times + got * others) / (times + others);
      const bound = SIGMAS * Math.sqrt(Math.max(both * (1 - both), 1e-9) * (1 / times + 1 / others)) + 1e-9;
      if (Math.abs(want - got) > bound) this.#found.push({ request: this.#want.name, what: `share of ${key}`, want, got });
    }
  }

  /** Every server that answered must be like one that answered when the answers were recorded, unless that was chance. */
  #servers(): void {
    const known = this.#known;
    if ((this.#want.tries ?? []).some((one) => known.isRandom(one))) return;
    const [want, got] = [this.#want, this.#got].map(serversOf) as [string[], string[]];
    const groups = new Set(want.map((server) => known.groupOf(server)));
    if (got.some((server) => !groups.has(known.groupOf(server)))) this.#say('servers', want, got);
  }

  #say(what: string, want: unknown, got: unknown): void {
    if (JSON.stringify(want) !== JSON.stringify(got)) this.#found.push({ request: this.#want.name, what, want, got });
  }
}

/** The first of those that reached most servers: with which of several endpoints a balancer begins is random, and with it which request is retried. */
function furthest(tries: readonly Try[]): Try {
  const [first = {}, ...others] = tries;
  return others.reduce((most, one) => ((one.arrivals?.length ?? 0) > (most.arrivals?.length ?? 0) ? one : most), first);
}

function timesOf({ summary }: Result): number {
  return Object.values(summary).reduce((sum, times) => sum + times, 0);
}

function serversOf({ tries = [] }: Result): string[] {
  return [...new Set(tries.flatMap(({ backend }) => backend ?? []))].sort();
}

function seenBy({ arrivals = [] }: Try): string[] {
  return arrivals.map(({ method, host, uri }) => `${method} ${host} ${uri}`).sort();
}

/** Of a response to a request that was written by hand, whose head has a date, the status. The port of a client is any. */
function receivedOf({ received = '' }: Try): string {
  if (received.startsWith('HTTP/')) return received.slice(0, received.indexOf('\r\n'));
  return received.replace(/(PROXY TCP\d \S+ \S+) \d+ /, '$1 PORT ');
}

/** Answers of the proxy itself, whose texts users read. */
function bodyOf({ body = '' }: Try): string {
  return body.trimEnd();
}

function without(headers: HeaderMap | undefined, ignored: ReadonlySet<string>): HeaderMap {
  const kept = Object.entries(headers ?? {}).filter(([name]) => !ignored.has(name));
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Loosely; but what waits by a policy must not be early. */
function isOff(want: number, got: number): boolean {
  const late = want >= POLICY_MS && Math.abs(want - got) > Math.max(SLACK_MS, SLACK * want);
  return late || (want >= WAIT_MS && got < 0.6 * want);
}
