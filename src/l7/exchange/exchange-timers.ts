/** The times of an exchange. Most need no timer: they are made when one is armed first. */
import { Timer } from '../../base/timer-wheel.ts';
import type { Transport } from '../transport.ts';

export interface TimedExchange {
  onTimeout(): void;
  /** What it waited for, a stage's delay or the back-off of a retry, is over. */
  onDelayOver(): void;
}

export class ExchangeTimers {
  readonly #timers: Transport['timers'];
  readonly #exchange: TimedExchange;
  #timeout: Timer | null = null;
  #delay: Timer | null = null;

  constructor(timers: Transport['timers'], exchange: TimedExchange) {
    this.#timers = timers;
    this.#exchange = exchange;
  }

  armTimeout(ms: number): void {
    this.#timers.arm((this.#timeout ??= new Timer(() => this.#exchange.onTimeout())), ms);
  }

  armDelay(ms: number): void {
    this.#timers.arm((this.#delay ??= new Timer(() => this.#exchange.onDelayOver())), ms);
  }

  disarm(): void {
    if (this.#timeout !== null) this.#timers.disarm(this.#timeout);
    if (this.#delay !== null) this.#timers.disarm(this.#delay);
  }
}
