/** What MeshConfig says of traces: the exporters, and what holds where no Telemetry says anything. */
import type { z } from 'zod';
import type { Propagation } from '../../../l7/config/telemetry.ts';
import type { TELEMETRY_FIELDS } from '../schema/extension-providers.ts';
import { milliseconds } from './durations.ts';

/** Where spans go. */
export interface ExporterConfig {
  /** Of the provider. */
  readonly name: string;
  readonly protocol: 'zipkin' | 'otlp-grpc' | 'otlp-http' | 'otlp-logs';
  /** A service's name, another name, or an address. */
  readonly host: string;
  readonly port: number;
  /** Of HTTP. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs: number;
  /** Of records of logs. */
  readonly logName?: string;
}

export type CustomTags = NonNullable<
  NonNullable<NonNullable<z.infer<(typeof TELEMETRY_FIELDS)['defaultConfig']>>['tracing']>['customTags']
>;

export interface MeshTracing {
  /** By the provider's name. */
  readonly exporters: ReadonlyMap<string, ExporterConfig>;
  /** The provider that is used where no Telemetry names one; null: none is. */
  readonly provider: string | null;
  /** Percent. */
  readonly sampling: number;
  readonly maxPathLength: number;
  /** Of providers that have one of their own. */
  readonly maxPathLengths: ReadonlyMap<string, number>;
  readonly customTags: CustomTags;
  readonly istioTags: boolean;
  readonly meshId: string;
}

export type MeshTelemetryFields = { readonly [K in keyof typeof TELEMETRY_FIELDS]?: z.infer<(typeof TELEMETRY_FIELDS)[K]> };

/** Istio's PILOT_TRACE_SAMPLING. */
const DEFAULT_SAMPLING = 1;
/** Envoy's max_path_tag_length. */
const DEFAULT_PATH_LENGTH = 256;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Istio's (OtelEnvoyAccessLogFriendlyName). */
const DEFAULT_LOG_NAME = 'otel_envoy_accesslog';
const ZIPKIN_PATH = '/api/v2/spans';
/** The provider that `enableTracing` alone means; no other can have the name. */
const PROXY_CONFIG = ' proxy config';

export function meshTracing({ enableTracing, defaultConfig, defaultProviders, extensionProviders = [] }: MeshTelemetryFields): MeshTracing {
  const exporters = new Map<string, ExporterConfig>();
  const maxPathLengths = new Map<string, number>();
  for (const provider of extensionProviders) {
    const exporter = exporterOf(provider);
    if (exporter !== null) exporters.set(provider.name, exporter);
    const length = provider.zipkin?.maxTagLength ?? provider.opentelemetry?.maxTagLength ?? 0;
    if (length > 0) maxPathLengths.set(provider.name, length);
  }
  const tracing = defaultConfig?.tracing;
  const old = enableTracing === true ? proxyConfigExporter(tracing?.zipkin?.address ?? '') : null;
  if (old !== null) exporters.set(old.name, old);
  return {
    exporters,
    provider: defaultProviders?.tracing?.[0] ?? old?.name ?? null,
    sampling: tracing?.sampling ?? DEFAULT_SAMPLING,
    maxPathLength: tracing?.maxPathTagLength || DEFAULT_PATH_LENGTH,
    maxPathLengths,
    customTags: tracing?.customTags ?? {},
    istioTags: tracing?.enableIstioTags ?? true,
    meshId: defaultConfig?.meshId ?? '',
  };
}

type OtelLog = NonNullable<NonNullable<MeshTelemetryFields['extensionProviders']>[number]['envoyOtelAls']>;

/** Of access logs. */
export function logExporterOf(name: string, provider: OtelLog): ExporterConfig {
  const logName = provider.logName ?? DEFAULT_LOG_NAME;
  return { name, protocol: 'otlp-logs', ...addressOf(provider), path: '', headers: [], timeoutMs: DEFAULT_TIMEOUT_MS, logName };
}

export function propagationOf({ protocol }: ExporterConfig): Propagation {
  return protocol === 'zipkin' ? 'b3' : 'w3c';
}

function exporterOf({
  name,
  zipkin,
  opentelemetry,
}: NonNullable<MeshTelemetryFields['extensionProviders']>[number]): ExporterConfig | null {
  if (zipkin !== undefined) {
    return { name, protocol: 'zipkin', ...addressOf(zipkin), path: zipkin.path ?? ZIPKIN_PATH, headers: [], timeoutMs: DEFAULT_TIMEOUT_MS };
  }
  if (opentelemetry === undefined) return null;
  const { http, grpc } = opentelemetry;
  const given = (http === undefined ? grpc?.initialMetadata : http.headers) ?? [];
  return {
    name,
    protocol: http === undefined ? 'otlp-grpc' : 'otlp-http',
    ...addressOf(opentelemetry),
    path: http?.path ?? '',
    headers: given.map((header) => [header.name, header.value ?? '']),
    timeoutMs: milliseconds(http?.timeout ?? grpc?.timeout) || DEFAULT_TIMEOUT_MS,
  };
}

/** `namespace/host` names the host as well. */
function addressOf({ service, port }: { readonly service: string; readonly port: number }): Pick<ExporterConfig, 'host' | 'port'> {
  return { host: service.slice(service.indexOf('/') + 1), port };
}

/** `host:port`, as ProxyConfig has it. */
function proxyConfigExporter(address: string): ExporterConfig | null {
  const match = /^(.+):(\d{1,5})$/.exec(address);
  if (match === null) return null;
  const [, host = '', port] = match;
  return {
    name: PROXY_CONFIG,
    protocol: 'zipkin',
    host,
    port: Number(port),
    path: ZIPKIN_PATH,
    headers: [],
    timeoutMs: DEFAULT_TIMEOUT_MS,
  };
}
