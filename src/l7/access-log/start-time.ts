/** When requests came, as lines say it. Many come within one millisecond, and nearly all within the second of the one before. */
import { logTimePattern, type TimePattern, timeText } from '../message/time-text.ts';
import type { Line } from './line.ts';
import type { LogPlace } from './log-entry.ts';

const SECOND = 1000;

export class StartTime {
  readonly #wall: LogPlace['wall'];
  #ticks = -1;
  /** Milliseconds since the epoch. */
  #at = 0;
  #second = -1;
  /** Up to the fraction of the second. */
  #text = '';
  readonly #format: TimePattern | null;

  /** @param format of a user's; else it is RFC 3339. */
  constructor({ wall }: LogPlace, format?: string) {
    this.#wall = wall;
    this.#format = format === undefined ? null : logTimePattern(format);
  }

  /** @param ticks on the transport's clock. @param most characters of it; 0: all. */
  write(line: Line, slot: number, ticks: number, most: number): void {
    if (ticks !== this.#ticks) this.#find(ticks);
    if (most === 0 && this.#format === null) return line.time(slot, this.#text, this.#at - this.#second * SECOND);
    const text = this.#format === null ? new Date(this.#at).toISOString() : timeText(this.#format, this.#at);
    line.text(slot, most === 0 ? text : text.slice(0, most));
  }

  #find(ticks: number): void {
    this.#ticks = ticks;
    this.#at = Math.trunc(this.#wall(ticks));
    const second = Math.floor(this.#at / SECOND);
    if (second === this.#second) return;
    this.#second = second;
    this.#text = new Date(second * SECOND).toISOString().replace(/\d{3}Z$/, '');
  }
}
