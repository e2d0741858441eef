/**
 * What MeshConfig says of access logs. Those for a collector are lines of JSON on their way through the workers' rings, which the control
 * thread reads again (src/agent/telemetry/log-record.ts).
 */
import type { LogField, LogLine, LogPart } from '../../../l7/config/telemetry.ts';
import { DEFAULT_JSON, DEFAULT_TEXT, parseLogFormat } from '../log-format.ts';
import { type ExporterConfig, logExporterOf, type MeshTelemetryFields } from './mesh-telemetry.ts';

export interface LogProvider {
  readonly sink: string;
  readonly line: LogLine;
}

export interface MeshLogging {
  /** By the provider's name. */
  readonly providers: ReadonlyMap<string, LogProvider>;
  /** Where records of the providers for collectors go, by the provider's name. */
  readonly exporters: ReadonlyMap<string, ExporterConfig>;
  /** Those that write where no Telemetry says anything. */
  readonly byDefault: readonly string[];
  /** What is wrong with `accessLogFormat`, which Istio does not check; null: nothing. */
  readonly fault: string | null;
}

/** Istio's built-in provider, which writes what `accessLogFile` and its like say. */
const ENVOY = 'envoy';
const STDOUT = '/dev/stdout';
/** No path begins like this. */
const OTLP_SINK = '\u0001';
/** What a record is made of, besides its attributes. */
export const OTLP_FIELDS = { time: 'time', trace: 'trace', span: 'span', body: 'body' } as const;
/** Before the name of an attribute. */
export const LABEL_FIELD = 'label ';

export const isOtlpSink = (sink: string): boolean => sink.startsWith(OTLP_SINK);
export const providerOfSink = (sink: string): string => decodeURIComponent(sink.slice(OTLP_SINK.length));
/** Names of sinks have a byte for a character. */
const sinkOfProvider = (name: string): string => OTLP_SINK + encodeURIComponent(name);

export function meshLogging(fields: MeshTelemetryFields): MeshLogging {
  const { accessLogFile = '', accessLogEncoding, accessLogFormat = '', extensionProviders = [], defaultProviders } = fields;
  const own = accessLogEncoding === 'JSON' ? jsonLine(accessLogFormat) : textLine(accessLogFormat);
  const providers = new Map<string, LogProvider>([[ENVOY, { sink: accessLogFile || STDOUT, line: own.line }]]);
  const exporters = new Map<string, ExporterConfig>();
  for (const { name, envoyFileAccessLog, envoyOtelAls } of extensionProviders) {
    if (envoyOtelAls !== undefined) {
      exporters.set(name, logExporterOf(name, envoyOtelAls));
      providers.set(name, { sink: sinkOfProvider(name), line: recordLine(envoyOtelAls.logFormat ?? {}) });
    }
    if (envoyFileAccessLog === undefined) continue;
    const { path, logFormat } = envoyFileAccessLog;
    const line = logFormat?.labels === undefined ? textLine(logFormat?.text ?? '').line : objectLine(logFormat.labels);
    providers.set(name, { sink: path, line });
  }
  const byDefault = defaultProviders?.accessLogging ?? (accessLogFile === '' ? [] : [ENVOY]);
  return { providers, exporters, byDefault: byDefault.filter((name) => providers.has(name)), fault: own.fault };
}

interface Line {
  readonly line: LogLine;
  readonly fault: string | null;
}

/** @param format empty: Istio's. */
function textLine(format: string): Line {
  const parsed = parseLogFormat(format === '' ? DEFAULT_TEXT : format);
  if (parsed.ok) return { line: { kind: 'text', parts: parsed.parts }, fault: null };
  return { ...textLine(''), fault: parsed.fault };
}

/** A JSON object whose values are formats. */
function jsonLine(format: string): Line {
  if (format === '') return { line: objectLine(DEFAULT_JSON), fault: null };
  const labels = labelsOf(format);
  if (labels !== null && Object.values(labels).every((value) => parseLogFormat(value).ok)) return { line: objectLine(labels), fault: null };
  return { line: objectLine(DEFAULT_JSON), fault: 'with accessLogEncoding JSON it must be a JSON object of formats' };
}

function labelsOf(format: string): Record<string, string> | null {
  let value: unknown;
  try {
    value = JSON.parse(format);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string') ? Object.fromEntries(entries) : null;
}

/** The body is text (Istio's by default), labels are attributes. */
function recordLine({
  text = '',
  labels = {},
}: {
  readonly text?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}): LogLine {
  const named = Object.fromEntries(Object.entries(labels).map(([name, format]) => [LABEL_FIELD + name, format]));
  const { time, trace, span, body } = OTLP_FIELDS;
  const formats = { [time]: '%START_TIME%', [trace]: '%TRACE_ID%', [span]: '%SPAN_ID%', [body]: text === '' ? DEFAULT_TEXT : text };
  return objectLine({ ...formats, ...named });
}

function objectLine(labels: Readonly<Record<string, string>>): LogLine {
  const fields = Object.entries(labels).map(([key, format]): LogField => {
    const parsed = parseLogFormat(format);
    const parts: readonly LogPart[] = parsed.ok ? parsed.parts : [];
    return [key, parts];
  });
  return { kind: 'json', fields };
}
