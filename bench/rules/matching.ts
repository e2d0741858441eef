/** What it costs to find a route, against the number of routes on a host: what a request pays, without everything else. */
import { Epoch } from '../../src/base/epoch.ts';
import { parseRequestHead } from '../../src/l7/http1/parser.ts';
import type { RouteConfig, RouteMatch } from '../../src/l7/config/route.ts';
import { DEFAULT_LIMITS, Head } from '../../src/l7/message/head.ts';
import { HeaderNames } from '../../src/l7/message/header-names.ts';
import { Route } from '../../src/l7/routing/route.ts';
import { RouteList, VirtualHost } from '../../src/l7/routing/virtual-host.ts';

export interface Shape {
  readonly name: string;
  match(i: number): RouteMatch;
  /** Request line and header lines of a request that route `i` is for. */
  request(i: number): string;
}

/** As long for every route, so that places in the list are compared and not lengths of texts. */
const digits = (i: number): string => String(i).padStart(5, '0');
const tenant = (i: number): NonNullable<RouteMatch['headers']> => [
  { name: 'x-tenant', match: { kind: 'exact', value: `tenant-${digits(i)}` }, invert: false },
];

export const SHAPES: readonly Shape[] = [
  {
    name: 'exact path',
    match: (i) => ({ path: { kind: 'exact', value: `/p${digits(i)}` } }),
    request: (i) => `GET /p${digits(i)} HTTP/1.1\r\n`,
  },
  {
    name: 'prefix',
    match: (i) => ({ path: { kind: 'prefix', value: `/p${digits(i)}/` } }),
    request: (i) => `GET /p${digits(i)}/x HTTP/1.1\r\n`,
  },
  { name: 'header, exact', match: (i) => ({ headers: tenant(i) }), request: (i) => `GET / HTTP/1.1\r\nx-tenant: tenant-${digits(i)}\r\n` },
  {
    name: 'one prefix and a header',
    match: (i) => ({ path: { kind: 'prefix', value: '/api' }, headers: tenant(i) }),
    request: (i) => `GET /api/x HTTP/1.1\r\nx-tenant: tenant-${digits(i)}\r\n`,
  },
  {
    name: 'regular expression',
    match: (i) => ({ path: { kind: 'regex', value: `/p${digits(i)}/[0-9]+` } }),
    request: (i) => `GET /p${digits(i)}/1 HTTP/1.1\r\n`,
  },
];

export interface Cost {
  readonly shape: string;
  readonly routes: number;
  readonly firstNs: number;
  readonly lastNs: number;
  readonly buildMs: number;
  readonly bytesPerRoute: number;
}

const ACTION: RouteConfig['action'] = {
  kind: 'route',
  destinations: [{ cluster: 'c', weight: 1 }],
  mirrors: [],
  timeoutMs: 0,
  retry: null,
};

/** @param rounds of which the median is taken. */
export function measure(shape: Shape, routes: number, rounds: number, clock: () => number): Cost {
  const names = new HeaderNames();
  const before = heap();
  const started = clock();
  const list = new RouteList<null>('bench');
  for (let i = 0; i < routes; i++) list.add(new Route({ name: '', match: shape.match(i), action: ACTION }, names, null));
  list.seal();
  const buildMs = clock() - started;
  const bytesPerRoute = Math.round((heap() - before) / routes);
  const host = new VirtualHost('bench', list, new Epoch());
  const [first, last] = [headOf(names, shape.request(0)), headOf(names, shape.request(routes - 1))];
  const samples: (readonly [number, number])[] = [];
  // First and last take turns, so that a slow moment of the machine meets both.
  for (let round = 0; round < rounds; round++) samples.push([time(host, first, clock), time(host, last, clock)]);
  const [firstNs, lastNs] = [0, 1].map((side) => median(samples.map((sample) => sample[side] as number)));
  return { shape: shape.name, routes, firstNs: firstNs as number, lastNs: lastNs as number, buildMs, bytesPerRoute };
}

/** Nanoseconds a match: as many as take some milliseconds. */
function time(host: VirtualHost<null>, head: Head, clock: () => number): number {
  for (let count = 16; ; count *= 2) {
    const started = clock();
    for (let i = 0; i < count; i++) if (host.match(head, 'http') === null) throw new Error('no route');
    const took = clock() - started;
    if (took > 4) return (took * 1e6) / count;
  }
}

function headOf(names: HeaderNames, lines: string): Head {
  const bytes = Buffer.from(`${lines}Host: shop.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`, 'latin1');
  const head = new Head(names);
  if (parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) !== bytes.length) throw new Error(lines);
  return head;
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
