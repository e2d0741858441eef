/**
 * Smooth weighted round robin: every endpoint earns its weight at each pick, and the richest one pays for all. A heavy endpoint's turns
 * are spread among the others', and weights may be others at each pick.
 */
import type { Endpoint } from './endpoint.ts';
import type { EndpointFilter } from './pick.ts';

export class Turns {
  readonly #endpoints: readonly Endpoint[];
  readonly #credit: Float64Array;
  #begun = false;

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints;
    this.#credit = new Float64Array(endpoints.length);
  }

  take(weightOf: (endpoint: Endpoint) => number, random: () => number, filter: EndpointFilter | null): Endpoint | null {
    const credit = this.#credit;
    if (!this.#begun) this.#begin(weightOf, random);
    let best = -1;
    let total = 0;
    for (let i = 0; i < credit.length; i++) {
      const endpoint = this.#endpoints[i] as Endpoint;
      if (filter !== null && !filter.allows(endpoint)) continue;
      const weight = weightOf(endpoint);
      total += weight;
      credit[i] = (credit[i] as number) + weight;
      if (best < 0 || (credit[i] as number) > (credit[best] as number)) best = i;
    }
    if (best < 0) return null;
    credit[best] = (credit[best] as number) - total;
    return this.#endpoints[best] as Endpoint;
  }

  /** Each worker starts elsewhere. */
  #begin(weightOf: (endpoint: Endpoint) => number, random: () => number): void {
    this.#begun = true;
    this.#endpoints.forEach((endpoint, i) => (this.#credit[i] = (random() / 2 ** 32) * weightOf(endpoint)));
  }
}
