import type { Endpoint } from './endpoint.ts';

/** Which endpoints may be picked now. */
export interface EndpointFilter {
  allows(endpoint: Endpoint): boolean;
}

/** How probable each is, from 0 to 1; those that are not there cannot be picked. */
export type Odds = ReadonlyMap<Endpoint, number>;

/** Chooses an endpoint among those that the filter allows, if there is one. */
export interface Balancer {
  /**
   * @param hash -1: the request has no key, choose at random. @param random uniform over 32 bits.
   * @param filter null: all may be picked. @param now milliseconds.
   */
  pick(hash: number, random: () => number, filter?: EndpointFilter | null, now?: number): Endpoint | null;
  /** What the next `pick` would do. Nothing is changed. */
  odds(hash: number, filter: EndpointFilter | null, now: number): Odds;
}

/** Work in steps: each step takes some microseconds, the result comes with the last. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** An index below `limit`, uniform when `random` is uniform over 32 bits. */
export function indexBelow(limit: number, random: number): number {
  return Math.floor((random / 2 ** 32) * limit);
}

/** Up to so many are drawn before it is looked for one that is allowed. */
const DRAWS = 8;

/** Uniform among those that are allowed and have not been removed, as long as those are not few. */
export function drawAllowed(endpoints: readonly Endpoint[], random: () => number, filter: EndpointFilter | null): Endpoint | null {
  const { length } = endpoints;
  for (let draw = 0; draw < DRAWS && length > 0; draw++) {
    const endpoint = endpoints[indexBelow(length, random())] as Endpoint;
    if (filter === null || filter.allows(endpoint)) return endpoint;
  }
  return length === 0 ? null : firstAllowed(endpoints, indexBelow(length, random()), filter);
}

/** The first one from `from` on, round to its start. */
export function firstAllowed(endpoints: readonly Endpoint[], from: number, filter: EndpointFilter | null): Endpoint | null {
  for (let i = 0; i < endpoints.length; i++) {
    const endpoint = endpoints[(from + i) % endpoints.length] as Endpoint;
    if (!endpoint.removed && (filter === null || filter.allows(endpoint))) return endpoint;
  }
  return null;
}
