/** Istio's TCP counters of the connections that are passed through: every five seconds, as in Istio's proxies, and when they end. */
import { Timer } from '../../base/timer-wheel.ts';
import type { PeerSeries } from '../record/peer-series.ts';
import type { TunnelBytes } from '../tcp/tunnel.ts';
import type { Transport } from '../transport.ts';

/** Istio's `tcp_reporting_duration`. */
const REPORT_MS = 5000;

/** One open connection: what has passed, and how much of that was counted. */
export class TcpCount {
  readonly #series: readonly PeerSeries[];
  readonly #bytes: () => TunnelBytes;
  #sent = 0;
  #received = 0;

  /** @param bytes that have passed so far: `forward` from the client, `backward` to it. */
  constructor(series: readonly PeerSeries[], bytes: () => TunnelBytes) {
    this.#series = series;
    this.#bytes = bytes;
  }

  report({ forward, backward }: TunnelBytes = this.#bytes()): void {
    for (const one of this.#series) one.tcpBytes(backward - this.#sent, forward - this.#received, 0);
    this.#sent = backward;
    this.#received = forward;
  }

  opened(): void {
    for (const one of this.#series) one.tcp('opened_total', 0);
  }

  closed(bytes: TunnelBytes): void {
    this.report(bytes);
    for (const one of this.#series) one.tcp('closed_total', 0);
  }
}

/** Those of a worker. An idle worker is not woken. */
export class TcpCounts {
  readonly #transport: Transport;
  readonly #open = new Set<TcpCount>();
  readonly #timer = new Timer(() => this.#report());

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  open(count: TcpCount): void {
    count.opened();
    this.#open.add(count);
    if (!this.#timer.armed) this.#transport.timers.arm(this.#timer, REPORT_MS);
  }

  close(count: TcpCount, bytes: TunnelBytes): void {
    this.#open.delete(count);
    count.closed(bytes);
  }

  #report(): void {
    for (const count of this.#open) count.report();
    if (this.#open.size > 0) this.#transport.timers.arm(this.#timer, REPORT_MS);
  }
}
