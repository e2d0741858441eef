/**
 * Custom resources that the server does not have. Their definitions are installed together, and their objects refer to each other: a route
 * names the subsets of a DestinationRule. So the first one that has come calls the others, each of which waits up to a minute between looks.
 * One whose objects refer to those of others is taken in when these have looked, so that it does not name what is not known yet.
 */
import type { Clock } from '../../../base/clock.ts';
import { sleep } from '../../../base/sleep.ts';
import { Occasion } from './occasion.ts';

/** Another one's look may fail, or hang. */
const LONGEST_MS = 2000;

export class Absences {
  readonly #clock: Clock;
  /** By name; resolved when it has looked since the latest news, and read what it found. */
  readonly #absent = new Map<string, PromiseWithResolvers<void>>();
  readonly #news = new Occasion();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Aborted when one has come: a look that began before may have missed what has come with it. */
  get news(): AbortSignal {
    return this.#news.next;
  }

  /** @param news those of the time when the look began that did not find it. */
  missing(name: string, news: AbortSignal): void {
    const known = this.#absent.get(name);
    if (known !== undefined && news.aborted) return;
    known?.resolve();
    this.#absent.set(name, Promise.withResolvers());
  }

  /** It is there. Calls the others; resolves when they have looked, or soon. */
  async found(name: string, stop: AbortSignal): Promise<void> {
    this.#news.happens();
    const others = [...this.#absent].flatMap(([other, { promise }]) => (other === name ? [] : [promise]));
    const looked = new AbortController();
    void Promise.all(others).then(() => looked.abort());
    await sleep(this.#clock, LONGEST_MS, AbortSignal.any([stop, looked.signal]));
  }

  /** It was read. */
  listed(name: string): void {
    this.#absent.get(name)?.resolve();
    this.#absent.delete(name);
  }
}
