/** Where a connection goes whose bytes are not looked into: by the name that a TLS client asks for, by rules, or to one cluster. */
import { inRange } from '../../base/address-range.ts';
import type { ConnectionRule, DestinationConfig } from '../config/workload.ts';
import type { Runtime, Table } from '../runtime/runtime.ts';
import type { ClusterSlot } from '../upstream/cluster.ts';

export interface RouteGround {
  readonly random: () => number;
  readonly runtime: Runtime;
}

/** Nothing leads anywhere: the connection is refused. */
export const NOWHERE = Symbol('nowhere');

export class ConnectionRoute {
  readonly #destination: DestinationConfig;
  readonly #names: Table | null;

  /** @param names that clients may ask for, whatever the address. */
  constructor(destination: DestinationConfig, names: Table | null) {
    this.#destination = destination;
    this.#names = names;
  }

  /** Whether the name that a TLS client asks for matters. */
  get byName(): boolean {
    return this.#names !== null || this.#destination.rules?.some(({ names }) => names !== undefined) === true;
  }

  /** @param ip where the connection was going. @returns null: to its original destination. */
  slot({ random, runtime }: RouteGround, ip: string, name: Uint8Array | null): ClusterSlot | typeof NOWHERE | null {
    const named = name === null ? undefined : this.#names?.named(name)?.routes[0]?.action;
    if (named?.kind === 'forward') return named.choose(random).slot;
    const { rules } = this.#destination;
    if (rules !== undefined) {
      const rule = ruleFor(rules, ip, name === null ? null : Buffer.from(name).toString('latin1').toLowerCase());
      return rule === null ? NOWHERE : runtime.slot(choose(rule, random));
    }
    const cluster = this.#destination.to === 'cluster' ? this.#destination.cluster : this.#destination.opaque;
    return cluster === undefined ? null : runtime.slot(cluster);
  }
}

/** As Envoy matches its filter chains: the narrowest range first, then the most exact name; of equals the first. */
function ruleFor(rules: readonly ConnectionRule[], ip: string, name: string | null): ConnectionRule | null {
  let best: ConnectionRule | null = null;
  let bestScore = -1;
  for (const rule of rules) {
    const bits = rule.ranges === undefined ? 0 : widthOf(rule.ranges, ip);
    const letters = rule.names === undefined ? 0 : fit(rule.names, name);
    if (bits < 0 || letters < 0) continue;
    const score = bits * MAX_LETTERS + letters;
    if (score > bestScore) [best, bestScore] = [rule, score];
  }
  return best;
}

/** More than a name has, with one more for an exact one. */
const MAX_LETTERS = 1024;

function widthOf(ranges: readonly string[], ip: string): number {
  return ranges.reduce(
    (widest, range) => (inRange(ip, range) ? Math.max(widest, Number(range.slice(range.indexOf('/') + 1)) + 1) : widest),
    -1,
  );
}

/** How much of the name the best pattern says; -1: none fits. */
function fit(patterns: readonly string[], name: string | null): number {
  if (name === null) return -1;
  return patterns.reduce((best, pattern) => {
    if (!pattern.startsWith('*')) return pattern === name ? MAX_LETTERS - 1 : best;
    return name.length >= pattern.length && name.endsWith(pattern.slice(1)) ? Math.max(best, pattern.length) : best;
  }, -1);
}

/** One destination gets everything, whatever its weight. */
function choose({ destinations }: ConnectionRule, random: () => number): string {
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  let point = (random() / 2 ** 32) * total;
  for (const { cluster, weight } of destinations) {
    point -= weight;
    if (point < 0) return cluster;
  }
  return destinations.at(-1)?.cluster ?? '';
}
