/** ConnectionPoolSettings with Istio's and Envoy's defaults. 0 is as good as not written, but for an idle timeout, which is off then. */
import type { PoolConfig } from '../../../l7/config/cluster.ts';
import type { ConnectionPool, PolicyBlocks } from '../objects.ts';
import { milliseconds, seconds } from './durations.ts';

const RETRY_PERCENT = 20;
const RETRY_CONCURRENCY = 3;
/** Linux takes no more (tcp(7)). */
const MAX_PROBES = 127;
const MAX_SECONDS = 32_767;

type Keepalive = NonNullable<NonNullable<ConnectionPool['tcp']>['tcpKeepalive']>;

/** Undefined: nothing is limited. @param meshKeepalive where the policy says nothing of it. */
export function poolConfig({ connectionPool, retryBudget }: PolicyBlocks, meshKeepalive: Keepalive | undefined): PoolConfig | undefined {
  const config: PoolConfig = {
    ...httpLimits(connectionPool?.http),
    ...tcpLimits(connectionPool?.tcp, meshKeepalive),
    ...given('idleTimeoutMs', connectionPool?.http?.idleTimeout ?? connectionPool?.tcp?.idleTimeout, milliseconds),
    ...(retryBudget !== undefined && {
      retryBudget: {
        percent: retryBudget.percent ?? RETRY_PERCENT,
        minConcurrency: retryBudget.minRetryConcurrency || RETRY_CONCURRENCY,
        ...(milliseconds(retryBudget.budgetInterval) > 0 && { intervalMs: milliseconds(retryBudget.budgetInterval) }),
      },
    }),
  };
  return Object.keys(config).length === 0 ? undefined : config;
}

/** To an endpoint; undefined: as the mesh says. */
export function connectTimeout({ connectionPool }: PolicyBlocks): number | undefined {
  return milliseconds(connectionPool?.tcp?.connectTimeout) || undefined;
}

function httpLimits(http: ConnectionPool['http']): PoolConfig {
  return {
    ...positive('maxPending', http?.http1MaxPendingRequests),
    ...positive('maxRequests', http?.http2MaxRequests),
    ...positive('maxRetries', http?.maxRetries),
    ...positive('maxRequestsPerConnection', http?.maxRequestsPerConnection),
    ...positive('maxConcurrentStreams', http?.maxConcurrentStreams),
    ...(http?.http2KeepAlive !== undefined && {
      http2Keepalive: {
        intervalMs: milliseconds(http.http2KeepAlive.interval) || 1,
        timeoutMs: milliseconds(http.http2KeepAlive.timeout) || 1,
      },
    }),
  };
}

function tcpLimits(tcp: ConnectionPool['tcp'], meshKeepalive: Keepalive | undefined): PoolConfig {
  const keepalive = tcp?.tcpKeepalive ?? meshKeepalive;
  return {
    ...positive('maxConnections', tcp?.maxConnections),
    ...given('maxConnectionMs', tcp?.maxConnectionDuration, milliseconds),
    ...given('tcpIdleTimeoutMs', tcp?.idleTimeout, milliseconds),
    ...(keepalive !== undefined && {
      keepalive: {
        probes: Math.min(keepalive.probes ?? 0, MAX_PROBES),
        timeSeconds: Math.min(seconds(keepalive.time ?? ''), MAX_SECONDS),
        intervalSeconds: Math.min(seconds(keepalive.interval ?? ''), MAX_SECONDS),
      },
    }),
  };
}

function positive<K extends keyof PoolConfig>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  return given(key, value || undefined, (number) => number);
}

function given<K extends keyof PoolConfig, T>(key: K, value: T | undefined, read: (value: T) => number): { readonly [P in K]?: number } {
  return value === undefined ? {} : ({ [key]: read(value) } as { readonly [P in K]?: number });
}
