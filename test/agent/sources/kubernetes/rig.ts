/** A source between an API double and a store, with time turned by hand. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Cancel } from '../../../../src/base/clock.ts';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import type { ApiAccess } from '../../../../src/agent/sources/kubernetes/access.ts';
import { pathOf, resourcesOf } from '../../../../src/agent/sources/kubernetes/resources.ts';
import { KubernetesSource } from '../../../../src/agent/sources/kubernetes/source.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { ApiDouble, type ApiObject, type Asked } from './api-double.ts';

const EXTENT = { nodeName: 'n1', settingsNamespaces: ['istio-system', 'nodeway-system'] };
export const SERVICES = '/api/v1/services';
export const PODS = '/api/v1/pods';
export const CONFIG_MAPS = '/api/v1/configmaps';
export const RULES = '/apis/networking.istio.io/v1/virtualservices';
export const POLICIES = '/apis/networking.istio.io/v1/destinationrules';
export const BETA_RULES = '/apis/networking.istio.io/v1beta1/virtualservices';

/** Only ends a test that hangs. */
const PATIENCE_MS = 60_000;
/** What passes on the clock between two looks of a test that waits. */
const STEP_MS = 250;
/** Waits are never as long as a limit of silence, by which these are told apart. */
const RANDOM = 0.99;

/** How long a server may be silent: before an answer and in a list, and in a watch. */
export const ANSWER_MS = 30_000;
export const WATCH_MS = 150_000;

/** Limits of silence count where a test says so. Elsewhere a busy machine would look like a silent server. */
class RigClock extends ManualClock {
  readonly #limits: ReadonlySet<number>;

  constructor(limits: readonly number[]) {
    super();
    this.#limits = new Set(limits);
  }

  override after(delayMs: number, task: () => void): Cancel {
    const isLimit = delayMs === ANSWER_MS || delayMs === WATCH_MS;
    return isLimit && !this.#limits.has(delayMs) ? () => {} : super.after(delayMs, task);
  }
}

export const service = (name: string, port = 80): ApiObject => ({
  metadata: { name, namespace: 'a' },
  spec: { ports: [{ name: 'http', port }] },
});
export const rule = (name: string): ApiObject => ({
  metadata: { name, namespace: 'a' },
  spec: { hosts: [name], http: [{ route: [{ destination: { host: name } }] }] },
});

export class Rig {
  readonly api: ApiDouble;
  readonly clock: ManualClock;
  readonly store = new ObjectStore();
  readonly source: KubernetesSource;
  /** Every report of a problem without object, '' where it was taken back. */
  readonly told: string[] = [];
  /** Kinds in the order in which their lists were complete. */
  readonly listed: string[] = [];

  constructor(api: ApiDouble, access: ApiAccess, limits: readonly number[] = []) {
    this.api = api;
    this.clock = new RigClock(limits);
    const options = { access, clock: this.clock, userAgent: 'test', random: () => RANDOM, ...EXTENT };
    this.source = new KubernetesSource(options);
  }

  async start(): Promise<void> {
    const sink = this.store.contribute(this.source.name);
    await this.source.start({
      ...sink,
      listed: (type) => {
        sink.listed(type);
        this.listed.push(type.kind);
      },
      problem: (subject, problems) => {
        const before = this.problems().join();
        sink.problem(subject, problems);
        if (this.problems().join() !== before) this.told.push(problems[0]?.message ?? '');
      },
    });
  }

  problems(): string[] {
    return this.store.problems().map(({ message }) => message);
  }

  services(): string[] {
    return this.store
      .list('Service')
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  rules(): string[] {
    return this.store
      .list('VirtualService')
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  lists(path: string): Asked[] {
    return this.api.asked.filter((asked) => asked.path === path && !asked.isWatch);
  }

  watches(path: string): Asked[] {
    return this.api.asked.filter((asked) => asked.path === path && asked.isWatch);
  }

  /** Waits while time stands still. */
  until(what: string, condition: () => boolean): Promise<void> {
    return this.#until(what, condition, () => {});
  }

  /** Waits while time goes on. */
  untilLater(what: string, condition: () => boolean): Promise<void> {
    return this.#until(what, condition, () => this.clock.advance(STEP_MS));
  }

  async #until(what: string, condition: () => boolean, pass: () => void): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
      await delay(2);
      pass();
    }
  }
}

/** Every resource in its first version. */
export async function openDouble(t: Test): Promise<ApiDouble> {
  const api = new ApiDouble(resourcesOf(EXTENT).map((resource) => pathOf(resource, resource.versions[0] ?? '')));
  await api.open();
  t.teardown(() => api.close());
  return api;
}

interface RigOptions {
  readonly access?: (api: ApiDouble) => ApiAccess;
  /** That count. */
  readonly limits?: readonly number[];
}

/** @param prepare before the source starts. */
export async function openRig(t: Test, prepare: (api: ApiDouble) => void = () => {}, options: RigOptions = {}): Promise<Rig> {
  const api = await openDouble(t);
  prepare(api);
  const anonymous = { server: api.url, options: async () => ({ headers: {} }), renew: () => {} };
  const rig = new Rig(api, options.access?.(api) ?? anonymous, options.limits);
  t.teardown(async () => {
    await rig.source.stop();
    if (rig.clock.pending > 0) throw new Error(`${rig.clock.pending} tasks are still planned`);
  });
  await rig.start();
  return rig;
}
