/** The access logs of all workers: takes their lines out of the rings and hands them to files and collectors. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../log.ts';
import { isOtlpSink } from '../model/compile/index.ts';
import { LogFile } from './log-file.ts';
import { type LogRecord, logRecordOf } from './log-record.ts';
import { WorkerRings } from './worker-rings.ts';

/** Names come from MeshConfig: so many are a mistake. */
const MOST_FILES = 64;

export interface AccessLogReport {
  readonly lines: number;
  /** Lines that had no room in a ring. */
  readonly droppedByWorkers: number;
  readonly droppedByFiles: number;
}

export class AccessLogs {
  /** Where workers write. */
  readonly rings: WorkerRings;
  readonly #log: Log;
  readonly #files = new Map<string, LogFile>();
  readonly #send: (records: readonly LogRecord[]) => void;
  /** For collectors, until all rings are read. */
  #records: LogRecord[] = [];
  /** Lines that belong to no file, or are no whole record. */
  #homeless = 0;

  /** @param send what is for collectors. */
  constructor(clock: Clock, log: Log, send: (records: readonly LogRecord[]) => void) {
    this.#log = log;
    this.#send = send;
    this.rings = new WorkerRings({ clock, take: (sink, line) => this.#take(sink, line), onRead: () => this.#flush() });
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  report(): AccessLogReport {
    let [lines, droppedByFiles] = [0, this.#homeless];
    for (const file of this.#files.values()) {
      lines += file.lines;
      droppedByFiles += file.dropped;
    }
    return { lines, droppedByWorkers: this.rings.dropped, droppedByFiles };
  }

  async close(): Promise<void> {
    this.rings.close();
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }

  #take(sink: string, line: Uint8Array): void {
    if (isOtlpSink(sink)) return this.#takeRecord(sink, line);
    let file = this.#files.get(sink);
    if (file === undefined && this.#files.size < MOST_FILES) this.#files.set(sink, (file = new LogFile(sink, this.#log)));
    if (file === undefined) this.#homeless++;
    else file.add(line);
  }

  #takeRecord(sink: string, line: Uint8Array): void {
    const record = logRecordOf(sink, line);
    if (record === null) this.#homeless++;
    else this.#records.push(record);
  }

  #flush(): void {
    if (this.#records.length > 0) this.#send(this.#records.splice(0));
    for (const file of this.#files.values()) file.flush();
  }
}
