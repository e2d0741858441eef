import type { Endpoint } from './endpoint.ts';

/** Chooses an endpoint. */
export interface Balancer {
  /** @param hash -1: the request has no key, choose at random. @param random uniform over 32 bits. */
  pick(hash: number, random: () => number): Endpoint | null;
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
