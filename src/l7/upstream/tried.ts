/**
 * What a request has tried, as far as its policy for retries minds: endpoints that are passed over if there are others, and priorities
 * that are. The latter are left out after every second attempt, and when none is left, all of them count again (Envoy's
 * previous_priorities, with the frequency that Istio gives it).
 */
import type { Endpoint } from './endpoint.ts';
import type { EndpointFilter } from './pick.ts';

const ATTEMPTS = 2;

export class Tried {
  /** Null: they may be chosen again. */
  readonly avoided: Endpoint[] | null;
  readonly #leavesPriorities: boolean;
  #attempted: Endpoint[] = [];
  readonly #priorities = new Set<number>();

  constructor(avoidsEndpoints: boolean, leavesPriorities: boolean) {
    this.avoided = avoidsEndpoints ? [] : null;
    this.#leavesPriorities = leavesPriorities;
  }

  add(endpoint: Endpoint): void {
    this.avoided?.push(endpoint);
    if (!this.#leavesPriorities) return;
    this.#attempted.push(endpoint);
    if (this.#attempted.length % ATTEMPTS !== 0) return;
    for (const { config } of this.#attempted) this.#priorities.add(config.priority ?? 0);
  }

  /** What is left of `filter` (null: everything) without the priorities that were tried; null: none was left out. */
  narrow(filter: EndpointFilter | null): EndpointFilter | null {
    if (this.#priorities.size === 0) return null;
    return { allows: (endpoint) => !this.#priorities.has(endpoint.config.priority ?? 0) && filter?.allows(endpoint) !== false };
  }

  forgetPriorities(): void {
    this.#attempted = [];
    this.#priorities.clear();
  }
}
