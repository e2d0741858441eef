/** What a client uses of a cluster that limits or watches it, read from the ledger for people. Plain data; nothing is changed. */
import { Account } from './account.ts';
import type { OutlierConfig } from '../config/cluster.ts';
import { accountKey, guardKey } from './guards.ts';
import { Fact, type Ledger, Resource } from './ledger.ts';
import { longestEjection } from './outliers.ts';

/** Counts over all workers. */
export interface ClientUse {
  /** Key of the pod, or `gateway`. */
  readonly client: string;
  readonly connections: number;
  readonly pending: number;
  readonly requests: number;
  readonly retries: number;
  /** Endpoints. */
  readonly ejected: number;
}

/** Null: nobody counts. */
export function clientUse(ledger: Ledger, client: string, cluster: string): ClientUse | null {
  const row = ledger.find(guardKey(client, cluster));
  if (row < 0) return null;
  return {
    client,
    connections: ledger.total(row, Resource.Connections),
    pending: ledger.total(row, Resource.Pending),
    requests: ledger.total(row, Resource.Requests),
    retries: ledger.total(row, Resource.Retries),
    ejected: Math.max(0, ledger.fact(row, Fact.Ejected)),
  };
}

export interface Ejection {
  /** For how many milliseconds more, at least: a sweep ends it. */
  readonly leftMs: number;
}

export interface EjectedEndpoint {
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
}

/** Null: the client may use it. @param now on the workers' clock. */
export function ejectionOf(
  ledger: Ledger,
  client: string,
  { cluster, address, port }: EjectedEndpoint,
  outliers: OutlierConfig,
  now: number,
): Ejection | null {
  const row = ledger.find(accountKey(guardKey(client, cluster), address, port));
  const account = row < 0 ? null : new Account(ledger, row);
  if (account === null || !account.isEjected) return null;
  return { leftMs: Math.max(0, account.ejectedFor(Math.floor(now) | 0, outliers.baseEjectionMs, longestEjection(outliers))) };
}
