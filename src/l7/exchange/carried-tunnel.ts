/** A tunnel of which at least one side has no connection to hand out: its bytes are carried as those of the two bodies. */
import type { DetachedConnection, Downstream } from '../message/stream.ts';
import type { Attempt } from './attempt.ts';
import type { ExchangeTimers } from './exchange-timers.ts';

interface TunnelledExchange {
  timeoutMs: number;
  readonly down: Downstream;
  onData(bytes: Uint8Array, start: number, end: number): void;
}

/** @param upstream the server's connection, where it is a whole one. */
export function carryTunnel(
  exchange: TunnelledExchange,
  timers: ExchangeTimers,
  attempt: Attempt,
  upstream: DetachedConnection | null,
): void {
  exchange.timeoutMs = 0;
  timers.disarm();
  if (upstream !== null) attempt.carry(upstream);
  exchange.down.openTunnel();
  const early = upstream?.early ?? null;
  if (early !== null) exchange.onData(early, 0, early.length);
}
