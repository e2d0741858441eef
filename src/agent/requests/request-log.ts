/**
 * Single requests as workers tell of them: the last ones that failed or were slow, kept, and those that somebody taps, passed on. A tap
 * that is read too slowly loses requests, which are counted, and holds up nobody.
 */
import type { Clock } from '../../base/clock.ts';
import { Mark } from '../../l7/tap/request-tap.ts';
import { isTold, type TapFilter } from '../../l7/tap/tap-filter.ts';
import type { ToldRequest } from '../../l7/tap/told-request.ts';
import { WorkerRings } from '../telemetry/worker-rings.ts';
import { Tap } from './tap.ts';

/** Some 1 KB each. */
const KEPT = 256;
const SPACE = 0x20;
/** Each costs the workers a comparison for each request. */
export const MOST_TAPS = 16;

export type Recent = 'slow' | 'failed';

export interface RequestLogReport {
  readonly taps: number;
  /** Requests that were not told, because they were too many. */
  readonly droppedByWorkers: number;
  /** That a tap was too slow for. */
  readonly droppedByTaps: number;
}

export interface RequestLogMeans {
  readonly clock: Clock;
  /** Called with what all taps want to see, when that has changed. */
  readonly onFilters: (filters: readonly TapFilter[]) => void;
}

export class RequestLog {
  /** Where workers tell. */
  readonly rings: WorkerRings;
  readonly #means: RequestLogMeans;
  /** As JSON, the oldest first. */
  readonly #recent: Readonly<Record<Recent, string[]>> = { slow: [], failed: [] };
  readonly #taps = new Set<Tap>();
  /** Of taps that have ended. */
  #lostByTaps = 0;

  constructor(means: RequestLogMeans) {
    this.#means = means;
    this.rings = new WorkerRings({ clock: means.clock, take: (lines) => lines.forEach((line) => this.#take(line)) });
  }

  /** The last ones of that kind, the newest first. */
  recent(kind: Recent, most = KEPT): ToldRequest[] {
    this.rings.read();
    return this.#recent[kind]
      .slice(-most)
      .toReversed()
      .map((text) => JSON.parse(text) as ToldRequest);
  }

  /** Those that come from now on, until it is closed. Null: too many tap already. */
  tap(filter: TapFilter): Tap | null {
    if (this.#taps.size >= MOST_TAPS) return null;
    const tap: Tap = new Tap(filter, () => {
      if (!this.#taps.delete(tap)) return;
      this.#lostByTaps += tap.dropped;
      this.#tellFilters();
    });
    this.#taps.add(tap);
    this.#tellFilters();
    return tap;
  }

  report(): RequestLogReport {
    let droppedByTaps = this.#lostByTaps;
    for (const tap of this.#taps) droppedByTaps += tap.dropped;
    return { taps: this.#taps.size, droppedByWorkers: this.rings.dropped, droppedByTaps };
  }

  close(): void {
    this.rings.close();
    for (const tap of this.#taps) tap.close();
  }

  #take(line: Buffer): void {
    const space = line.indexOf(SPACE);
    const marks = line.toString('latin1', 0, space);
    const text = line.toString('utf8', space + 1);
    if (marks.includes(Mark.Slow)) keep(this.#recent.slow, text);
    if (marks.includes(Mark.Failed)) keep(this.#recent.failed, text);
    if (!marks.includes(Mark.Tapped) || this.#taps.size === 0) return;
    const told = JSON.parse(text) as ToldRequest;
    for (const tap of this.#taps) if (isTold(tap.filter, told)) tap.add(text);
  }

  #tellFilters(): void {
    this.#means.onFilters([...this.#taps].map(({ filter }) => filter));
  }
}

function keep(list: string[], text: string): void {
  list.push(text);
  if (list.length > KEPT) list.shift();
}
