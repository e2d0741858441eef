/** The access logs of all workers: takes their lines out of the rings and hands them to the files. */
import type { Cancel, Clock } from '../../base/clock.ts';
import { LogRing } from '../../l7/access-log/log-ring.ts';
import type { Log } from '../log.ts';
import { LogFile } from './log-file.ts';

/** A ring has room for some two thousand lines: forty thousand a second of one worker. */
const READ_MS = 50;
/** Names come from MeshConfig: so many are a mistake. */
const MOST_FILES = 64;

export interface AccessLogReport {
  readonly lines: number;
  /** Lines that had no room in a ring. */
  readonly droppedByWorkers: number;
  readonly droppedByFiles: number;
}

export class AccessLogs {
  readonly #clock: Clock;
  readonly #log: Log;
  /** By worker. */
  readonly #rings = new Map<object, LogRing>();
  readonly #files = new Map<string, LogFile>();
  #reading: Cancel | null = null;
  /** Of workers that have ended. */
  #lost = 0;
  #homeless = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A worker writes there from now on. */
  attach(worker: object, memory: SharedArrayBuffer): void {
    this.#rings.set(worker, new LogRing(memory));
    this.#reading ??= this.#clock.every(READ_MS, () => this.read());
  }

  /** The worker has ended: what it had written is not lost. */
  retire(worker: object): void {
    const ring = this.#rings.get(worker);
    if (ring === undefined) return;
    this.read();
    this.#lost += ring.dropped;
    this.#rings.delete(worker);
  }

  read(): void {
    for (const ring of this.#rings.values()) ring.read((sink, line) => this.#take(sink, line));
    for (const file of this.#files.values()) file.flush();
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  report(): AccessLogReport {
    let [lines, droppedByFiles, droppedByWorkers] = [0, this.#homeless, this.#lost];
    for (const file of this.#files.values()) {
      lines += file.lines;
      droppedByFiles += file.dropped;
    }
    for (const ring of this.#rings.values()) droppedByWorkers += ring.dropped;
    return { lines, droppedByWorkers, droppedByFiles };
  }

  async close(): Promise<void> {
    this.#reading?.();
    this.read();
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }

  #take(sink: string, line: Uint8Array): void {
    let file = this.#files.get(sink);
    if (file === undefined && this.#files.size < MOST_FILES) this.#files.set(sink, (file = new LogFile(sink, this.#log)));
    if (file === undefined) this.#homeless++;
    else file.add(line);
  }
}
