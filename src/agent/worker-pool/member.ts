/** One place in the pool: the thread that fills it now, and what is known of that thread. */
import { Worker } from 'node:worker_threads';
import type { SeriesDefinition } from '../../l7/record/stats.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './protocol.ts';

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

/** A generation of 4 MiB holds what a turn makes; V8's default of three times 16 MiB would be a quarter of the agent's memory. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 6 };

export class Member {
  readonly index: number;
  phase: MemberPhase = 'starting';
  stats: Float64Array | null = null;
  readonly series: SeriesDefinition[] = [];
  /** Version of the snapshot that the worker has confirmed; 0: none. */
  configured = 0;
  /** Listeners that it has confirmed. */
  readonly listening = new Set<number>();
  drained = false;
  readonly #thread: Worker;
  readonly #heartbeat: Int32Array;
  #lastBeat = 0;
  #movedAt: number;
  #cause = '';
  #stopping = false;

  constructor(entry: URL, settings: Omit<WorkerSettings, 'heartbeat'>, now: number, events: MemberEvents) {
    this.index = settings.index;
    this.#movedAt = now;
    const heartbeat = new SharedArrayBuffer(4);
    this.#heartbeat = new Int32Array(heartbeat);
    const workerData: WorkerSettings = { ...settings, heartbeat };
    this.#thread = new Worker(entry, { workerData, name: `worker ${settings.index}`, resourceLimits: RESOURCE_LIMITS });
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

  /** Messages wait in the port until the worker has started. */
  send(message: ToWorker): void {
    if (message.type === 'unlisten') this.listening.delete(message.id);
    this.#thread.postMessage(message);
  }

  /** Milliseconds since the heartbeat moved, or since the thread was made. */
  silence(now: number): number {
    const beat = Atomics.load(this.#heartbeat, 0);
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat;
      this.#movedAt = now;
    }
    return now - this.#movedAt;
  }

  /** Ends a thread that does not answer; the pool hears of it as of any other end. */
  kill(cause: string): void {
    this.#cause ||= cause;
    void this.#thread.terminate();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#thread.terminate();
  }

  #learn(message: FromWorker): void {
    if (message.type === 'started') {
      this.phase = 'running';
      this.stats = new Float64Array(message.stats);
    } else if (message.type === 'series') this.series.push(...message.series);
    else if (message.type === 'configured') this.configured = message.version;
    else if (message.type === 'listening') this.listening.add(message.id);
    else if (message.type === 'drained') this.drained = true;
  }
}
