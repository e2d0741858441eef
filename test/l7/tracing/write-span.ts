/** A span that is known as a whole, written as a line. */
import { readWord } from '../../../src/l7/message/hex.ts';
import type { Span } from '../../../src/l7/tracing/span.ts';
import { type SpanLine, tagStart } from '../../../src/l7/tracing/span-line.ts';
import { TraceContext } from '../../../src/l7/tracing/trace-context.ts';

export function writeSpan(line: SpanLine, { kind, name, startMs, durationMs, service, tags, ...ids }: Span): void {
  line.begin(contextOf(ids), kind);
  line.text(name);
  line.times(startMs, durationMs);
  line.text(service);
  line.tags();
  for (const [index, [key, value]] of tags.entries()) {
    line.raw(tagStart(key, index === 0));
    line.text(value);
  }
  line.end(new Set(tags.map(([key]) => key)).size < tags.length);
}

function contextOf({ traceId, spanId, parentId }: Pick<Span, 'traceId' | 'spanId' | 'parentId'>): TraceContext {
  const context = new TraceContext();
  context.short = traceId.length === 16;
  const words = [traceId.padStart(32, '0'), spanId, parentId.padStart(16, '0')].flatMap((id) => {
    const bytes = Buffer.from(id);
    return Array.from({ length: id.length / 8 }, (_, index) => readWord(bytes, 8 * index));
  });
  [context.a, context.b, context.c, context.d, context.spanHigh, context.spanLow, context.parentHigh, context.parentLow] = words as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return context;
}
