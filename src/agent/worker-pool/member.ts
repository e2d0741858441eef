/** One place in the pool: the thread that fills it now, and what is known of that thread. */
import { Worker } from 'node:worker_threads';
import { takenMemory } from '../../datapath/original-destinations.ts';
import type { Question } from '../../l7/question.ts';
import type { TapFilter } from '../../l7/tap/tap-filter.ts';
import type { PackedDelta } from '../../l7/packed/packed-delta.ts';
import { Feed } from './feed.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './protocol.ts';
import { StuckWatch, waitedForProcessor } from './stuck-watch.ts';
import { Vitals } from './vitals.ts';

/**
 *     starting --started--> running --exit--> gone
 *         \______________exit_______________/
 */
export type MemberPhase = 'starting' | 'running' | 'gone';

export interface MemberEvents {
  onMessage(member: Member, message: FromWorker): void;
  /** The thread has ended; `cause` is empty when it was asked to. */
  onGone(member: Member, cause: string): void;
}

/** A generation of 2 MiB holds what a turn makes; V8's default of three times 16 MiB would be a quarter of the agent's memory. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 3 };

export class Member {
  readonly index: number;
  phase: MemberPhase = 'starting';
  stats: Float64Array | null = null;
  /** Version of the snapshot that the worker has confirmed; 0: none. */
  configured = 0;
  /** Version up to which it looks at nothing that came before. */
  settled = 0;
  /** Listeners that it has confirmed. */
  readonly listening = new Set<number>();
  drained = false;
  /** The original destinations that the worker took last. */
  readonly taken = takenMemory();
  readonly #thread: Worker;
  readonly #vitals = new Vitals();
  readonly #feed = new Feed((message) => this.#post(message));
  #lastBeat = 0;
  #movedAt: number;
  readonly #stuck: StuckWatch;
  #cause = '';
  #stopping = false;

  constructor(entry: URL, settings: Omit<WorkerSettings, 'vitals' | 'taken'>, now: number, events: MemberEvents) {
    this.index = settings.index;
    this.#movedAt = now;
    const name = `worker ${settings.index}`;
    this.#stuck = new StuckWatch(() => waitedForProcessor(name));
    const workerData: WorkerSettings = { ...settings, vitals: this.#vitals.memory, taken: this.taken };
    this.#thread = new Worker(entry, { workerData, name, resourceLimits: RESOURCE_LIMITS });
    this.#thread.on('message', (message: FromWorker) => {
      this.#learn(message);
      events.onMessage(this, message);
    });
    this.#thread.on('error', (error: Error) => (this.#cause ||= error.stack ?? error.message));
    this.#thread.on('exit', (code) => {
      this.phase = 'gone';
      events.onGone(this, this.#stopping ? '' : this.#cause || `exited with code ${code}`);
    });
  }

  configure(delta: PackedDelta): void {
    this.#feed.configure(delta);
  }

  /** The worker serves it when the configurations before are in effect. */
  listen(message: Extract<ToWorker, { type: 'listen' }>): void {
    this.#feed.post(message);
  }

  unlisten(id: number): void {
    this.listening.delete(id);
    this.#feed.post({ type: 'unlisten', id });
  }

  tap(filters: readonly TapFilter[]): void {
    this.#post({ type: 'tap', filters });
  }

  ask(id: number, question: Question): void {
    this.#post({ type: 'ask', id, question });
  }

  drain(deadlineMs: number): void {
    this.#post({ type: 'drain', deadlineMs });
  }

  /** Seconds: the longest time in the last ones for which the worker attended to nothing else. */
  get longestPause(): number {
    return this.#vitals.longestPause;
  }

  /** Seconds of its own processor time: the most that it did at once for a message or a configuration in the last ones. */
  get longestWork(): number {
    return this.#vitals.longestWork;
  }

  /** Milliseconds since the heartbeat moved, or since the thread was made. */
  silence(now: number): number {
    const beat = this.#vitals.beats;
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat;
      this.#movedAt = now;
    }
    return now - this.#movedAt;
  }

  /** Called regularly. @returns at how many of these calls in succession, up to this one, the heartbeat had not moved; see StuckWatch. */
  check(now: number): number {
    return this.#stuck.check(this.#vitals.beats, now);
  }

  /** Ends a thread that does not answer; the pool is notified as of any other end. */
  kill(cause: string): void {
    this.#cause ||= cause;
    void this.#thread.terminate();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#thread.terminate();
  }

  /** Messages wait in the port until the worker has started. */
  #post(message: ToWorker): void {
    this.#thread.postMessage(message);
  }

  #confirm(version: number): void {
    this.configured = version;
    this.#feed.configured();
  }

  #settle(): void {
    this.settled = this.configured;
    this.#feed.settled();
  }

  #learn(message: FromWorker): void {
    if (message.type === 'started') {
      this.phase = 'running';
      this.stats = new Float64Array(message.stats);
    } else if (message.type === 'taken') this.#feed.taken();
    else if (message.type === 'configured') this.#confirm(message.version);
    else if (message.type === 'settled') this.#settle();
    else if (message.type === 'listening') this.listening.add(message.id);
    else if (message.type === 'drained') this.drained = true;
  }
}
