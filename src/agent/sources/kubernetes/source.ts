/**
 * The API server as a source: one reflector for each resource. The source has reported everything when each of them has; one that is
 * not allowed to read holds that up, since rules that are missing may be those that forbid something.
 */
import type { Clock } from '../../../base/clock.ts';
import type { ObjectSink, ObjectSource } from '../../model/sink.ts';
import { ApiClient } from './api-client.ts';
import type { ApiAccess } from './access.ts';
import { ServerHealth } from './health.ts';
import { Pace } from './pace.ts';
import { Reflector } from './reflector.ts';
import { type Extent, resourcesOf } from './resources.ts';

export interface KubernetesOptions extends Extent {
  readonly access: ApiAccess;
  readonly clock: Clock;
  readonly userAgent: string;
  /** As Math.random. */
  readonly random: () => number;
}

export class KubernetesSource implements ObjectSource {
  readonly name = 'kubernetes';
  readonly #options: KubernetesOptions;
  readonly #stop = new AbortController();
  #runs: readonly Promise<void>[] = [];

  constructor(options: KubernetesOptions) {
    this.#options = options;
  }

  /** Does not wait for the server, which may be away. */
  async start(sink: ObjectSink): Promise<void> {
    const { access, clock, userAgent, random } = this.#options;
    const client = new ApiClient(access, clock, userAgent);
    const health = new ServerHealth(sink, client.server);
    const resources = resourcesOf(this.#options);
    let left = resources.length;
    const onSettled = (): void => {
      if (--left === 0) sink.synced();
    };
    this.#runs = resources.map((resource) => {
      const pace = new Pace(clock, random);
      return new Reflector({ resource, client, sink, health, clock, pace, random, onSettled }, this.#stop.signal).run();
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#runs);
  }
}
