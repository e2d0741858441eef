/**
 * Which wire carries a request to its endpoint, as Istio has it: what the port declares or the rules say (`http2`), else what the client
 * speaks where nothing is declared, else HTTP/1. That is between two proxies. Where one pass serves both sides, the callee's says what its
 * application gets: a rule that raises a port of HTTP/1 to HTTP/2 is about the way to the callee's proxy, which takes it back.
 */
import type { InboundPort } from '../config/workload.ts';
import type { Workload } from '../runtime/runtime.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { Origin } from './origin.ts';

export interface WireQuestion {
  /** Null: the request goes to its original destination. */
  readonly cluster: Cluster | null;
  readonly endpoint: Endpoint;
  readonly origin: Origin;
  /** It came over HTTP/2. */
  readonly clientHttp2: boolean;
  /** The enrolled pods of this node. */
  readonly workloads: { get(key: string): Workload | undefined };
}

export function speaksHttp2({ cluster, endpoint, origin, clientHttp2, workloads }: WireQuestion): boolean {
  if (cluster === null)
    return origin.kind === 'inbound' ? serverSpeaksHttp2(inboundPort(origin.workload, origin.port), clientHttp2) : clientHttp2;
  const { wire } = cluster.config;
  if (wire === undefined) return false;
  // A gateway's clients choose by what the gateway offers, which says nothing of the endpoint.
  const http2 = wire === 'http2' || (clientHttp2 && !(wire === 'undeclared' && origin.kind === 'gateway'));
  const { local } = endpoint.config;
  const callee = http2 && local !== null ? workloads.get(local) : undefined;
  return callee === undefined ? http2 : serverSpeaksHttp2(inboundPort(callee, endpoint.port), true);
}

function inboundPort(callee: Workload, port: number): InboundPort | undefined {
  return callee.inbound[port];
}

/** @param http2 whether the request comes to the callee's side over HTTP/2. */
function serverSpeaksHttp2(port: InboundPort | undefined, http2: boolean): boolean {
  if (port === undefined || port.protocol === 'auto' || port.wire === 'client') return http2;
  return port.protocol === 'http2';
}
