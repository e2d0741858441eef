/**
 * A file that lines of access logs go to, or the agent's own output. What is written is in flight once; what comes meanwhile waits, up
 * to MOST_WAITING bytes. More is dropped and counted in lines: a disk that is full or slow delays nobody.
 */
import { close, open, write } from 'node:fs';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../log.ts';

const MOST_WAITING = 4 << 20;
const STDOUT = '/dev/stdout';
const STDERR = '/dev/stderr';
const MODE = 0o644;

export class LogFile {
  lines = 0;
  dropped = 0;
  readonly #path: string;
  readonly #log: Log;
  #fd = -1;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #waitingLines = 0;
  #isWriting = false;
  /** A line in the agent's log for each time that it goes wrong, not for each line. */
  #isBroken = false;
  #reopen = false;
  #closing: (() => void) | null = null;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  add(line: Uint8Array): void {
    if (this.#waitingBytes + line.length > MOST_WAITING) {
      this.dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#waitingLines++;
  }

  /** Writes what has been added. */
  flush(): void {
    if (this.#isWriting) return;
    if (this.#reopen || this.#fd < 0) this.#open();
    else if (this.#waiting.length > 0) this.#write();
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
      if (this.#waiting.length === 0 && !this.#isWriting) this.#closing();
      else this.flush();
    });
  }

  #open(): void {
    this.#isWriting = true;
    const old = this.#fd;
    this.#reopen = false;
    const opened = (fd: number): void => {
      if (old > 2) close(old, () => {});
      this.#fd = fd;
      this.#isWriting = false;
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
    const batch = Buffer.concat(this.#waiting);
    const lines = this.#waitingLines;
    this.#waiting = [];
    this.#waitingBytes = this.#waitingLines = 0;
    this.#isWriting = true;
    this.#writeAll(batch, () => {
      this.lines += lines;
      if (this.#isBroken) this.#log.info({ file: this.#path }, 'an access log is written again');
      this.#isBroken = this.#isWriting = false;
      this.flush();
    });
  }

  #writeAll(bytes: Uint8Array, done: () => void): void {
    write(this.#fd, bytes, (error, written) => {
      if (error !== null) this.#failed(error);
      else if (written < bytes.length) this.#writeAll(bytes.subarray(written), done);
      else done();
    });
  }

  #failed(error: Error): void {
    this.dropped += this.#waitingLines;
    this.#waiting = [];
    this.#waitingBytes = this.#waitingLines = 0;
    if (!this.#isBroken)
      this.#log.warn({ file: this.#path, error: messageOf(error) }, 'an access log cannot be written; lines are dropped');
    this.#isBroken = true;
    this.#isWriting = false;
    this.#reopen = true;
    this.#closing?.();
  }
}
