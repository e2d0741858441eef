import type { Endpoint } from './endpoint.ts';

/** Chooses an endpoint. */
export interface Balancer {
  /** @param hash -1: the request has no key, choose at random. @param random uniform over 32 bits. */
  pick(hash: number, random: () => number): Endpoint | null;
}

/** An index below `limit`, uniform when `random` is uniform over 32 bits. */
export function indexBelow(limit: number, random: number): number {
  return Math.floor((random / 2 ** 32) * limit);
}
