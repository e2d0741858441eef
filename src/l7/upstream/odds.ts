/** How probable it is that each endpoint is picked next, for people: a balancer says so without picking. */
import type { Endpoint } from './endpoint.ts';
import type { EndpointFilter, Odds } from './pick.ts';

export const NO_ODDS: Odds = new Map();

/** Those that may be picked, each by its weight. */
export function oddsByWeight(
  endpoints: readonly Endpoint[],
  weightOf: (endpoint: Endpoint) => number,
  filter: EndpointFilter | null,
): Odds {
  const allowed = endpoints.filter((endpoint) => !endpoint.removed && (filter === null || filter.allows(endpoint)));
  const total = allowed.reduce((sum, endpoint) => sum + weightOf(endpoint), 0);
  return total === 0 ? NO_ODDS : new Map(allowed.map((endpoint) => [endpoint, weightOf(endpoint) / total]));
}

/** Of two that are drawn at random the less busy one; of equally busy ones the first. */
export function oddsOfLessBusy(endpoints: readonly Endpoint[], filter: EndpointFilter | null): Odds {
  const allowed = endpoints.filter((endpoint) => !endpoint.removed && (filter === null || filter.allows(endpoint)));
  const pairs = allowed.length ** 2;
  const odds = allowed.map((endpoint) => {
    const asFirst = allowed.filter((other) => other.active >= endpoint.active).length;
    const asSecond = allowed.filter((other) => other.active > endpoint.active).length;
    return [endpoint, (asFirst + asSecond) / pairs] as const;
  });
  return new Map(odds);
}

/** Of parts that are chosen among first. */
export function mixedOdds(parts: readonly (readonly [share: number, odds: () => Odds])[]): Odds {
  const mixed = new Map<Endpoint, number>();
  const total = parts.reduce((sum, [share]) => sum + share, 0);
  for (const [share, odds] of parts) {
    if (share === 0) continue;
    for (const [endpoint, chance] of odds()) mixed.set(endpoint, (mixed.get(endpoint) ?? 0) + (share / total) * chance);
  }
  return mixed;
}

/** The one that a key leads to. */
export function certain(endpoint: Endpoint | null): Odds {
  return endpoint === null ? NO_ODDS : new Map([[endpoint, 1]]);
}
