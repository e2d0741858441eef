import type { PoolConfig } from '../config/cluster.ts';
import type { ConnectOptions } from '../transport.ts';
import type { Endpoint } from './endpoint.ts';

/** How a connection to the endpoint is opened. */
export function connectOptions(
  { address, port }: Endpoint,
  { keepalive }: PoolConfig,
  from: Pick<ConnectOptions, 'netns' | 'mark' | 'timeoutMs'>,
): ConnectOptions {
  if (keepalive === undefined) return { address, port, ...from };
  const { probes, timeSeconds, intervalSeconds } = keepalive;
  return { address, port, ...from, keepalive: { probes, timeSeconds, intervalSeconds } };
}
