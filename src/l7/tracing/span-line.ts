/**
 * Spans on their way to the control thread: a line of Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/), for each. A collector of
 * Zipkin's gets it as it is; other protocols read it again.
 */
import { JsonText } from './json-text.ts';
import type { Span } from './span.ts';
import type { TraceContext } from './trace-context.ts';

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: 'CLIENT' | 'SERVER';
  readonly name: string;
  /** Microseconds since the epoch. */
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

const US = 1000;
const LINE_END = Buffer.of(0x0a);
const TRACE_ID = json('{"traceId":"');
const ID = json('","id":"');
const PARENT_ID = json('","parentId":"');
const NAME = { client: json('","kind":"CLIENT","name":"'), server: json('","kind":"SERVER","name":"') };
const TIMESTAMP = json('","timestamp":');
const DURATION = json(',"duration":');
const SERVICE = json(',"localEndpoint":{"serviceName":"');
const TAGS = json('"},"tags":{');
const END = json('"}}\n');

/**
 * What goes between the value of one tag and that of the next one.
 * @param isFirst there is none before it.
 */
export function tagStart(key: string, isFirst = false): Uint8Array {
  return json(`${isFirst ? '' : '",'}${JSON.stringify(key)}:"`);
}

function json(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/**
 * A span as its line, written from its beginning to its end. A string is always open, so that its parts need not be put together before:
 * the name after `begin`, the service after `times`, the value of a tag after its `tagStart`.
 */
export class SpanLine extends JsonText {
  begin(context: TraceContext, kind: Span['kind']): void {
    this.clear();
    this.raw(TRACE_ID);
    if (!context.short) this.#id(context.a, context.b);
    this.#id(context.c, context.d);
    this.raw(ID);
    this.#id(context.spanHigh, context.spanLow);
    if (context.hasParent) {
      this.raw(PARENT_ID);
      this.#id(context.parentHigh, context.parentLow);
    }
    this.raw(NAME[kind]);
  }

  /** @param startMs wall clock, with fractions. */
  times(startMs: number, durationMs: number): void {
    this.raw(TIMESTAMP);
    this.number(Math.round(startMs * US));
    this.raw(DURATION);
    this.number(Math.max(1, Math.round(durationMs * US)));
    this.raw(SERVICE);
  }

  /** Tags follow, at least one. */
  tags(): void {
    this.raw(TAGS);
  }

  /** @param repeats tags may have one name: the last one counts. */
  end(repeats: boolean): void {
    this.raw(END);
    if (!repeats) return;
    const once = json(JSON.stringify(JSON.parse(this.bytes.toString('utf8', 0, this.length))));
    this.clear();
    this.raw(once);
    this.raw(LINE_END);
  }

  #id(high: number, low: number): void {
    this.word(high);
    this.word(low);
  }
}

/** @param line as it was written, without its end. */
export function spanOf(line: Buffer): Span {
  const { traceId, id, parentId = '', kind, name, timestamp, duration, localEndpoint, tags } = JSON.parse(line.toString()) as ZipkinSpan;
  return {
    traceId,
    spanId: id,
    parentId,
    kind: kind === 'CLIENT' ? 'client' : 'server',
    name,
    service: localEndpoint.serviceName,
    startMs: timestamp / 1000,
    durationMs: duration / 1000,
    tags: Object.entries(tags),
    failed: tags['error'] === 'true',
  };
}
