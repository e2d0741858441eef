/**
 * The place of one connection that is not a pool's, within the limits of its client.
 *
 *     begin ──▶ waits ──its turn──▶ pending ──established──▶ held ──free──▶ free
 *        └ false: too many wait         └───────────free───────────▶ free
 */
import type { Account } from './account.ts';
import type { Budget, Waiter } from './budget.ts';
import type { Endpoint } from './endpoint.ts';
import type { Guard } from './guards.ts';

export class Slot implements Waiter {
  readonly account: Account;
  ticket = 0;
  readonly #budget: Budget;
  readonly #ready: () => void;
  #state: 'new' | 'waiting' | 'pending' | 'held' | 'free' = 'new';

  /** @param ready the connection may be opened: called once, by `begin` or later. */
  constructor(guard: Guard, endpoint: Endpoint, ready: () => void) {
    this.account = guard.account(endpoint);
    this.#budget = guard.budget;
    this.#ready = ready;
  }

  /** @returns whether the connection is opened now, or when it is its turn. */
  begin(): boolean {
    if (!this.#budget.takePending()) return false;
    if (this.#budget.takeConnection(this.account)) this.onTurn();
    else {
      this.#state = 'waiting';
      this.#budget.wait(this);
    }
    return true;
  }

  onTurn(): void {
    this.#state = 'pending';
    this.#ready();
  }

  established(): void {
    if (this.#state !== 'pending') return;
    this.#state = 'held';
    this.#budget.givePending();
  }

  free(): void {
    const state = this.#state;
    this.#state = 'free';
    if (state === 'waiting' || state === 'pending') this.#budget.givePending();
    if (state === 'waiting') this.#budget.cancel(this);
    if (state === 'pending' || state === 'held') this.#budget.giveConnection(this.account);
  }
}
