import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import type { Span } from '../../../src/l7/tracing/span.ts';
import { SpanLine, spanOf } from '../../../src/l7/tracing/span-line.ts';
import { writeSpan } from './write-span.ts';

/** Characters of all widths, and those that JSON escapes. */
const text = fc.string({ unit: fc.constantFrom('a', '/', ' ', '"', '\\', '\n', '\u007f', 'é', '€', '😀', '\ud800'), maxLength: 2000 });
const id = fc.stringMatching(/^[0-9a-f]{15}[1-9a-f]$/);

const span: fc.Arbitrary<Span> = fc.record({
  traceId: fc.oneof(
    id,
    fc.tuple(id, id).map(([high, low]) => high + low),
  ),
  spanId: id,
  parentId: fc.oneof(fc.constant(''), id),
  kind: fc.constantFrom('client' as const, 'server' as const),
  name: text,
  service: text,
  startMs: fc.integer({ min: 0, max: 2 ** 41 }).map((thousandths) => thousandths / 8),
  durationMs: fc.nat(1000).map((eighths) => eighths / 8 + 1),
  tags: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c"', 'error'), text), { minLength: 1, maxLength: 8 }),
  failed: fc.boolean(),
});

t.test('a span is read as it was written, and of tags with one name the last one counts', async () => {
  const line = new SpanLine();
  fc.assert(
    fc.property(span, (told) => {
      writeSpan(line, told);
      const bytes = line.bytes.subarray(0, line.length);
      if (bytes.indexOf('\n') !== bytes.length - 1) throw new Error('it is no line');
      const read = JSON.parse(bytes.toString()) as { readonly tags: object };
      const wanted = JSON.parse(JSON.stringify(Object.fromEntries(told.tags))) as object;
      t.strictSame(read.tags, wanted);
      const { tags: _tags, failed: _failed, ...others } = spanOf(bytes.subarray(0, -1));
      const { tags: _told, failed: _fails, ...rest } = told;
      t.strictSame(others, { ...rest, startMs: Math.round(told.startMs * 1000) / 1000 });
    }),
  );
});
