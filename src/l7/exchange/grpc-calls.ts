/**
 * A worker's calls of gRPC under way: a long one has its messages counted every five seconds, as by Istio's proxies, and not only when
 * it ends. An idle worker is not woken.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { Transport } from '../transport.ts';
import type { GrpcCall } from './grpc-call.ts';

/** Istio's `tcp_reporting_duration`, which holds for calls as well. */
const REPORT_MS = 5000;

export class GrpcCalls {
  readonly #transport: Transport;
  /** In no order; each call knows its place. A map's tables would refer to each other, and keep calls that are over until all is collected. */
  readonly #open: GrpcCall[] = [];
  readonly #timer = new Timer(() => this.#report());

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** @param report counts the messages since it was called last. */
  begin(call: GrpcCall, report: () => void): void {
    call.report = report;
    call.place = this.#open.push(call) - 1;
    if (!this.#timer.armed) this.#transport.timers.arm(this.#timer, REPORT_MS);
  }

  end(call: GrpcCall): void {
    const { place } = call;
    if (place < 0) return;
    call.place = -1;
    const last = this.#open.pop();
    if (last === undefined || last === call) return;
    this.#open[place] = last;
    last.place = place;
  }

  #report(): void {
    for (const { report } of this.#open) report();
    if (this.#open.length > 0) this.#transport.timers.arm(this.#timer, REPORT_MS);
  }
}
