/** Budgets of two workers as a model: random connections, requests and waiters against the invariants at the budget's head. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Account } from '../../../src/l7/upstream/account.ts';
import { Budget, type IdleHolder, type Waiter } from '../../../src/l7/upstream/budget.ts';
import { Ledger, Resource } from '../../../src/l7/upstream/ledger.ts';

const ENDPOINTS = 2;

/** Who waits or uses a connection at an endpoint. */
class User implements Waiter {
  readonly account: Account;
  readonly home: Home;
  ticket = 0;
  state: 'waiting' | 'busy' | 'gone' = 'waiting';

  constructor(home: Home) {
    this.home = home;
    this.account = home.account;
  }

  onTurn(): void {
    if (this.state !== 'waiting') throw new Error(`served while ${this.state}`);
    this.state = 'busy';
    this.home.busy++;
    this.home.waiting.splice(this.home.waiting.indexOf(this), 1);
  }
}

/** The pool of one worker at one endpoint. */
class Home implements IdleHolder {
  readonly account: Account;
  readonly budget: Budget;
  readonly waiting: User[] = [];
  busy = 0;
  idle = 0;

  constructor(budget: Budget, account: Account) {
    this.budget = budget;
    this.account = account;
  }

  acquire(): User {
    const user = new User(this);
    if (this.idle > 0) {
      this.#takeIdle();
      user.state = 'busy';
      this.busy++;
      return user;
    }
    this.waiting.push(user);
    if (this.budget.takeConnection(this.account)) user.onTurn();
    else this.budget.wait(user);
    return user;
  }

  cancel(user: User): void {
    user.state = 'gone';
    this.waiting.splice(this.waiting.indexOf(user), 1);
    this.budget.cancel(user);
  }

  release(user: User): void {
    user.state = 'gone';
    this.busy--;
    const [first] = this.waiting;
    const turn = this.budget.turnOf(first ?? null);
    if (turn === 'own' && first !== undefined) {
      this.budget.leave(first);
      first.onTurn();
    } else if (turn === 'nobody') {
      if (++this.idle === 1) this.budget.addHolder(this);
    } else this.budget.giveConnection(this.account);
  }

  broken(user: User): void {
    user.state = 'gone';
    this.busy--;
    this.budget.giveConnection(this.account);
  }

  closeOldest(): void {
    this.#takeIdle();
    this.budget.giveConnection(this.account);
  }

  #takeIdle(): void {
    if (--this.idle === 0) this.budget.removeHolder(this);
  }
}

class World {
  readonly ledgers: Ledger[];
  readonly budgets: Budget[];
  readonly homes: Home[];
  readonly users: User[] = [];
  readonly #row: number;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
    const memory = Ledger.memory(2, 16);
    this.ledgers = [0, 1].map((me) => new Ledger(memory, me));
    const row = (this.#row = this.ledgers.map((ledger) => ledger.attach('cluster'))[0] as number);
    this.budgets = this.ledgers.map(
      (ledger) =>
        new Budget(
          ledger,
          row,
          () => ({ maxConnections: limit }),
          () => {},
          () => 0,
        ),
    );
    this.homes = this.budgets.flatMap((budget, worker) =>
      Array.from({ length: ENDPOINTS }, (_, at) => {
        const ledger = this.ledgers[worker] as Ledger;
        return new Home(budget, new Account(ledger, ledger.attach(`endpoint ${at}`)));
      }),
    );
  }

  get connections(): number {
    return (this.ledgers[0] as Ledger).total(this.#row, Resource.Connections);
  }

  /** All bells are heard. */
  settle(): void {
    for (let round = 0; round < 4; round++) for (const budget of this.budgets) budget.heed();
  }

  check(): void {
    const open = this.homes.reduce((sum, home) => sum + home.busy + home.idle, 0);
    if (open !== this.connections) throw new Error(`${this.connections} counted of ${open}`);
    if (open > this.limit + ENDPOINTS - 1) throw new Error(`${open} connections`);
    const waiting = this.homes.filter((home) => home.waiting.length > 0);
    if (waiting.length > 0 && open < this.limit) throw new Error('somebody waits while a connection may be opened');
    if (waiting.some((home) => home.account.connections === 0)) throw new Error('somebody waits at an endpoint without connections');
    const idle = this.homes.reduce((sum, home) => sum + home.idle, 0);
    if (waiting.length > 0 && idle > 0) throw new Error('somebody waits while a connection is idle');
  }
}

t.test('random use by two workers', async () => {
  const step = fc.constantFrom('acquire', 'acquire', 'acquire', 'release', 'release', 'cancel', 'break');
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(fc.tuple(step, fc.nat()), { maxLength: 80 }), (limit, steps) => {
      const world = new World(limit);
      const some = (state: User['state'], number: number): User | undefined => {
        const users = world.users.filter((user) => user.state === state);
        return users[number % Math.max(1, users.length)];
      };
      for (const [kind, number] of steps) {
        if (kind === 'acquire') world.users.push((world.homes[number % world.homes.length] as Home).acquire());
        const busy = some('busy', number);
        const waiting = some('waiting', number);
        if (kind === 'release' && busy !== undefined) busy.home.release(busy);
        if (kind === 'break' && busy !== undefined) busy.home.broken(busy);
        if (kind === 'cancel' && waiting !== undefined) waiting.home.cancel(waiting);
        world.settle();
        world.check();
      }
      // Everybody is served in the end, and then nothing is counted.
      for (let user = some('busy', 0); user !== undefined; user = some('busy', 0)) {
        user.home.release(user);
        world.settle();
      }
      if (some('waiting', 0) !== undefined) throw new Error('somebody waits for ever');
      for (const home of world.homes) while (home.idle > 0) home.closeOldest();
      if (world.connections !== 0) throw new Error(`${world.connections} are still counted`);
    }),
    { numRuns: 500 },
  );
});

t.test('a worker that has always somebody of its own lets others have their turn', async (t) => {
  const world = new World(1);
  const [here, , there] = world.homes as [Home, Home, Home];
  let mine = here.acquire();
  const other = there.acquire();
  const queue = Array.from({ length: 100 }, () => here.acquire());
  let served = 0;
  while (other.state === 'waiting' && served < 100) {
    here.release(mine);
    served++;
    world.settle();
    mine = queue.find(({ state }) => state === 'busy') ?? mine;
    if (mine.state !== 'busy') break;
  }
  t.equal(other.state, 'busy');
  t.ok(served <= 18, `after ${served} of this worker`);
});
