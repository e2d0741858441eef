/** A place in the queue of a client's budget. */
import type { Account } from './account.ts';
import type { Waiter } from './budget.ts';

export class Place<U> implements Waiter {
  readonly account: Account;
  readonly user: U;
  ticket = 0;
  readonly #take: (place: Place<U>) => void;

  constructor(account: Account, user: U, take: (place: Place<U>) => void) {
    this.account = account;
    this.user = user;
    this.#take = take;
  }

  onTurn(): void {
    this.#take(this);
  }
}
