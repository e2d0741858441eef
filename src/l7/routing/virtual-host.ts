/** A virtual host's routes: the first that matches wins, found without looking at all of them. */
import { TargetForm, type Head } from '../message/head.ts';
import { PathIndex } from './path-index.ts';
import type { Route, Scheme } from './route.ts';

/** Up to this many routes, looking at each is quicker than the index. */
const FEW = 8;

export class VirtualHost<A> {
  readonly name: string;
  readonly routes: readonly Route<A>[];
  readonly #index: PathIndex | null;

  constructor(name: string, routes: readonly Route<A>[]) {
    this.name = name;
    this.routes = routes;
    this.#index = routes.length > FEW ? new PathIndex(routes.map((route) => route.config.match)) : null;
  }

  match(head: Head, scheme: Scheme): Route<A> | null {
    // CONNECT has no path; as in Envoy, routes that know nothing of it do not match it.
    if (head.form === TargetForm.Authority) return null;
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
