/** LoadBalancerSettings with Istio's and Envoy's defaults. */
import type { BalancerConfig, HashKey } from '../../../l7/snapshot.ts';
import type { ConsistentHash, LoadBalancer } from '../objects.ts';
import { seconds } from './durations.ts';

/** Istio's default; Envoy rounds up to what the endpoints need. */
const RING_SIZE = 1024;
/** Envoy's default. */
const MAGLEV_SIZE = 65537;

export function balancerConfig(settings: LoadBalancer | undefined): BalancerConfig {
  const { simple, consistentHash } = settings ?? {};
  const key = consistentHash === undefined ? null : hashKey(consistentHash);
  if (consistentHash !== undefined && key !== null) return hashing(consistentHash, key);
  if (simple === 'ROUND_ROBIN') return { kind: 'round-robin' };
  if (simple === 'RANDOM') return { kind: 'random' };
  return { kind: 'least-request' };
}

/** Null when the settings name no part of the request. */
export function hashKey({ httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName }: ConsistentHash): HashKey | null {
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName };
  if (httpCookie !== undefined) {
    const ttlSeconds = httpCookie.ttl === undefined ? null : seconds(httpCookie.ttl);
    return { kind: 'cookie', name: httpCookie.name, path: httpCookie.path ?? '', ttlSeconds };
  }
  if (useSourceIp === true) return { kind: 'source-address' };
  if (httpQueryParameterName !== undefined) return { kind: 'query', name: httpQueryParameterName };
  return null;
}

function hashing({ ringHash, maglev, minimumRingSize }: ConsistentHash, key: HashKey): BalancerConfig {
  if (maglev !== undefined) return { kind: 'maglev', tableSize: maglev.tableSize || MAGLEV_SIZE, key };
  return { kind: 'ring-hash', minimumRingSize: (ringHash?.minimumRingSize ?? minimumRingSize) || RING_SIZE, key };
}
