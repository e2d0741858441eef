/** The loads. Each says something about a proxy that the others do not. */
import type { Load } from './load.ts';

export interface Cell {
  readonly name: string;
  readonly describes: string;
  readonly load: Omit<Load, 'warm'>;
}

export const CELLS: readonly Cell[] = [
  { name: 'sat', describes: 'saturated, 64 connections, 100-byte answers', load: { conns: 64, secs: 2 } },
  { name: 'open5k', describes: '5000 requests/s, open loop, 64 connections', load: { conns: 64, rate: 5000, secs: 2.5 } },
  { name: 'open20k', describes: '20000 requests/s, open loop, 64 connections', load: { conns: 64, rate: 20_000, secs: 2 } },
  { name: 'body10k', describes: 'saturated, 16 connections, 10 KB answers', load: { conns: 16, resp: 10_240, secs: 1.5 } },
  { name: 'body1m', describes: 'saturated, 8 connections, 1 MB answers', load: { conns: 8, resp: 1_048_576, secs: 1.5 } },
  { name: 'churn', describes: 'a connection for each request, 16 at a time', load: { conns: 16, churn: 1, secs: 2 } },
];

/** Not a load: how much memory a connection takes on which nothing happens. */
export const IDLE_CELL = { name: 'idle', describes: '10000 connections that have had one request each, and rest', conns: 10_000 } as const;
