/** The spans of a worker: written as lines into rings, one for each provider. A flood is cut off: it is counted, and nothing waits for it. */
import type { LineRing } from '../../base/line-ring.ts';
import { CustomTags, type TagNames } from './custom-tags.ts';
import { SpanLine } from './span-line.ts';

export interface SpanLogMeans {
  /** Where the spans for a provider go; made when its first span is over. */
  readonly open: (provider: string) => LineRing;
  /** Wall clock in milliseconds of a time on the transport's clock. */
  readonly wall: (ticks: number) => number;
  /** Milliseconds on the transport's clock, in which exchanges keep their times. */
  readonly ticks: () => number;
  /** Counts a span that is not handed out. */
  readonly dropped: () => void;
}

export class SpanLog {
  /** Within WINDOW_MS. */
  static readonly MOST = 512;
  static readonly WINDOW_MS = 100;
  /** Of one span at a time: whoever has room for one writes it, and then adds it. */
  readonly line = new SpanLine();
  readonly #means: SpanLogMeans;
  readonly #rings = new Map<string, LineRing>();
  readonly #customTags = new WeakMap<TagNames, CustomTags>();
  #windowEnds = 0;
  #left = SpanLog.MOST;

  constructor(means: SpanLogMeans) {
    this.#means = means;
  }

  /** Whether there is room for another one: else it need not be made. */
  get open(): boolean {
    const now = this.#means.ticks();
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + SpanLog.WINDOW_MS;
      this.#left = SpanLog.MOST;
    }
    if (this.#left > 0) return true;
    this.#means.dropped();
    return false;
  }

  wall(ticks: number): number {
    return this.#means.wall(ticks);
  }

  /** The tags of a policy, which are made for its first span. */
  customTags(policy: TagNames): CustomTags {
    let tags = this.#customTags.get(policy);
    if (tags === undefined) this.#customTags.set(policy, (tags = new CustomTags(policy)));
    return tags;
  }

  /** The span that stands in `line`. */
  add(provider: string): void {
    this.#left--;
    const { line } = this;
    let ring = this.#rings.get(provider);
    if (ring === undefined) this.#rings.set(provider, (ring = this.#means.open(provider)));
    if (!ring.write(line.bytes, line.length)) this.#means.dropped();
  }
}
