/** The workloads of the mesh, called services here, and the calls between them, as the graph and its table show them. */
import type { EdgeView, GraphView } from '../../src/agent/admin/mesh-view.ts';
import type { Tone } from '../parts/state-tag.tsx';

/** All requests, or connections, of one service to another by one protocol. */
export interface Call {
  /** Ids of services. */
  readonly from: string;
  readonly to: string;
  /** Of requests; `tcp` for connections. */
  readonly protocol: string;
  /** Requests a second, or bytes where there are none. */
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  /** Of 1. */
  readonly errorShare: number;
  /** Milliseconds; null: there were no requests. */
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface Service {
  /** `namespace/name`. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  /** It is no pod or service that is known. */
  readonly isOutside: boolean;
  /** Of the requests that it got; their sum and the share of errors among them. */
  readonly perSecond: number;
  readonly errorShare: number;
  /** Of the connections that it got which are not of requests, both ways. */
  readonly bytesPerSecond: number;
  /** Whether anything was sent to it. */
  readonly isCalled: boolean;
}

export interface Mesh {
  /** By id. */
  readonly services: ReadonlyMap<string, Service>;
  readonly calls: readonly Call[];
}

/** From when on errors are to be seen, and to alarm. */
const WARN_SHARE = 0.005;
const BAD_SHARE = 0.05;

/** Edges that differ in what is not drawn (a version, a host) are one call. Of their latencies the worst is told. */
export function callsOf({ edges }: GraphView): Call[] {
  const groups = Map.groupBy(edges, (edge) => [...endsOf(edge), edge.protocol].join(' '));
  return [...groups.values()].map((same) => {
    const [first] = same as [EdgeView];
    const [from, to] = endsOf(first);
    const perSecond = sum(same, ({ requestsPerSecond }) => requestsPerSecond);
    const errors = sum(same, ({ requestsPerSecond, errorShare }) => requestsPerSecond * (errorShare ?? 0));
    return {
      ...{ from, to, protocol: first.protocol, perSecond },
      bytesPerSecond: sum(same, ({ sentBytesPerSecond, receivedBytesPerSecond }) => sentBytesPerSecond + receivedBytesPerSecond),
      errorShare: perSecond > 0 ? errors / perSecond : 0,
      ...{ p50: worst(same, 'p50Ms'), p99: worst(same, 'p99Ms') },
    };
  });
}

/** Where no endpoint was reached, the service stands for its workloads. */
function endsOf({ source, destination, service }: EdgeView): [from: string, to: string] {
  const isKnown = destination.workload !== 'unknown' || service.namespace === 'unknown';
  const to = isKnown ? `${destination.namespace}/${destination.workload}` : `${service.namespace}/${service.name}`;
  return [`${source.namespace}/${source.workload}`, to === 'unknown/unknown' ? `unknown/${service.host}` : to];
}

const sum = <T>(all: readonly T[], of: (one: T) => number): number => all.reduce((total, one) => total + of(one), 0);

function worst(edges: readonly EdgeView[], of: 'p50Ms' | 'p99Ms'): number | null {
  const known = edges.flatMap((edge) => edge[of] ?? []);
  return known.length === 0 ? null : Math.max(...known);
}

export function toneOf(errorShare: number): Tone {
  if (errorShare >= BAD_SHARE) return 'bad';
  return errorShare >= WARN_SHARE ? 'warn' : 'good';
}

const PROTOCOLS: Readonly<Record<string, string>> = { http: 'HTTP', grpc: 'gRPC', tcp: 'TCP' };

export const protocolName = (protocol: string): string => PROTOCOLS[protocol] ?? protocol;

/** Services are those that call or are called. */
export function meshOf(calls: readonly Call[]): Mesh {
  const ids = [...new Set(calls.flatMap(({ from, to }) => [from, to]))].sort();
  const byCallee = Map.groupBy(calls, ({ to }) => to);
  return { calls, services: new Map(ids.map((id) => [id, serviceOf(id, byCallee.get(id) ?? [])])) };
}

function serviceOf(id: string, calls: readonly Call[]): Service {
  const slash = id.indexOf('/');
  const requests = calls.filter(({ p50 }) => p50 !== null);
  const perSecond = sum(requests, (call) => call.perSecond);
  const errors = sum(requests, (call) => call.perSecond * call.errorShare);
  const namespace = id.slice(0, Math.max(0, slash));
  return {
    ...{ id, namespace, name: id.slice(slash + 1) },
    isOutside: namespace === 'unknown' || namespace === '',
    ...{ perSecond, errorShare: perSecond > 0 ? errors / perSecond : 0, isCalled: calls.length > 0 },
    bytesPerSecond: sum(calls, (call) => (call.p50 === null ? call.bytesPerSecond : 0)),
  };
}

export const callKey = ({ from, to, protocol }: Call): string => `${from} ${to} ${protocol}`;

/** The calls between two services as one: what a line of the drawing stands for. */
export interface Link {
  readonly from: string;
  readonly to: string;
  readonly calls: readonly Call[];
  readonly perSecond: number;
  readonly errorShare: number;
  readonly isSilent: boolean;
}

export function linksOf(calls: readonly Call[]): Link[] {
  const groups = Map.groupBy(calls, ({ from, to }) => `${from} ${to}`);
  const links = [...groups.values()].map((own) => {
    const { from, to } = own[0] as Call;
    const perSecond = sum(own, (call) => call.perSecond);
    const errors = sum(own, (call) => call.perSecond * call.errorShare);
    const isSilent = own.every((call) => call.perSecond === 0 && call.bytesPerSecond === 0);
    return { from, to, calls: own, perSecond, errorShare: perSecond > 0 ? errors / perSecond : 0, isSilent };
  });
  return links.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
