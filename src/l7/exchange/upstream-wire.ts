/**
 * Which wire carries a request to its endpoint, as Istio has it: what the port declares or the rules say (`http2`), else what the client
 * speaks where nothing is declared, else HTTP/1.
 */
import type { Cluster } from '../upstream/cluster.ts';
import type { Origin } from './origin.ts';

/** @param cluster null: the request goes to its original destination. @param clientHttp2 whether it came over HTTP/2. */
export function speaksHttp2(cluster: Cluster | null, origin: Origin, clientHttp2: boolean): boolean {
  if (cluster === null) return originalSpeaksHttp2(origin, clientHttp2);
  switch (cluster.config.wire) {
    case 'http2':
      return true;
    case 'client':
      return clientHttp2;
    case 'undeclared':
      // A gateway's clients choose by what the gateway offers, which says nothing of the endpoint.
      return clientHttp2 && origin.kind !== 'gateway';
    default:
      return false;
  }
}

function originalSpeaksHttp2(origin: Origin, clientHttp2: boolean): boolean {
  if (origin.kind !== 'inbound') return clientHttp2;
  const { protocol } = origin.workload.inbound[origin.port] ?? { protocol: 'auto' };
  return protocol === 'http2' || (protocol === 'auto' && clientHttp2);
}
