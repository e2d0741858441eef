/** What a worker's pools hold, for people: asked for seldom, and read from what is there anyway. Plain data. */
import type { Cluster } from './cluster.ts';
import type { Endpoint } from './endpoint.ts';

export interface PoolReport {
  /** Id of the cluster; empty: the endpoint is an original destination. */
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
  /** Descriptor of the client's network namespace; −1: the agent's own. */
  readonly netns: number;
  /** Connections. */
  readonly open: number;
  /** Requests that wait for one. */
  readonly waiting: number;
  /** Requests and tunnels under way at the endpoint, of all clients. */
  readonly active: number;
}

interface ReportedPool {
  readonly cluster: Cluster | null;
  readonly endpoint: Endpoint;
  readonly netns: number;
  readonly open: number;
  readonly waiting: number;
}

export function poolReport({ cluster, endpoint, netns, open, waiting }: ReportedPool): PoolReport {
  const { address, port, active } = endpoint;
  return { cluster: cluster?.config.id ?? '', address, port, netns, open, waiting, active };
}
