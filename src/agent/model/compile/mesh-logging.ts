/** What MeshConfig says of access logs. */
import type { LogField, LogLine, LogPart } from '../../../l7/config/telemetry.ts';
import { DEFAULT_JSON, DEFAULT_TEXT, parseLogFormat } from '../log-format.ts';
import type { MeshTelemetryFields } from './mesh-telemetry.ts';

export interface LogProvider {
  readonly sink: string;
  readonly line: LogLine;
}

export interface MeshLogging {
  /** By the provider's name. */
  readonly providers: ReadonlyMap<string, LogProvider>;
  /** Those that write where no Telemetry says anything. */
  readonly byDefault: readonly string[];
  /** What is wrong with `accessLogFormat`, which Istio does not check; null: nothing. */
  readonly fault: string | null;
}

/** Istio's built-in provider, which writes what `accessLogFile` and its like say. */
const ENVOY = 'envoy';
const STDOUT = '/dev/stdout';

export function meshLogging(fields: MeshTelemetryFields): MeshLogging {
  const { accessLogFile = '', accessLogEncoding, accessLogFormat = '', extensionProviders = [], defaultProviders } = fields;
  const own = accessLogEncoding === 'JSON' ? jsonLine(accessLogFormat) : textLine(accessLogFormat);
  const providers = new Map<string, LogProvider>([[ENVOY, { sink: accessLogFile || STDOUT, line: own.line }]]);
  for (const { name, envoyFileAccessLog } of extensionProviders) {
    if (envoyFileAccessLog === undefined) continue;
    const { path, logFormat } = envoyFileAccessLog;
    const line = logFormat?.labels === undefined ? textLine(logFormat?.text ?? '').line : objectLine(logFormat.labels);
    providers.set(name, { sink: path, line });
  }
  const byDefault = defaultProviders?.accessLogging ?? (accessLogFile === '' ? [] : [ENVOY]);
  return { providers, byDefault: byDefault.filter((name) => providers.has(name)), fault: own.fault };
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

function objectLine(labels: Readonly<Record<string, string>>): LogLine {
  const fields = Object.entries(labels).map(([key, format]): LogField => {
    const parsed = parseLogFormat(format);
    const parts: readonly LogPart[] = parsed.ok ? parsed.parts : [];
    return [key, parts];
  });
  return { kind: 'json', fields };
}
