/**
 * The API server as a source: one reflector for each resource that every agent reads, and more for what the objects make necessary. The
 * source has reported everything when each of the former has; one that is not allowed to read holds that up, since rules that are
 * missing may be those that forbid something.
 */
import type { Clock } from '../../../base/clock.ts';
import type { Needs } from '../../model/needs.ts';
import type { ObjectType } from '../../model/problem.ts';
import type { ObjectPart, ObjectSink, ObjectSource, SourceReport } from '../../model/sink.ts';
import { Absences } from './absences.ts';
import { ApiClient } from './api-client.ts';
import type { ApiAccess } from './access.ts';
import { ServerHealth } from './health.ts';
import { Pace } from './pace.ts';
import { Reflector } from './reflector.ts';
import { type Extent, type Resource, resourcesOf } from './resources.ts';
import { Scopes } from './scopes.ts';

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
  #reflectors: readonly Reflector[] = [];
  #runs: readonly Promise<void>[] = [];
  #scopes: Scopes | null = null;

  constructor(options: KubernetesOptions) {
    this.#options = options;
  }

  /** Does not wait for the server, which may be away. */
  async start(sink: ObjectSink): Promise<void> {
    const { access, clock, userAgent, random, nodeName } = this.#options;
    const client = new ApiClient(access, clock, userAgent);
    const health = new ServerHealth(sink, client.server);
    const resources = resourcesOf(this.#options);
    let left = resources.length;
    const onSettled = (): void => {
      if (--left === 0) sink.synced();
    };
    const shared = { client, health, absences: new Absences(clock), clock, random };
    const open = (resource: Resource, part: ObjectPart, isDispensable: boolean, settled: () => void, stop: AbortSignal): Reflector => {
      const own = { resource, sink: part, pace: new Pace(clock, random), isDispensable, onSettled: settled };
      return new Reflector({ ...shared, ...own }, stop);
    };
    this.#reflectors = resources.map((resource) => open(resource, sink, false, onSettled, this.#stop.signal));
    this.#runs = this.#reflectors.map((reflector) => reflector.run());
    this.#scopes = new Scopes({
      ...{ sink, nodeName, clock },
      open: (resource, part, settled, stop) => open(resource, part, true, settled, stop),
      onClosed: (name) => health.forget(name),
    });
  }

  require(needs: Needs): Promise<void> | null {
    return this.#stop.signal.aborted ? null : (this.#scopes?.require(needs) ?? null);
  }

  isBehind({ group, kind }: ObjectType): boolean {
    return this.#reflectors.some(({ resource: { type }, isBehind }) => isBehind && type.group === group && type.kind === kind);
  }

  report(): SourceReport[] {
    return [...this.#reflectors.map((reflector) => reflector.report()), ...(this.#scopes?.report() ?? [])];
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#runs, this.#scopes?.stop()]);
  }
}
