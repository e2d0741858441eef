/**
 * New endpoints get their share little by little (Istio's warmup, Envoy's slow start): what they are weighed with grows from
 * `minimumPercent` to the whole over the time of warming. When all are warm, the balancer behind it chooses.
 */
import type { WarmupConfig } from '../config/cluster.ts';
import type { Endpoint } from './endpoint.ts';
import type { Balancer, EndpointFilter, Odds } from './pick.ts';
import { oddsByWeight } from './odds.ts';
import { Turns } from './turns.ts';

export class Warming implements Balancer {
  readonly #balancer: Balancer;
  readonly #endpoints: readonly Endpoint[];
  readonly #config: WarmupConfig;
  readonly #weightOf: (endpoint: Endpoint) => number;
  readonly #turns: Turns;
  /** When the last one is warm; -1: not known yet. */
  #until = -1;
  #now = 0;
  readonly #warmWeight = (endpoint: Endpoint): number => this.#weightOf(endpoint) * this.#factor(this.#now - endpoint.knownSince);

  constructor(balancer: Balancer, endpoints: readonly Endpoint[], config: WarmupConfig, weightOf: (endpoint: Endpoint) => number) {
    this.#balancer = balancer;
    this.#endpoints = endpoints;
    this.#config = config;
    this.#weightOf = weightOf;
    this.#turns = new Turns(endpoints);
  }

  pick(hash: number, random: () => number, filter: EndpointFilter | null = null, now = 0): Endpoint | null {
    if (this.#until < 0) this.#begin(now);
    if (now >= this.#until) return this.#balancer.pick(hash, random, filter, now);
    this.#now = now;
    return this.#turns.take(this.#warmWeight, random, filter);
  }

  odds(hash: number, filter: EndpointFilter | null, now: number): Odds {
    if (this.#until >= 0 && now >= this.#until) return this.#balancer.odds(hash, filter, now);
    const warmWeight = (endpoint: Endpoint): number =>
      this.#weightOf(endpoint) * (endpoint.knownSince < 0 ? 1 : this.#factor(now - endpoint.knownSince));
    return oddsByWeight(this.#endpoints, warmWeight, filter);
  }

  /** The first time that anybody asks for them, new endpoints are known. Where all are equally new, nobody has to be spared. */
  #begin(now: number): void {
    let oldest = Infinity;
    let newest = -Infinity;
    for (const endpoint of this.#endpoints) {
      if (endpoint.knownSince < 0) endpoint.knownSince = now;
      oldest = Math.min(oldest, endpoint.knownSince);
      newest = Math.max(newest, endpoint.knownSince);
    }
    this.#until = newest > oldest ? newest + this.#config.durationMs : now;
  }

  #factor(age: number): number {
    const { durationMs, minimumPercent, aggression } = this.#config;
    if (age >= durationMs) return 1;
    // Envoy counts in whole seconds, of which the first has begun.
    const part = Math.min(1, Math.max(1, Math.floor(age / 1000)) / (durationMs / 1000));
    return Math.max(minimumPercent / 100, part ** (1 / aggression));
  }
}
