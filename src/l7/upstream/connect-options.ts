import type { PoolConfig } from '../config/cluster.ts';
import type { ConnectOptions } from '../transport.ts';
import type { Endpoint } from './endpoint.ts';

/** What is added to the mark where the callee's own side is to see the connection, too (`ONWARD_MARK` of bpf/lib/abi.h). */
const ONWARD = 1;

/** How a connection to the endpoint is opened. */
export function connectOptions(
  { address, port, config }: Endpoint,
  { keepalive }: PoolConfig,
  from: Pick<ConnectOptions, 'netns' | 'mark' | 'timeoutMs'>,
): ConnectOptions {
  const mark = config.twoSided === undefined || from.mark === 0 ? from.mark : from.mark + ONWARD;
  if (keepalive === undefined) return { address, port, ...from, mark };
  const { probes, timeSeconds, intervalSeconds } = keepalive;
  return { address, port, ...from, mark, keepalive: { probes, timeSeconds, intervalSeconds } };
}
