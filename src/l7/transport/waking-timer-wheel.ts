/** A timer wheel whose owner sleeps: it is told about every timer, so that it wakes up also for those armed outside a turn. */
import { type Timer, TimerWheel } from '../../base/timer-wheel.ts';

export class WakingTimerWheel extends TimerWheel {
  readonly #wakeBy: (deadline: number) => void;

  constructor(now: number, wakeBy: (deadline: number) => void) {
    super(now);
    this.#wakeBy = wakeBy;
  }

  override arm(timer: Timer, delayMs: number): void {
    super.arm(timer, delayMs);
    this.#wakeBy(timer.deadline);
  }
}
