/**
 * A hashed timer wheel: arming and disarming cost O(1) and allocate nothing, so a request may carry a timeout
 * without touching the event loop's own timers.
 *
 * Invariants (test/base/timer-wheel.test.ts):
 *  1. a timer never fires early, and fires at the first `advance` whose time is at or past the tick of its deadline; `observe` fires none;
 *  2. a disarmed timer never fires, also when it is disarmed by another timer of the same tick;
 *  3. `nextDelay` never exceeds the time to the tick of the nearest deadline;
 *  4. an exception of a timer leaves `advance`; those that were due with it fire at the next one, whatever its time.
 */

const SLOTS = 1024;
const TICK_MS = 4;

/** Its owner may arm it again and again. */
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
  /** No timer of the slot is due earlier. Most slots hold timers of later turns of the wheel. */
  readonly #earliest = new Float64Array(SLOTS).fill(Infinity);
  #count = 0;
  #now: number;
  /** The tick of `#now`. */
  #tick: number;
  /** The last tick whose slot is done with; behind `#tick` until timers have fired. */
  #done: number;
  /** Nothing is due before this tick. Looking through the slots is for when it has come: the transport asks in every turn. */
  #quietUntil: number;

  /** @param now milliseconds on a monotonic clock, the same that `advance` gets. */
  constructor(now: number) {
    this.#now = now;
    this.#tick = this.#done = this.#quietUntil = Math.floor(now / TICK_MS);
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
    if (timer.deadline < this.#earliest[slot]!) this.#earliest[slot] = timer.deadline;
    if (tick < this.#quietUntil) this.#quietUntil = tick;
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

  /** Moves the clock to `now`. What is due waits for `advance`; timers that are armed meanwhile count from now. */
  observe(now: number): void {
    this.#now = now;
    this.#tick = Math.floor(now / TICK_MS);
  }

  /** Moves the clock to `now` and fires what is due. Costs a comparison when no tick has passed. */
  advance(now: number): void {
    this.observe(now);
    const target = this.#tick;
    if (target <= this.#done) return;
    if (this.#count === 0) {
      this.#done = target;
      return;
    }
    const first = Math.max(this.#done + 1, target - SLOTS + 1);
    for (let tick = first; tick <= target; tick++) {
      this.#expire(tick % SLOTS, now);
      this.#done = tick;
    }
  }

  /** Milliseconds until something may be due, at most `limit`; a whole turn of the wheel bounds the look-ahead. */
  nextDelay(limit: number): number {
    if (this.#count === 0) return limit;
    if (this.#done < this.#tick) return 0;
    if (this.#quietUntil <= this.#tick) this.#quietUntil = this.#nextTick();
    return Math.min(limit, Math.max(0, this.#quietUntil * TICK_MS - this.#now));
  }

  #nextTick(): number {
    for (let tick = this.#tick + 1; tick <= this.#tick + SLOTS; tick++) {
      const slot = tick % SLOTS;
      if (this.#slots[slot] !== null && this.#earliest[slot]! <= tick * TICK_MS) return tick;
    }
    return this.#tick + SLOTS;
  }

  #expire(slot: number, now: number): void {
    if (this.#earliest[slot]! > now) return;
    // A fired timer may arm or disarm others of this slot, so start over after each one that fires.
    let timer = this.#slots[slot] ?? null;
    let earliest = Infinity;
    while (timer !== null) {
      if (timer.deadline <= now) {
        this.disarm(timer);
        timer.fire();
        timer = this.#slots[slot] ?? null;
        earliest = Infinity;
      } else {
        earliest = Math.min(earliest, timer.deadline);
        timer = timer.next;
      }
    }
    this.#earliest[slot] = earliest;
  }
}
