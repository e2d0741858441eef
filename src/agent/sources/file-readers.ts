/**
 * Threads that read files of manifests beside the control thread: all files at the start, and large ones later. A thread that has
 * nothing to do for a while ends, and its memory with it. A file that ends its thread (it needs more memory than there is) is refused
 * as any that cannot be read; the others are read by the next thread.
 */
import { availableParallelism } from 'node:os';
import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { Cancel, Clock } from '../../base/clock.ts';
import type { DocumentData } from './document-data.ts';
import type { ReaderAnswer, ReaderJob, ReaderSettings } from './reader-thread.ts';

/** More would hardly be faster: what is read has to be taken over by the control thread. */
const MOST_THREADS = 2;
const IDLE_MS = 1000;
/** The young generation is large because nearly all that is made while a file is read is soon garbage. */
const LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: 1024 };

export interface FileRead {
  /** Of the file before it was read. */
  readonly stamp: string;
  readonly error: string | null;
}

interface Job extends ReaderJob {
  readonly take: (documents: readonly DocumentData[]) => boolean;
  readonly done: (read: FileRead) => void;
}

export class FileReaders {
  readonly #clock: Clock;
  readonly #limits: ResourceLimits;
  readonly #threads = new Set<ReaderThread>();
  #jobs = 0;
  #busy = 0;
  #idle: Cancel | null = null;

  /** @param limits of each thread. */
  constructor(clock: Clock, limits: ResourceLimits = LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Reads a file from its beginning to its end. Files that are asked for together are read side by side.
   * @param known hashes of documents that need not be read again.
   * @param take gets the documents in their order; false: nobody wants the rest.
   */
  async read(file: string, known: readonly string[], take: Job['take']): Promise<FileRead> {
    this.#idle?.();
    this.#idle = null;
    this.#busy++;
    const read = await new Promise<FileRead>((done) => this.#thread().add({ id: ++this.#jobs, file, known, take, done }));
    if (--this.#busy === 0) this.#idle = this.#clock.after(IDLE_MS, () => void this.#end());
    return read;
  }

  /** What is being read is read no further, and counts as unreadable. */
  async close(): Promise<void> {
    this.#idle?.();
    await this.#end();
  }

  /** The one that has the least to do. */
  #thread(): ReaderThread {
    const [least] = [...this.#threads].sort((a, b) => a.waiting - b.waiting);
    if (least !== undefined && (least.waiting === 0 || this.#threads.size >= Math.min(MOST_THREADS, availableParallelism()))) return least;
    const thread = new ReaderThread(this.#limits, (left) => {
      this.#threads.delete(thread);
      for (const job of left) this.#thread().add(job);
    });
    this.#threads.add(thread);
    return thread;
  }

  async #end(): Promise<void> {
    const threads = [...this.#threads];
    this.#threads.clear();
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

class ReaderThread {
  /** The first is being read. */
  readonly #jobs: Job[] = [];
  readonly #unwanted = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;
  #cause: string | null = null;
  #ending = false;

  /** @param onGone gets what it has not begun to read. */
  constructor(resourceLimits: ResourceLimits, onGone: (left: readonly Job[]) => void) {
    const workerData: ReaderSettings = { unwanted: this.#unwanted.buffer };
    this.#worker = new Worker(readerEntry(), { workerData, name: 'reader', resourceLimits });
    this.#worker.on('message', (message: ReaderAnswer) => this.#answered(message));
    this.#worker.on('error', (error: Error) => (this.#cause = error.message));
    this.#worker.on('exit', () => {
      const [current, ...left] = this.#jobs.splice(0);
      const error = this.#cause ?? 'the thread that read it has ended';
      if (!this.#ending) onGone(left);
      for (const job of this.#ending ? [current, ...left] : [current]) job?.done({ stamp: '', error });
    });
  }

  get waiting(): number {
    return this.#jobs.length;
  }

  add(job: Job): void {
    this.#jobs.push(job);
    const { id, file, known } = job;
    this.#worker.postMessage({ id, file, known } satisfies ReaderJob);
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }

  #answered(message: ReaderAnswer): void {
    const [job] = this.#jobs;
    if (job === undefined || this.#ending) return;
    if (message.type === 'documents') {
      if (!job.take(message.documents)) Atomics.store(this.#unwanted, 0, job.id);
      return;
    }
    this.#jobs.shift();
    job.done(message);
  }
}

function readerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './reader-thread.ts' : './reader-thread.js', import.meta.url);
}
