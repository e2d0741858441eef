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
  readonly #open = new Map<GrpcCall, () => void>();
  readonly #timer = new Timer(() => this.#report());

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** @param report counts the messages since it was called last. */
  begin(call: GrpcCall, report: () => void): void {
    this.#open.set(call, report);
    if (!this.#timer.armed) this.#transport.timers.arm(this.#timer, REPORT_MS);
  }

  end(call: GrpcCall): void {
    this.#open.delete(call);
  }

  #report(): void {
    for (const report of this.#open.values()) report();
    if (this.#open.size > 0) this.#transport.timers.arm(this.#timer, REPORT_MS);
  }
}
