/** The access logs of all workers: has the lines of their rings written to files, and hands records to collectors. */
import type { Cancel, Clock } from '../../base/clock.ts';
import { LineRing } from '../../base/line-ring.ts';
import type { Log } from '../log.ts';
import { isOtlpSink, providerOfSink } from '../model/compile/index.ts';
import { AccessLogFile } from './access-log-file.ts';
import { type LogRecord, logRecordOf } from './log-record.ts';
import { WorkerRings } from './worker-rings.ts';

/** Names come from MeshConfig: so many are a mistake. */
const MOST_FILES = 64;
/** A ring holds six times what a worker writes meanwhile (140 000 lines a second, of 0.7 KB). More often would cost more than it gains. */
const FLUSH_MS = 25;

export interface AccessLogReport {
  readonly lines: number;
  /** Lines that had no room in a ring. */
  readonly droppedByWorkers: number;
  readonly droppedByFiles: number;
}

/** @param provider key of the exporter. */
type SendRecords = (provider: string, records: readonly LogRecord[]) => void;

export class AccessLogs {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #files = new Map<string, AccessLogFile>();
  /** Of those for collectors. */
  readonly #recordRings: WorkerRings;
  readonly #send: SendRecords;
  /** Records that are not whole. */
  #broken = 0;
  #flushing: Cancel | null = null;

  /** @param send what is for collectors. */
  constructor(clock: Clock, log: Log, send: SendRecords) {
    this.#clock = clock;
    this.#log = log;
    this.#send = send;
    this.#recordRings = new WorkerRings({ clock, take: (lines, sink) => this.#takeRecords(lines, sink) });
  }

  /** A worker writes the lines for a sink there from now on. */
  attach(worker: object, sink: string, memory: SharedArrayBuffer): void {
    if (isOtlpSink(sink)) return this.#recordRings.attach(worker, sink, memory);
    let file = this.#files.get(sink);
    if (file === undefined) {
      // Nobody reads it: it drops what has no room, and counts that.
      if (this.#files.size >= MOST_FILES) return this.#log.warn({ file: sink }, 'there are too many access logs; this one is not written');
      this.#files.set(sink, (file = new AccessLogFile(sink, this.#log)));
    }
    file.attach(worker, new LineRing(memory));
    this.#flushing ??= this.#clock.every(FLUSH_MS, () => this.#flush());
  }

  /** The worker has ended: what it had written is not lost. */
  retire(worker: object): void {
    this.#recordRings.retire(worker);
    for (const file of this.#files.values()) file.retire(worker);
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  report(): AccessLogReport {
    let [lines, droppedByWorkers, droppedByFiles] = [0, this.#recordRings.dropped, this.#broken];
    for (const file of this.#files.values()) {
      lines += file.lines;
      droppedByWorkers += file.droppedByWorkers;
      droppedByFiles += file.dropped;
    }
    return { lines, droppedByWorkers, droppedByFiles };
  }

  async close(): Promise<void> {
    this.#flushing?.();
    this.#recordRings.close();
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }

  #flush(): void {
    for (const file of this.#files.values()) file.flush();
  }

  #takeRecords(lines: readonly Buffer[], sink: string): void {
    const records = lines.map(logRecordOf).filter((record) => record !== null);
    this.#broken += lines.length - records.length;
    this.#send(providerOfSink(sink), records);
  }
}
