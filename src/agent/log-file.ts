/**
 * Where the lines of the log go: stdout, or a file that can be opened again. A full disk, a reader that is gone or one that does not read
 * must neither end the agent nor hold it up: what cannot be written is lost, and counted.
 *
 * Invariants (test/agent/log-file.test.ts):
 *  1. `write` does not throw, and waits for a reader only once until something can be written again;
 *  2. a line that was written in part is ended before the next one.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '../base/errors.ts';

const STDOUT = 1;
/** For how often, and how long each time, a reader that does not keep up is waited for. */
const TRIES = 10;
const TRY_MS = 10;

export class LogFile {
  /** Told when something can be written again: how many lines were lost before, and why the last one. */
  onRecovered: (lost: number, error: string) => void = () => {};
  readonly #path: string;
  readonly #flags: string | number;
  #fd: number;
  #lost = 0;
  #error = '';
  #inLine = false;

  /** @param path empty: stdout. @throws as openSync does. */
  constructor(path: string, flags: string | number = 'a') {
    this.#path = path;
    this.#flags = flags;
    this.#fd = path === '' ? STDOUT : open(path, flags);
  }

  /** @param line with its end. */
  write(line: string): void {
    const bytes = Buffer.from(this.#inLine ? `\n${line}` : line);
    let written = 0;
    for (let waits = this.#lost > 0 ? 0 : TRIES; written < bytes.length;) {
      try {
        written += writeSync(this.#fd, bytes, written);
      } catch (error) {
        if (codeOf(error) === 'EAGAIN' && waits-- > 0) wait();
        else return this.#lose(error, written);
      }
    }
    this.#inLine = false;
    if (this.#lost > 0) this.#recover();
  }

  /** After it was rotated away. What it has stays in use when it cannot be opened again. @throws as openSync does. */
  reopen(): void {
    if (this.#path === '') return;
    const before = this.#fd;
    this.#fd = open(this.#path, this.#flags);
    this.#inLine = false;
    closeSync(before);
  }

  #lose(error: unknown, written: number): void {
    if (written > 0) this.#inLine = true;
    this.#lost++;
    this.#error = messageOf(error);
  }

  #recover(): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.onRecovered(lost, this.#error);
  }
}

function open(path: string, flags: string | number): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, flags);
}

function wait(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_MS);
}
