/**
 * Writes to the API server what users should see of the agent: a mark on each pod of the node that is enrolled or asks to be, Events and
 * conditions on objects that have problems. It compares what is written with what should be, so that nothing is written twice, and an
 * agent that starts writes what changed while there was none.
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import type { PodReport } from '../enroll/reconciler.ts';
import type { Log } from '../log.ts';
import type { LocalPod } from '../model/compile/index.ts';
import type { PodMarks } from '../model/own-marks.ts';
import type { Problem } from '../model/problem.ts';
import { Pace } from '../sources/kubernetes/pace.ts';
import { type ApiCalls, expected } from './api-calls.ts';
import { Leadership } from './leadership.ts';
import { ObjectStatus } from './object-status.ts';
import { marksOf, patchOf, sameMarks } from './pod-status.ts';
import { WriteQueue } from './write-queue.ts';

/** Changes come in bursts. */
const GATHER_MS = 500;
/** A pod that starts has no processes for a while: that it is not captured yet is no news. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 5000;
const EVENTS_AGAIN_MS = 30 * 60_000;
const LEASE_NAME = 'nodeway-status';

export interface StatusWriterOptions {
  readonly api: ApiCalls;
  readonly clock: Clock;
  /** As Math.random. */
  readonly random: () => number;
  readonly log: Log;
  readonly nodeName: string;
  readonly agentNamespace: string;
  readonly version: string;
  /** Whether captured pods are annotated as those of Istio's ambient mode. */
  readonly ambientAnnotation: boolean;
  readonly localPods: () => readonly LocalPod[];
  readonly captures: () => readonly PodReport[];
  readonly problems: () => readonly Problem[];
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue: WriteQueue;
  readonly #leadership: Leadership;
  readonly #objects: ObjectStatus;
  /** By pod: what was put into the queue and is not seen on it yet. */
  readonly #sent = new Map<string, PodMarks>();
  /** By pod: since when it is not captured although it should be. */
  readonly #since = new Map<string, number>();
  #stops: Cancel[] = [];
  #planned: Cancel | null = null;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const { api, clock, random, log, nodeName, agentNamespace } = options;
    this.#queue = new WriteQueue({ clock, log, pace: new Pace(clock, random) });
    this.#leadership = new Leadership({
      ...{ api, clock, random, log, namespace: agentNamespace, name: LEASE_NAME },
      identity: `${nodeName}_${random().toString(36).slice(2, 10)}`,
      onLead: () => {
        this.#objects.takeOver();
        this.changed();
      },
    });
    this.#objects = new ObjectStatus({ api, clock, nodeName, queue: this.#queue, leads: () => this.#leadership.leads });
  }

  start(): void {
    const { clock } = this.#options;
    this.#leadership.start();
    this.#stops = [clock.every(LOOK_MS, () => this.#markPods()), clock.every(EVENTS_AGAIN_MS, () => this.#objects.again())];
  }

  /** Something may be different. */
  changed(): void {
    this.#planned ??= this.#options.clock.after(GATHER_MS, () => {
      this.#planned = null;
      this.#markPods();
      this.#objects.update(this.#options.problems());
    });
  }

  async stop(): Promise<void> {
    this.#planned?.();
    for (const stop of this.#stops) stop();
    await Promise.all([this.#queue.stop(), this.#leadership.stop()]);
  }

  #markPods(): void {
    const { clock, version: agent, ambientAnnotation: ambient, localPods, captures } = this.#options;
    const states = new Map(captures().map((report) => [report.key, report]));
    const pods = localPods().filter(({ fromCluster }) => fromCluster);
    for (const pod of pods) {
      const { phase = 'absent', error = '' } = states.get(pod.key) ?? {};
      const captured = phase === 'captured';
      const isLate = this.#isLate(pod, captured);
      const marks = marksOf(pod, { captured, error: isLate ? error : '' }, { agent, ambient }, clock.now());
      if (marks !== undefined) this.#mark(pod, marks);
    }
    const known = new Set(pods.map(({ key, uid }) => `${key} ${uid}`));
    for (const map of [this.#sent, this.#since]) for (const key of map.keys()) if (!known.has(key)) map.delete(key);
  }

  #isLate(pod: LocalPod, captured: boolean): boolean {
    const key = `${pod.key} ${pod.uid}`;
    const now = this.#options.clock.monotonic();
    if (captured) this.#since.delete(key);
    else if (!this.#since.has(key)) this.#since.set(key, now);
    return now - (this.#since.get(key) ?? now) >= PATIENCE_MS;
  }

  #mark(pod: LocalPod, marks: PodMarks): void {
    const key = `${pod.key} ${pod.uid}`;
    const sent = this.#sent.get(key);
    if (sameMarks(marks, pod.marks)) {
      this.#sent.delete(key);
      return;
    }
    if (sent !== undefined && sameMarks(sent, marks)) return;
    this.#sent.set(key, marks);
    this.#queue.put(`Pod ${pod.key}`, (stop) => this.#patch(pod, marks, stop));
  }

  /** By its status, which the right to write is the smallest that lets metadata be written. */
  async #patch(pod: LocalPod, marks: PodMarks, stop: AbortSignal): Promise<void> {
    const [namespace, name] = pod.key.split('/') as [string, string];
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    const contentType = 'application/merge-patch+json';
    const answer = await this.#options.api.call({ method: 'PATCH', path, body: patchOf(pod, marks), contentType }, stop);
    expected(answer, 200, 404, 409);
  }
}
