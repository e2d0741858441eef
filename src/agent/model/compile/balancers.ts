/** LoadBalancerSettings with Istio's and Envoy's defaults. */
import { cookiePath, fieldName, join, literal, type WireText } from '../../../l7/message/wire-text.ts';
import type { BalancerConfig, HashKey, WarmupConfig } from '../../../l7/config/cluster.ts';
import type { ConsistentHash, LoadBalancer } from '../objects.ts';
import type { FieldPath } from '../problem.ts';
import { milliseconds, seconds } from './durations.ts';

/** Istio's default; Envoy rounds up to what the endpoints need. */
const RING_SIZE = 1024;
/** Envoy's default. */
const MAGLEV_SIZE = 65537;
/** Envoy's default, of new endpoints. */
const MINIMUM_PERCENT = 10;

export interface BalancerFault {
  readonly path: FieldPath;
  readonly message: string;
}

export function balancerConfig(settings: LoadBalancer | undefined): BalancerConfig {
  const { simple, consistentHash } = settings ?? {};
  if (consistentHash !== undefined) {
    const key = hashKey(consistentHash);
    return 'fault' in key ? { kind: 'least-request' } : hashing(consistentHash, key);
  }
  if (simple === 'RANDOM') return { kind: 'random' };
  const warmup = warmupConfig(settings);
  return { kind: simple === 'ROUND_ROBIN' ? 'round-robin' : 'least-request', ...(warmup !== undefined && { warmup }) };
}

/** Istio's old field says for how long only. */
function warmupConfig({ warmup, warmupDurationSecs }: LoadBalancer = {}): WarmupConfig | undefined {
  const durationMs = milliseconds(warmup?.duration ?? warmupDurationSecs);
  if (durationMs === 0) return undefined;
  return { durationMs, minimumPercent: warmup?.minimumPercent ?? MINIMUM_PERCENT, aggression: warmup?.aggression ?? 1 };
}

/** What cannot be served of these settings. */
export function balancerFault({ consistentHash }: LoadBalancer): BalancerFault | null {
  if (consistentHash === undefined) return null;
  const key = hashKey(consistentHash);
  return 'fault' in key ? { path: ['consistentHash', ...key.fault.path], message: key.fault.message } : null;
}

function hashKey({
  httpHeaderName,
  httpCookie,
  useSourceIp,
  httpQueryParameterName,
}: ConsistentHash): HashKey | { readonly fault: BalancerFault } {
  if (httpHeaderName !== undefined) {
    const name = fieldName(httpHeaderName);
    return name.ok ? { kind: 'header', name: httpHeaderName } : fault(['httpHeaderName'], httpHeaderName, name.fault);
  }
  if (httpCookie !== undefined) {
    const name = fieldName(httpCookie.name);
    if (!name.ok) return fault(['httpCookie', 'name'], httpCookie.name, name.fault);
    const path = cookiePath(httpCookie.path ?? '');
    if (!path.ok) return fault(['httpCookie', 'path'], httpCookie.path ?? '', path.fault);
    const ttlSeconds = httpCookie.ttl === undefined ? null : seconds(httpCookie.ttl);
    return {
      kind: 'cookie',
      name: name.text,
      path: path.text,
      ttlSeconds,
      ...(httpCookie.attributes && { attributes: cookieAttributes(httpCookie.attributes) }),
    };
  }
  if (useSourceIp === true) return { kind: 'source-address' };
  if (httpQueryParameterName !== undefined) return { kind: 'query', name: httpQueryParameterName };
  return { fault: { path: [], message: 'no key is given' } };
}

function cookieAttributes(attributes: readonly { readonly name: WireText; readonly value?: WireText | undefined }[]): WireText {
  return join(...attributes.flatMap(({ name, value }) => [literal('; '), name, ...(value ? [literal('='), value] : [])]));
}

function fault(path: FieldPath, value: string, why: string): { readonly fault: BalancerFault } {
  return { fault: { path, message: `${JSON.stringify(value)} ${why}` } };
}

function hashing({ ringHash, maglev, minimumRingSize }: ConsistentHash, key: HashKey): BalancerConfig {
  if (maglev !== undefined) return { kind: 'maglev', tableSize: maglev.tableSize || MAGLEV_SIZE, key };
  return { kind: 'ring-hash', minimumRingSize: (ringHash?.minimumRingSize ?? minimumRingSize) || RING_SIZE, key };
}
