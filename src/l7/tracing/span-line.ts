/**
 * Spans on their way to the control thread: a line of Zipkin's JSON, version 2 (https://zipkin.io/zipkin-api/), for each. A collector of
 * Zipkin's gets it as it is; other protocols read it again.
 */
import type { Span } from './span.ts';

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

const FIRST_BYTES = 4096;
const LINE_END = 0x0a;
const QUOTE = 0x22;
/** What a character takes at most, escaped: `\\uxxxx`. */
const MOST_BYTES = 6;
/** 1 for characters that JSON writes as they are. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) => (code >= 0x20 && code < 0x7f && code !== QUOTE && code !== 0x5c ? 1 : 0));

/** A span as its line, written as bytes: texts, or an object for JSON.stringify, would leave more garbage than all else of a request. */
export class SpanLine {
  /** One line, up to `length`, with its end. */
  bytes = Buffer.allocUnsafe(FIRST_BYTES);
  length = 0;

  write(span: Span): void {
    this.length = 0;
    this.#text('{"traceId":');
    this.#quoted(span.traceId);
    this.#field(',"id":', span.spanId);
    if (span.parentId !== '') this.#field(',"parentId":', span.parentId);
    this.#field(',"kind":', span.kind === 'client' ? 'CLIENT' : 'SERVER');
    this.#field(',"name":', span.name);
    this.#text(',"timestamp":');
    this.#text(String(Math.round(span.startMs * 1000)));
    this.#text(',"duration":');
    this.#text(String(Math.max(1, Math.round(span.durationMs * 1000))));
    this.#field(',"localEndpoint":{"serviceName":', span.service);
    this.#text('},"tags":{');
    this.#tags(span.tags);
    this.#text('}}');
    this.bytes[this.length++] = LINE_END;
  }

  /** Of tags with one name the last one counts. */
  #tags(tags: Span['tags']): void {
    let isFirst = true;
    for (let i = 0; i < tags.length; i++) {
      const [key, value] = tags[i]!;
      if (comesAgain(tags, i, key)) continue;
      if (!isFirst) this.#text(',');
      isFirst = false;
      this.#quoted(key);
      this.#field(':', value);
    }
  }

  #field(before: string, value: string): void {
    this.#text(before);
    this.#quoted(value);
  }

  #quoted(text: string): void {
    this.#reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (PLAIN[code] !== 1) return this.#escaped(text);
      bytes[at++] = code;
    }
    bytes[at++] = QUOTE;
    this.length = at;
  }

  #escaped(text: string): void {
    this.length += this.bytes.write(JSON.stringify(text), this.length);
  }

  /** ASCII that JSON writes as it is. */
  #text(text: string): void {
    this.#reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Room for so many characters, between quotes, and for the end of the line. */
  #reserve(characters: number): void {
    const most = this.length + MOST_BYTES * characters + 3;
    if (most <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * most);
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

function comesAgain(tags: Span['tags'], index: number, key: string): boolean {
  for (let i = index + 1; i < tags.length; i++) if (tags[i]![0] === key) return true;
  return false;
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
