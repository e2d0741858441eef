/**
 * Where a request stands in its trace: the trace, the span that the next hop is a child of, and whether the trace is kept. Ids are
 * words, because most requests of a mesh are not sampled and none of them should become a string.
 */
import { wordText } from '../message/hex.ts';

/** One object for all requests of a connection: `clear` before each. */
export class TraceContext {
  // The trace's id, 128 bits.
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  /** It came as 64 bits, and goes on as these. */
  short = false;
  /** It came in one `b3` header, and goes on in one. */
  single = false;
  spanHigh = 0;
  spanLow = 0;
  /** Zero: a trace begins here. */
  parentHigh = 0;
  parentLow = 0;
  sampled = false;

  clear(): void {
    this.a = this.b = this.c = this.d = 0;
    this.spanHigh = this.spanLow = this.parentHigh = this.parentLow = 0;
    this.short = this.single = this.sampled = false;
  }

  /** A new trace. The span's id is that of the trace, as Zipkin's tracers do. @param random uniform over 32 bits. */
  begin(random: () => number): void {
    this.a = random() | 0;
    this.b = random() | 0;
    this.c = random() | 0;
    this.d = random() | 1; // never zero: that is no id
    this.spanHigh = this.c;
    this.spanLow = this.d;
    this.parentHigh = this.parentLow = 0;
  }

  /** The span that came is the parent of one that begins here. */
  descend(random: () => number): void {
    this.parentHigh = this.spanHigh;
    this.parentLow = this.spanLow;
    this.spanHigh = random() | 0;
    this.spanLow = random() | 1;
  }

  /** A child of another context's span. */
  childOf(parent: TraceContext, random: () => number): this {
    this.a = parent.a;
    this.b = parent.b;
    this.c = parent.c;
    this.d = parent.d;
    this.short = parent.short;
    this.single = parent.single;
    this.sampled = parent.sampled;
    this.spanHigh = parent.spanHigh;
    this.spanLow = parent.spanLow;
    this.descend(random);
    return this;
  }

  get hasParent(): boolean {
    return this.parentHigh !== 0 || this.parentLow !== 0;
  }

  get traceId(): string {
    const low = wordText(this.c) + wordText(this.d);
    return this.short ? low : wordText(this.a) + wordText(this.b) + low;
  }

  get spanId(): string {
    return wordText(this.spanHigh) + wordText(this.spanLow);
  }

  /** Empty: none. */
  get parentId(): string {
    return this.hasParent ? wordText(this.parentHigh) + wordText(this.parentLow) : '';
  }
}
