/**
 * A virtual host: its routes, of which the first that matches wins, found without looking at all of them. The object stays while its
 * record does; its routes are replaced as a whole, with everything else of a configuration (src/base/epoch.ts).
 */
import { exact } from '../../base/exact.ts';
import { change, current, settled, upcoming, type Changing, type Epoch, type Held } from '../../base/epoch.ts';
import { TargetForm, type Head } from '../message/head.ts';
import { PathIndex } from './path-index.ts';
import type { Route, Scheme } from './route.ts';

/** Up to this many routes, looking at each is quicker than the index. */
const FEW = 8;
const NO_ROUTES: never[] = [];
const NO_LEASE = { release: () => {} };

/** Routes in order. They may be added in several steps before the list is looked at. */
export class RouteList<A> {
  readonly name: string;
  routes: Route<A>[] = NO_ROUTES;
  readonly #lease: { release(): void };
  #index: PathIndex | null = null;

  /** @param lease what the routes hold, given back when they are no longer looked at. */
  constructor(name: string, lease: { release(): void } = NO_LEASE) {
    this.name = name;
    this.#lease = lease;
  }

  /** It has all its routes. */
  seal(): void {
    this.routes = exact(this.routes);
  }

  dispose(): void {
    this.#lease.release();
  }

  add(route: Route<A>): void {
    if (this.routes === NO_ROUTES) this.routes = [route];
    else this.routes.push(route);
    if (this.#index === null) {
      if (this.routes.length <= FEW) return;
      this.#index = new PathIndex();
      for (const known of this.routes) this.#index.add(known.path, known.exactHeaders);
    } else {
      this.#index.add(route.path, route.exactHeaders);
    }
  }

  match(head: Head, scheme: Scheme): Route<A> | null {
    return this.#index === null ? this.#scan(head, scheme) : this.#search(this.#index, head, scheme);
  }

  #scan(head: Head, scheme: Scheme): Route<A> | null {
    const { routes } = this;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i] as Route<A>;
      if (route.matches(head, scheme)) return route;
    }
    return null;
  }

  #search(index: PathIndex, head: Head, scheme: Scheme): Route<A> | null {
    index.begin(head);
    for (let i = index.next(); i >= 0; i = index.next()) {
      const route = this.routes[i] as Route<A>;
      if (route.matches(head, scheme)) return route;
    }
    return null;
  }
}

export class VirtualHost<A> implements Changing {
  readonly id: string;
  readonly #epoch: Epoch;
  #held: Held<RouteList<A>>;
  /** What the last commit has replaced. */
  #old: RouteList<A> | null = null;

  constructor(id: string, list: RouteList<A>, epoch: Epoch) {
    this.id = id;
    this.#held = list;
    this.#epoch = epoch;
  }

  get name(): string {
    return current(this.#held, this.#epoch).name;
  }

  get routes(): readonly Route<A>[] {
    return current(this.#held, this.#epoch).routes;
  }

  match(head: Head, scheme: Scheme): Route<A> | null {
    // CONNECT has no path; as in Envoy, routes that know nothing of it do not match it.
    if (head.form === TargetForm.Authority) return null;
    return current(this.#held, this.#epoch).match(head, scheme);
  }

  /** @returns whether the host is to be settled now, and was not before. */
  replace(list: RouteList<A>): boolean {
    const before = upcoming(this.#held);
    const first = this.#old === null;
    this.#held = change(this.#held, list, this.#epoch);
    if (this.#epoch.direct || !first) {
      before.dispose();
      return false;
    }
    this.#old = before;
    return true;
  }

  settle(): boolean {
    this.#held = settled(this.#held, this.#epoch);
    this.#old?.dispose();
    this.#old = null;
    return true;
  }

  /** Gives back everything; nobody finds this host any more. */
  dispose(): void {
    this.settle();
    upcoming(this.#held).dispose();
  }
}
