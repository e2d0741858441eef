/**
 * A file that lines of access logs go to, or the agent's own output. They are written from where the workers put them, in one write for
 * all that a worker has; while one is under way, what comes stays in the workers' rings. A disk that is full or slow delays nobody: rings
 * that are full drop lines, and what a file cannot take is dropped here. Both are counted.
 *
 *     closed ──flush──▶ opening ──▶ idle ──flush──▶ writing ──all──▶ idle
 *        ▲                │ fails                     │ fails: what waits is dropped
 *        └────────────────┴───────────────────────────┘
 *
 * Invariants (test/agent/telemetry/access-logs.test.ts):
 *  1. lines of one worker are written once, whole and in their order;
 *  2. what a worker wrote before it was retired is written;
 *  3. what cannot be written is counted, and holds up nothing.
 */
import { close, open, write } from 'node:fs';
import { messageOf } from '../../base/errors.ts';
import type { LineRing } from '../../base/line-ring.ts';
import type { Log } from '../log.ts';

const STDOUT = '/dev/stdout';
const STDERR = '/dev/stderr';
const MODE = 0o644;
const LINE_END = 0x0a;

export class AccessLogFile {
  /** Lines that were lost here. */
  dropped = 0;
  readonly #path: string;
  readonly #log: Log;
  readonly #rings = new Map<object, LineRing>();
  /** Of workers that have ended; those that are empty go. */
  readonly #ended = new Set<LineRing>();
  #endedLines = 0;
  #endedDrops = 0;
  #fd = -1;
  #isBusy = false;
  /** A line in the agent's log for each time that it goes wrong, not for each line. */
  #isBroken = false;
  /** The last write ended within a line. */
  #isTorn = false;
  #reopen = false;
  #closing: (() => void) | null = null;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  attach(worker: object, ring: LineRing): void {
    this.#rings.set(worker, ring);
  }

  /** The worker has ended: what it had written is not lost. */
  retire(worker: object): void {
    const ring = this.#rings.get(worker);
    if (ring !== undefined) this.#ended.add(ring);
    this.#rings.delete(worker);
  }

  /** Lines that were written, or wait. */
  get lines(): number {
    return this.#sources().reduce((sum, ring) => sum + ring.lines, this.#endedLines) - this.dropped;
  }

  /** Lines that had no room in a ring. */
  get droppedByWorkers(): number {
    return this.#sources().reduce((sum, ring) => sum + ring.dropped, this.#endedDrops);
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#isBusy) return;
    const waits = this.#sources().some((ring) => ring.ready > 0);
    if (this.#reopen || (this.#fd < 0 && waits)) this.#open();
    else if (waits) this.#write();
    else this.#closing?.();
  }

  /** The file was rotated away: the next lines go to one of the same name. */
  reopen(): void {
    this.#reopen = true;
  }

  /** Writes the rest. */
  close(): Promise<void> {
    return new Promise((done) => {
      this.#closing = () => {
        this.#closing = null;
        if (this.#fd > 2) close(this.#fd, () => done());
        else done();
      };
      this.flush();
    });
  }

  #sources(): LineRing[] {
    return [...this.#ended, ...this.#rings.values()];
  }

  #open(): void {
    this.#isBusy = true;
    const old = this.#fd;
    this.#reopen = false;
    const opened = (fd: number): void => {
      if (old > 2) close(old, () => {});
      this.#fd = fd;
      this.#isBusy = false;
      this.flush();
    };
    if (this.#path === STDOUT) return opened(1);
    if (this.#path === STDERR) return opened(2);
    open(this.#path, 'a', MODE, (error, fd) => {
      if (error === null) opened(fd);
      else this.#failed(error);
    });
  }

  #write(): void {
    this.#isBusy = true;
    const sources = this.#sources().map((ring) => ({ ring, left: ring.ready }));
    if (!this.#isTorn) return this.#writeNext(sources);
    this.#isTorn = false;
    write(this.#fd, Buffer.of(LINE_END), (error) => {
      if (error === null) this.#writeNext(sources);
      else this.#failed(error);
    });
  }

  /** What comes while this is under way is for the next time: many small writes would cost more than they gain. */
  #writeNext(sources: readonly Source[]): void {
    const source = sources.find(({ left }) => left > 0);
    if (source === undefined) return this.#written();
    const piece = source.ring.piece();
    const bytes = piece.length > source.left ? piece.subarray(0, source.left) : piece;
    write(this.#fd, bytes, (error, written) => {
      if (error !== null) return this.#failed(error);
      this.#isTorn = bytes[written - 1] !== LINE_END;
      source.left -= written;
      source.ring.taken(written);
      this.#writeNext(sources);
    });
  }

  #written(): void {
    if (this.#isBroken) this.#log.info({ file: this.#path }, 'an access log is written again');
    this.#isBroken = this.#isBusy = this.#isTorn = false;
    this.#forgetEmpty();
    if (this.#closing !== null) this.flush();
  }

  #forgetEmpty(): void {
    for (const ring of this.#ended) {
      if (ring.ready > 0) continue;
      this.#endedLines += ring.lines;
      this.#endedDrops += ring.dropped;
      this.#ended.delete(ring);
    }
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#isBusy = false;
    // A pipe whose reader is slow, and which somebody has made non-blocking.
    if (error.code === 'EAGAIN' && this.#closing === null) return;
    for (const ring of this.#sources()) ring.read(() => this.dropped++);
    this.#forgetEmpty();
    if (!this.#isBroken)
      this.#log.warn({ file: this.#path, error: messageOf(error) }, 'an access log cannot be written; lines are dropped');
    this.#isBroken = true;
    this.#reopen = true;
    this.#closing?.();
  }
}

interface Source {
  readonly ring: LineRing;
  /** Bytes that are still to be written in this round. */
  left: number;
}
