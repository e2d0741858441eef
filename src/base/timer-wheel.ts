/**
 * A hashed timer wheel: arming and disarming cost O(1) and allocate nothing, so a request may carry a timeout
 * without touching the event loop's own timers.
 *
 * Invariants (test/base/timer-wheel.test.ts):
 *  1. a timer never fires early, and fires at the first `advance` whose time is at or past its deadline;
 *  2. a disarmed timer never fires, also when it is disarmed by another timer of the same tick;
 *  3. `nextDelay` never exceeds the time to the nearest deadline.
 */

const SLOTS = 1024;
const TICK_MS = 4;

/** A timer that is owned by whoever waits for it and may be armed again and again. */
export class Timer {
  /** Milliseconds on the wheel's clock; meaningful only while armed. */
  deadline = 0;
  /** @internal slot list links; `slot` is -1 while the timer is not armed. */
  slot = -1;
  /** @internal */
  next: Timer | null = null;
  /** @internal */
  previous: Timer | null = null;
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }

  get armed(): boolean {
    return this.slot >= 0;
  }
}

export class TimerWheel {
  readonly #slots: (Timer | null)[] = new Array<Timer | null>(SLOTS).fill(null);
  #count = 0;
  #now: number;
  /** The last tick whose slot has been looked at. */
  #tick: number;

  /** @param now milliseconds on a monotonic clock, the same that `advance` gets. */
  constructor(now: number) {
    this.#now = now;
    this.#tick = Math.floor(now / TICK_MS);
  }

  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#count;
  }

  /** Fires `timer` once, `delayMs` from now (rounded up to the wheel's 4 ms tick); moves it if it is armed already. */
  arm(timer: Timer, delayMs: number): void {
    if (timer.slot >= 0) this.disarm(timer);
    timer.deadline = this.#now + Math.max(0, delayMs);
    const tick = Math.max(this.#tick + 1, Math.ceil(timer.deadline / TICK_MS));
    const slot = tick % SLOTS;
    const head = this.#slots[slot] ?? null;
    timer.slot = slot;
    timer.previous = null;
    timer.next = head;
    if (head !== null) head.previous = timer;
    this.#slots[slot] = timer;
    this.#count++;
  }

  disarm(timer: Timer): void {
    if (timer.slot < 0) return;
    if (timer.previous !== null) timer.previous.next = timer.next;
    else this.#slots[timer.slot] = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.slot = -1;
    timer.next = timer.previous = null;
    this.#count--;
  }

  /** Moves the clock to `now` and fires what is due. Costs a comparison when no tick has passed. */
  advance(now: number): void {
    this.#now = now;
    const target = Math.floor(now / TICK_MS);
    if (target <= this.#tick) return;
    if (this.#count === 0) {
      this.#tick = target;
      return;
    }
    const first = Math.max(this.#tick + 1, target - SLOTS + 1);
    this.#tick = target;
    for (let tick = first; tick <= target; tick++) this.#expire(tick % SLOTS, now);
  }

  /** Milliseconds until something may be due, at most `limit`; a whole turn of the wheel bounds the look-ahead. */
  nextDelay(limit: number): number {
    if (this.#count === 0) return limit;
    const ahead = Math.min(SLOTS, Math.ceil(limit / TICK_MS) + 1);
    for (let k = 1; k <= ahead; k++) {
      if (this.#slots[(this.#tick + k) % SLOTS] !== null) {
        return Math.min(limit, Math.max(0, (this.#tick + k) * TICK_MS - this.#now));
      }
    }
    return limit;
  }

  #expire(slot: number, now: number): void {
    // A fired timer may arm or disarm others of this slot, so start over after each one that fires.
    let timer = this.#slots[slot] ?? null;
    while (timer !== null) {
      if (timer.deadline <= now) {
        this.disarm(timer);
        timer.fire();
        timer = this.#slots[slot] ?? null;
      } else {
        timer = timer.next;
      }
    }
  }
}
