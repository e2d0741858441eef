/** The agent's two HTTP endpoints, one for the node's monitoring and one for its administrator, over the state of the agent's parts. */
import type { Clock } from '../base/clock.ts';
import type { SocketAddress } from '../base/socket-address.ts';
import { adminEndpoint } from './admin/admin-endpoint.ts';
import type { HttpServer } from './admin/http-server.ts';
import { nodeEndpoint } from './admin/node-endpoint.ts';
import type { AgentConfig } from './config.ts';
import type { Configuration } from './configuration.ts';
import type { Log } from './log.ts';
import type { Readiness } from './readiness.ts';
import type { Rollout } from './rollout.ts';
import type { StatusReporter } from './status-reporter.ts';
import type { RequestLog } from './requests/request-log.ts';
import type { TrafficWindow } from './traffic/traffic-window.ts';
import type { WorkerPool } from './worker-pool/pool.ts';
import { type MetricSources, agentMetrics } from './telemetry/agent-metrics.ts';

export interface EndpointSources extends Pick<
  MetricSources,
  'startedAtSeconds' | 'series' | 'spans' | 'logRecords' | 'accessLogs' | 'verdicts' | 'propagation'
> {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly status: StatusReporter;
  readonly readiness: Readiness;
  readonly rollout: Rollout;
  readonly requests: RequestLog;
  readonly traffic: TrafficWindow;
  readonly pool: Pick<WorkerPool, 'pools' | 'explain' | 'ledger'>;
  readonly clock: Clock;
  readonly configuration: Configuration;
  readonly stop: (why: string) => void;
}

export interface Endpoint {
  readonly name: 'metrics' | 'admin' | 'admin socket';
  readonly server: HttpServer;
  /** A path of the file system, or an address; null: not served. */
  readonly address: SocketAddress | string | null;
}

export function agentEndpoints(sources: EndpointSources): Endpoint[] {
  const { config, log, status, readiness, rollout, requests, configuration, traffic, pool, clock, stop } = sources;
  const metrics = agentMetrics({ ...sources, status: () => status.report() });
  const admin = (): HttpServer =>
    adminEndpoint({
      config: () => config,
      snapshot: () => rollout.current,
      status: () => status.report(),
      objects: () => configuration.objects(),
      logLevel: { get: () => log.level, set: (level) => (log.level = level) },
      requests,
      traffic: () => traffic.report(),
      pools: () => pool.pools(),
      explain: (question) => pool.explain(question),
      clusterDomain: config['cluster-domain'],
      ledger: pool.ledger,
      now: () => clock.now(),
      quit: () => stop('asked to quit at the admin endpoint'),
    });
  return [
    { name: 'metrics', server: nodeEndpoint({ readiness, metrics }), address: config['metrics-address'] },
    { name: 'admin', server: admin(), address: config['admin-address'] },
    { name: 'admin socket', server: admin(), address: config['admin-socket'] || null },
  ];
}
