/** Istio's TCP counters of the connections that are passed through: every five seconds, or as a Telemetry says, and when they end. */
import { Timer } from '../../base/timer-wheel.ts';
import type { PeerSeries } from '../record/peer-series.ts';
import type { TunnelBytes } from '../tcp/tunnel.ts';
import type { Transport } from '../transport.ts';

/** Istio's `tcp_reporting_duration`. */
const REPORT_MS = 5000;

/** One open connection: what has passed, and how much of that was counted. */
export class TcpCount {
  readonly reportMs: number;
  readonly #series: readonly PeerSeries[];
  readonly #bytes: () => TunnelBytes;
  #sent = 0;
  #received = 0;

  /**
   * @param bytes that have passed so far: `forward` from the client, `backward` to it.
   * @param reportMs between two reports; 0: Istio's.
   */
  constructor(series: readonly PeerSeries[], bytes: () => TunnelBytes, reportMs = 0) {
    this.reportMs = reportMs || REPORT_MS;
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

/** Those that are reported together. */
class Round {
  readonly counts = new Set<TcpCount>();
  readonly timer: Timer;

  constructor(report: (round: Round) => void) {
    this.timer = new Timer(() => report(this));
  }
}

/** Those of a worker. An idle worker is not woken. */
export class TcpCounts {
  readonly #transport: Transport;
  /** By the time between two reports. */
  readonly #rounds = new Map<number, Round>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  open(count: TcpCount): void {
    const { reportMs } = count;
    count.opened();
    let round = this.#rounds.get(reportMs);
    if (round === undefined) this.#rounds.set(reportMs, (round = new Round((own) => this.#report(own, reportMs))));
    round.counts.add(count);
    if (!round.timer.armed) this.#transport.timers.arm(round.timer, reportMs);
  }

  close(count: TcpCount, bytes: TunnelBytes): void {
    this.#rounds.get(count.reportMs)?.counts.delete(count);
    count.closed(bytes);
  }

  #report(round: Round, reportMs: number): void {
    for (const count of round.counts) count.report();
    if (round.counts.size > 0) this.#transport.timers.arm(round.timer, reportMs);
    else this.#rounds.delete(reportMs);
  }
}
