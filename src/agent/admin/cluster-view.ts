/** Clusters with their endpoints as the admin endpoint shows them: what is used of them, and who is ejected for whom. Plain data. */
import type { ClusterConfig, EndpointConfig } from '../../l7/config/cluster.ts';
import type { PoolsAnswer } from '../../l7/question.ts';
import { addressKey, type Snapshot } from '../../l7/snapshot.ts';
import { type ClientUse, clientUse, ejectionOf } from '../../l7/upstream/client-use.ts';
import type { Ledger } from '../../l7/upstream/ledger.ts';
import { clustersOf } from './visible-clusters.ts';

export interface ClustersView {
  /** There are more; a condition finds them. */
  readonly truncated: boolean;
  readonly clusters: readonly ClusterView[];
}

/** Its limits stand in `pool`, its rules for ejections in `outliers`. */
export interface ClusterView extends ClusterConfig {
  readonly endpoints: readonly EndpointView[];
  /** Of clients that it limits or watches. */
  readonly clients: readonly ClientUse[];
}

export interface EndpointView extends EndpointConfig {
  /** Requests and tunnels under way, of all clients. */
  readonly active: number;
  /** Of the client that is asked about, else of all of them. */
  readonly connections: number;
  readonly waiting: number;
  readonly ejected: readonly EjectedFor[];
}

export interface EjectedFor {
  readonly client: string;
  /** In milliseconds since the epoch, at the earliest. */
  readonly until: number;
}

export interface ClusterQuestion {
  /** `namespace/name`, or `GATEWAY_CLIENT`: clusters that it can reach. Null: all. */
  readonly pod: string | null;
  /** Host of the service, or its beginning up to a dot. Null: any. */
  readonly service: string | null;
  readonly limit: number;
}

export interface ClusterGround {
  readonly snapshot: Snapshot;
  readonly ledger: Ledger;
  /** Of the workers. */
  readonly answers: readonly PoolsAnswer[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What one worker or more have at an endpoint. */
interface Use {
  active: number;
  connections: number;
  waiting: number;
}

export function clustersView(question: ClusterQuestion, ground: ClusterGround): ClustersView {
  const { snapshot, answers } = ground;
  const ids = question.pod === null ? snapshot.records.clusters.keys() : clustersOf(snapshot, question.pod);
  const { service, limit } = question;
  const configs = [...ids]
    .flatMap((id) => snapshot.records.clusters.get(id) ?? [])
    .filter(({ service: { host } }) => service === null || host === service || host.startsWith(`${service}.`))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const uses = usesOf(answers, question.pod);
  const clusters = configs.slice(0, limit).map((config) => clusterView(config, question.pod, uses, ground));
  return { truncated: configs.length > limit, clusters };
}

function clusterView(
  config: ClusterConfig,
  pod: string | null,
  uses: ReadonlyMap<string, Use>,
  { snapshot, ledger, answers, now }: ClusterGround,
): ClusterView {
  const { id, outliers } = config;
  const ticks = answers[0]?.now ?? 0;
  const clients = config.pool === undefined && outliers === undefined ? [] : pod === null ? clientsAt(answers, id) : [pod];
  const ejected = (address: string, port: number): EjectedFor[] =>
    clients.flatMap((client) => {
      const ejection = outliers === undefined ? null : ejectionOf(ledger, client, { cluster: id, address, port }, outliers, ticks);
      return ejection === null ? [] : [{ client, until: now + ejection.leftMs }];
    });
  const endpoints = (snapshot.endpoints.get(id) ?? []).map((endpoint): EndpointView => {
    const { active = 0, connections = 0, waiting = 0 } = uses.get(`${id} ${addressKey(endpoint)}`) ?? {};
    return { ...endpoint, active, connections, waiting, ejected: ejected(endpoint.address, endpoint.port) };
  });
  return { ...config, endpoints, clients: clients.flatMap((client) => clientUse(ledger, client, id) ?? []) };
}

function clientsAt(answers: readonly PoolsAnswer[], id: string): string[] {
  const clients = answers.flatMap(({ pools }) => pools.filter(({ cluster }) => cluster === id).map(({ client }) => client));
  return [...new Set(clients)];
}

function usesOf(answers: readonly PoolsAnswer[], pod: string | null): ReadonlyMap<string, Use> {
  const uses = new Map<string, Use>();
  for (const { pools } of answers) {
    // Every pool of an endpoint says what is under way there, whoever's.
    const active = new Map<string, number>();
    for (const pool of pools) {
      const key = `${pool.cluster} ${addressKey(pool)}`;
      const use = uses.get(key) ?? { active: 0, connections: 0, waiting: 0 };
      uses.set(key, use);
      active.set(key, pool.active);
      if (pod !== null && pool.client !== pod) continue;
      use.connections += pool.open;
      use.waiting += pool.waiting;
    }
    for (const [key, count] of active) (uses.get(key) as Use).active += count;
  }
  return uses;
}
