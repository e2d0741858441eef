/** A line of an access log for a collector: workers write it as JSON, in the fields of `OTLP_FIELDS`. */
import { LABEL_FIELD, OTLP_FIELDS } from '../model/compile/index.ts';

export interface LogRecord {
  /** Wall clock: when the request came. */
  readonly atMs: number;
  /** Empty: it is not traced. */
  readonly traceId: string;
  /** Of whoever tells of the request; empty: it has no span of its own. */
  readonly spanId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Null: the line is not whole, because it was too long. */
export function logRecordOf(line: Buffer): LogRecord | null {
  let fields: Readonly<Record<string, string | number | null>>;
  try {
    fields = JSON.parse(line.toString()) as typeof fields;
  } catch {
    return null;
  }
  const attributes = Object.entries(fields).flatMap(([key, value]): [string, string][] =>
    key.startsWith(LABEL_FIELD) ? [[key.slice(LABEL_FIELD.length), textOf(value)]] : [],
  );
  return {
    atMs: Date.parse(String(fields[OTLP_FIELDS.time])),
    traceId: String(fields[OTLP_FIELDS.trace] ?? ''),
    spanId: String(fields[OTLP_FIELDS.span] ?? ''),
    body: textOf(fields[OTLP_FIELDS.body]),
    attributes: Object.fromEntries(attributes),
  };
}

/** As a format's text has it. */
function textOf(value: string | number | null | undefined): string {
  return value === null || value === undefined ? '-' : String(value);
}
