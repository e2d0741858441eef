/**
 * Which agent of the cluster writes what must be written once. A Lease is the vote, as for Kubernetes' own controllers.
 *
 *     follower ── the lease is nobody's, or was not renewed for its duration ──▶ leader
 *        ▲                                                                         │
 *        └────────── another has it, or it could not be renewed for DEADLINE_MS ───┘
 *
 * Invariants (test/agent/status/leadership.test.ts):
 *  1. two agents do not both lead: one stops before another may take the lease, whatever their clocks say ("a leader that is cut off");
 *  2. times that another agent wrote are only compared with themselves ("clocks that differ");
 *  3. an agent that stops gives the lease back ("the next one takes over").
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { sleep } from '../../base/sleep.ts';
import type { Log } from '../log.ts';
import { type ApiCalls, expected, microTime } from './api-calls.ts';

const DURATION_MS = 30_000;
/** Sooner than others may think that it is gone. */
const DEADLINE_MS = 20_000;
const RENEW_MS = 8_000;
/** An agent that stops does not wait longer for the server. */
const GIVE_BACK_MS = 1000;
/** Of those that do not lead: 5 000 agents are 170 requests a second, a third of what their kubelets' leases are. */
const LEAST_LOOK_MS = 15_000;
const SPREAD_LOOK_MS = 30_000;

interface Lease {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface LeadershipOptions {
  readonly api: ApiCalls;
  readonly clock: Clock;
  /** As Math.random. */
  readonly random: () => number;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Distinct for each run of an agent. */
  readonly identity: string;
  readonly onLead: () => void;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #stop = new AbortController();
  #run: Promise<void> = Promise.resolve();
  /** Until when it leads, by the clock that never steps back. */
  #until = -Infinity;
  /** The lease of another, and since when it is as it is. */
  #seen: { readonly version: string; readonly since: number } | null = null;
  #error = '';

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  get leads(): boolean {
    return this.#options.clock.monotonic() < this.#until;
  }

  start(): void {
    this.#run = this.#loop();
  }

  async stop(): Promise<void> {
    const led = this.leads;
    this.#until = -Infinity;
    this.#stop.abort();
    await this.#run;
    if (led) await this.#giveBack();
  }

  async #loop(): Promise<void> {
    const { clock, random, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#look();
        this.#error = '';
      } catch (error) {
        if (signal.aborted) return;
        const message = messageOf(error);
        if (message !== this.#error) log.warn({ error: message }, 'the lease of those who write status cannot be read or written');
        this.#error = message;
      }
      await sleep(clock, this.leads ? RENEW_MS : LEAST_LOOK_MS + random() * SPREAD_LOOK_MS, signal);
    }
  }

  async #look(): Promise<void> {
    const { api, clock, identity } = this.#options;
    const asked = clock.monotonic();
    const answer = expected(await api.call({ method: 'GET', path: this.#path() }, this.#stop.signal), 200, 404);
    if (answer.status === 404) return this.#take(null, asked);
    const lease = answer.body as Lease;
    const { holderIdentity = '' } = lease.spec ?? {};
    if (holderIdentity === identity || holderIdentity === '') return this.#take(lease, asked);
    this.#until = -Infinity;
    const version = lease.metadata.resourceVersion;
    if (this.#seen?.version !== version) this.#seen = { version, since: asked };
    const lastsMs = (lease.spec?.leaseDurationSeconds ?? DURATION_MS / 1000) * 1000;
    if (asked - this.#seen.since >= lastsMs) await this.#take(lease, asked);
  }

  /** The server lets through one of those who try. */
  async #take(lease: Lease | null, asked: number): Promise<void> {
    const { api, log, identity, onLead } = this.#options;
    const call = lease === null ? { method: 'POST' as const, path: this.#collection() } : { method: 'PUT' as const, path: this.#path() };
    const answer = await api.call({ ...call, body: this.#leaseFor(identity, lease) }, this.#stop.signal);
    if (expected(answer, 200, 201, 409).status === 409) {
      this.#until = -Infinity;
      return;
    }
    const led = this.leads;
    this.#until = asked + DEADLINE_MS;
    if (led) return;
    log.info('this agent writes the status of rules');
    // Whoever is told may ask whether it leads.
    await setImmediate();
    onLead();
  }

  async #giveBack(): Promise<void> {
    const { api, clock } = this.#options;
    const patience = new AbortController();
    const { signal } = patience;
    const cancel = clock.after(GIVE_BACK_MS, () => patience.abort());
    try {
      const answer = expected(await api.call({ method: 'GET', path: this.#path() }, signal), 200);
      const lease = answer.body as Lease;
      if (lease.spec?.holderIdentity !== this.#options.identity) return;
      await api.call({ method: 'PUT', path: this.#path(), body: this.#leaseFor('', lease) }, signal);
    } catch {
      // It expires.
    } finally {
      cancel();
    }
  }

  #leaseFor(holder: string, before: Lease | null) {
    const { clock, namespace, name } = this.#options;
    const now = microTime(clock.now());
    const { acquireTime, leaseTransitions = 0, holderIdentity } = before?.spec ?? {};
    const isNew = holderIdentity !== holder;
    const resourceVersion = before?.metadata.resourceVersion;
    return {
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) },
      spec: {
        ...{ holderIdentity: holder, leaseDurationSeconds: DURATION_MS / 1000, renewTime: now },
        acquireTime: isNew ? now : (acquireTime ?? now),
        leaseTransitions: leaseTransitions + (isNew && before !== null ? 1 : 0),
      },
    };
  }

  #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#options.namespace}/leases`;
  }

  #path(): string {
    return `${this.#collection()}/${this.#options.name}`;
  }
}
