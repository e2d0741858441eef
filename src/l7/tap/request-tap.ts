/**
 * Tells the control thread of single requests: always of those that failed or were slow, and of others while somebody taps. They go
 * into a ring in shared memory, so a worker waits for nobody, and at a bounded rate; what is beyond it is counted. A request that is
 * not told costs some comparisons.
 */
import type { LineRing } from '../../base/line-ring.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { isTold, mayConcern, type TapFilter } from './tap-filter.ts';
import type { ToldRequest } from './told-request.ts';

/** Why a request is told. They stand before it in its line, with a space between. */
export const Mark = { Slow: 's', Failed: 'f', Tapped: 't' } as const;

/** A failing service would fill the ring with what says nothing new. */
const KEPT_A_SECOND = 50;
/** What a person or their tools can follow; each costs a worker some 5 µs. */
const TAPPED_A_SECOND = 1000;
/** Marks together, as a number. */
const BIT = { [Mark.Slow]: 1, [Mark.Failed]: 2, [Mark.Tapped]: 4 } as const;

export interface RequestTapMeans {
  /** Where they go; made when the first one is told. */
  readonly open: () => LineRing;
  /** From when on a response's head, or the end where none came, is late; 0: never. */
  readonly slowMs: number;
}

export class RequestTap {
  /** Of those who tap. */
  filters: readonly TapFilter[] = [];
  readonly #means: RequestTapMeans;
  readonly #kept = new Allowance(KEPT_A_SECOND);
  readonly #tapped = new Allowance(TAPPED_A_SECOND);
  #ring: LineRing | null = null;

  constructor(means: RequestTapMeans) {
    this.#means = means;
  }

  /** Whether somebody may want to know of it. */
  concerns({ status, flags, startedAt, answeredAt, endedAt }: ExchangeRecord): boolean {
    if (this.filters.length > 0 || flags !== 0 || status >= 500 || status === 0) return true;
    return this.#isSlow(startedAt, answeredAt, endedAt);
  }

  /** @param tell makes of it what is told. */
  offer(record: ExchangeRecord, tell: () => ToldRequest): void {
    const source = podOf(record.caller);
    const destination = podOf(record.callee);
    const filters = this.filters.filter((filter) => mayConcern(filter, source, destination));
    const marks = this.#marks(record);
    const kept = marks !== 0 && this.#take(this.#kept, record.endedAt);
    if (!kept && filters.length === 0) return;
    const told = tell();
    const tapped = filters.some((filter) => isTold(filter, told)) && this.#take(this.#tapped, record.endedAt);
    if (kept || tapped) this.#write((kept ? marks : 0) | (tapped ? BIT[Mark.Tapped] : 0), told);
  }

  #marks({ status, flags, startedAt, answeredAt, endedAt }: ExchangeRecord): number {
    const failed = flags !== 0 || status >= 500 || status === 0;
    return (failed ? BIT[Mark.Failed] : 0) | (this.#isSlow(startedAt, answeredAt, endedAt) ? BIT[Mark.Slow] : 0);
  }

  #isSlow(startedAt: number, answeredAt: number, endedAt: number): boolean {
    const { slowMs } = this.#means;
    return slowMs > 0 && (answeredAt === 0 ? endedAt : answeredAt) - startedAt >= slowMs;
  }

  #take(allowance: Allowance, now: number): boolean {
    if (allowance.take(now)) return true;
    this.#open().drop();
    return false;
  }

  #write(marks: number, told: ToldRequest): void {
    const text = Buffer.from(`${MARKS[marks] ?? ''} ${JSON.stringify(told)}\n`);
    this.#open().write(text, text.length);
  }

  #open(): LineRing {
    return (this.#ring ??= this.#means.open());
  }
}

/** By marks as bits. */
const MARKS: readonly string[] = Array.from({ length: 8 }, (_, bits) =>
  Object.entries(BIT)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([mark]) => mark)
    .join(''),
);

export function podOf({ namespace, pod }: { readonly namespace: string; readonly pod: string }): string {
  return pod === 'unknown' ? pod : `${namespace}/${pod}`;
}

/** So many a second, and as many at once. */
class Allowance {
  readonly #perSecond: number;
  #left: number;
  #at = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  /** @param now milliseconds. */
  take(now: number): boolean {
    this.#left = Math.min(this.#perSecond, this.#left + (Math.max(0, now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
