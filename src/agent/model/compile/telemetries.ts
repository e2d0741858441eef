/**
 * Telemetry resources: what is told of a workload's traffic. That of the root namespace holds for all, that of a namespace without a
 * selector for its workloads, one with a selector for those that it chooses; what the nearer one says counts (Istio's
 * pilot/pkg/model/telemetry.go). Of several in one place the oldest counts, and the others are reported.
 */
import type { AccessLogConfig, HeaderTag, LogFilter, SpanTag, TelemetryConfig, TracingConfig } from '../../../l7/config/telemetry.ts';
import type { Identity } from '../../../l7/config/identity.ts';
import type { WorkloadTelemetry } from '../../../l7/config/workload.ts';
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { Output } from '../incremental/output.ts';
import { Input, Table } from '../incremental/table.ts';
import { parseLogFilter } from '../log-filter.ts';
import type { StringMap, Telemetry, TelemetryLogging, TelemetryMetrics, TelemetryTracing } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { type ObjectRef, refOf } from '../problem.ts';
import { type Aged, ageOf, byAge } from './age.ts';
import type { Mesh } from './mesh-config.ts';
import { metricsOf, type TelemetryMode } from './metric-overrides.ts';
import { type CustomTags, type ExporterConfig, type MeshTracing, propagationOf } from './mesh-telemetry.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';
import { selects } from './selectors.ts';

interface BoundTelemetry extends Aged {
  readonly ref: ObjectRef;
  readonly selector: StringMap | null;
  readonly tracing: readonly TelemetryTracing[];
  readonly logging: readonly TelemetryLogging[];
  readonly metrics: readonly TelemetryMetrics[];
}

/** Whose traffic it is. */
export interface TelemetrySubject {
  readonly namespace: string;
  readonly labels: StringMap;
  readonly identity: Identity;
  /** Envoy's node id: `sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local`. */
  readonly nodeId: string;
}

const SAMPLING_PARTS = 100;
/** What the providers of a field of Telemetry are for. */
const PROVIDED = { tracing: 'traces', accessLogging: 'access logs', metrics: 'metrics' } as const;
const NOTHING: TelemetryConfig = { tracing: null, accessLogs: [] };

export class Telemetries {
  /** Of the mesh, by the provider's name. */
  readonly exporters = new Output<ExporterConfig>();
  readonly #options: CompileOptions;
  readonly #mesh: Mesh;
  readonly #problems: ProblemLog;
  readonly #objects: Input<Packed<Telemetry>, true>;
  readonly #byNamespace: Index<BoundTelemetry>;

  constructor(graph: Graph, options: CompileOptions, mesh: Mesh, problems: ProblemLog) {
    this.#options = options;
    this.#mesh = mesh;
    this.#problems = problems;
    this.#objects = new Input(graph, 'Telemetry', (packed) => this.#compute(unpack(packed)));
    this.#byNamespace = new Index<BoundTelemetry>(graph, byAge);
    this.#byNamespace.each(new Table(graph, 'telemetry of a namespace', (namespace) => this.#reportUnused(namespace)));
    new Table(graph, 'exporters', () => {
      const { tracing, logging } = mesh.get();
      for (const [name, exporter] of [...tracing.exporters, ...logging.exporters]) graph.emit(this.exporters, name, exporter);
    }).want('');
  }

  set(key: string, object: Packed<Telemetry> | null): void {
    this.#objects.set(key, object);
  }

  /** Of a workload; undefined: nothing is told but metrics. */
  ofWorkload(subject: TelemetrySubject): WorkloadTelemetry | undefined {
    const outbound = this.of(subject, 'CLIENT');
    const inbound = this.of(subject, 'SERVER');
    if (outbound === undefined && inbound === undefined) return undefined;
    return { outbound: outbound ?? NOTHING, inbound: inbound ?? NOTHING };
  }

  /** Of one side of its traffic. */
  of(subject: TelemetrySubject, mode: TelemetryMode): TelemetryConfig | undefined {
    const tracing = this.#tracing(subject, mode);
    const accessLogs = this.#accessLogs(subject, mode);
    const specs = this.#concerning(subject).flatMap(({ metrics }) => metrics);
    const metrics = metricsOf(specs, mode, this.#mesh.get().metrics);
    if (tracing === null && accessLogs.length === 0 && metrics === undefined) return undefined;
    return { tracing, accessLogs, ...(metrics !== undefined && { metrics }) };
  }

  #compute(object: Telemetry): true {
    const { namespace = '' } = object.metadata;
    const { selector, tracing = [], accessLogging: logging = [], metrics = [], forPods = true } = object.spec ?? {};
    if (!forPods) return true;
    const bound = { ...ageOf(object), ref: refOf(object), selector: selector?.matchLabels ?? null, tracing, logging, metrics };
    const { tracing: traces, logging: logs, metrics: meters } = this.#mesh.get();
    this.#reportUnknown(bound.ref, 'tracing', tracing, traces.exporters);
    this.#reportUnknown(bound.ref, 'accessLogging', logging, logs.providers);
    this.#reportUnknown(bound.ref, 'metrics', metrics, meters.providers);
    this.#byNamespace.emit(namespace, bound);
    return true;
  }

  #reportUnknown(
    ref: ObjectRef,
    field: keyof typeof PROVIDED,
    specs: readonly { readonly providers?: readonly { readonly name: string }[] | undefined }[],
    known: { has(name: string): boolean },
  ): void {
    specs.forEach(({ providers = [] }, index) => {
      for (const { name } of providers) {
        if (known.has(name)) continue;
        const message = `MeshConfig has no provider "${name}" for ${PROVIDED[field]} that is served; what holds without this counts`;
        this.#problems.add('error', ref, ['spec', field, index, 'providers'], message);
      }
    });
  }

  #reportUnused(namespace: string): true {
    const [oldest, ...others] = this.#byNamespace.get(namespace).filter(({ selector }) => selector === null);
    for (const { ref } of others) {
      const message = `Telemetry ${oldest?.ref.name} of this namespace is older and has no selector either; this one is not used`;
      this.#problems.add('warning', ref, ['spec', 'selector'], message);
    }
    return true;
  }

  /** Those that concern a workload, the farthest first. */
  #concerning({ namespace, labels }: TelemetrySubject): BoundTelemetry[] {
    const { rootNamespace } = this.#options;
    const own = this.#byNamespace.get(namespace);
    const everywhere = namespace === rootNamespace ? own : this.#byNamespace.get(rootNamespace);
    const whole = (list: readonly BoundTelemetry[]): BoundTelemetry[] => list.filter(({ selector }) => selector === null).slice(0, 1);
    const chosen = own.filter(({ selector }) => selector !== null && selects(selector, labels)).slice(0, 1);
    return [...whole(everywhere), ...(namespace === rootNamespace ? [] : whole(own)), ...chosen];
  }

  #tracing(subject: TelemetrySubject, mode: TelemetryMode): TracingConfig | null {
    const mesh = this.#mesh.get().tracing;
    const specs = this.#concerning(subject)
      .flatMap(({ tracing }) => tracing)
      .filter((spec) => concerns(spec, mode));
    // A Telemetry that says nothing of a provider leaves the choice to the one before.
    const named = specs.flatMap(({ providers }) => providers?.slice(0, 1) ?? []).filter(({ name }) => mesh.exporters.has(name));
    const exporter = mesh.exporters.get(named.at(-1)?.name ?? mesh.provider ?? '');
    if (exporter === undefined) return null;
    const last = <K extends keyof TelemetryTracing>(field: K): TelemetryTracing[K] | undefined =>
      specs.findLast((spec) => spec[field] !== undefined)?.[field];
    const tags = last('customTags') ?? mesh.customTags;
    const isTagged = last('enableIstioTags') ?? mesh.istioTags;
    return {
      provider: exporter.name,
      propagation: propagationOf(exporter),
      sampling: Math.round((last('randomSamplingPercentage') ?? mesh.sampling) * SAMPLING_PARTS),
      useRequestId: last('useRequestIdForTraceSampling') ?? true,
      report: last('disableSpanReporting') !== true,
      propagate: last('disableContextPropagation') !== true,
      maxPathLength: mesh.maxPathLengths.get(exporter.name) ?? mesh.maxPathLength,
      fixedTags: [['node_id', subject.nodeId], ...(isTagged ? istioTags(subject.identity, mesh) : []), ...literalTags(tags)],
      headerTags: headerTags(tags),
    };
  }

  /** The nearest Telemetry that speaks of logs decides (Istio's computeTelemetry): one without a provider turns on those of the mesh. */
  #accessLogs(subject: TelemetrySubject, mode: TelemetryMode): AccessLogConfig[] {
    const { providers, byDefault } = this.#mesh.get().logging;
    const speaking = this.#concerning(subject).map(({ logging }) => logging.filter((spec) => concerns(spec, mode)));
    const specs = speaking.findLast((list) => list.length > 0) ?? [];
    const wanted =
      specs.length === 0 ? byDefault.map((name) => ({ name, filter: null })) : specs.flatMap((spec) => namesOf(spec, byDefault));
    return wanted.flatMap(({ name, filter }) => {
      const provider = providers.get(name);
      return provider === undefined ? [] : [{ ...provider, filter }];
    });
  }
}

function concerns({ match }: TelemetryTracing | TelemetryLogging, mode: TelemetryMode): boolean {
  return match?.mode === undefined || match.mode === 'CLIENT_AND_SERVER' || match.mode === mode;
}

interface WantedLog {
  readonly name: string;
  readonly filter: LogFilter | null;
}

function namesOf({ disabled, providers, filter }: TelemetryLogging, byDefault: readonly string[]): WantedLog[] {
  if (disabled === true) return [];
  const parsed = filter === undefined ? null : parseLogFilter(filter.expression);
  const names = providers?.map(({ name }) => name) ?? (byDefault.length > 0 ? byDefault : ['envoy']);
  return names.map((name) => ({ name, filter: parsed?.ok === true ? parsed.filter : null }));
}

function istioTags({ canonicalService, canonicalRevision, namespace }: Identity, { meshId }: MeshTracing): SpanTag[] {
  return [
    ['istio.canonical_service', canonicalService],
    ['istio.canonical_revision', canonicalRevision],
    ['istio.mesh_id', meshId === '' ? 'cluster.local' : meshId],
    ['istio.namespace', namespace],
    ['istio.cluster_id', 'Kubernetes'],
  ];
}

/** The environment is that of a sidecar's container, which no pod has here: its default stands for it. */
function literalTags(tags: CustomTags): SpanTag[] {
  return Object.entries(tags).flatMap(([key, { literal, environment }]): SpanTag[] => {
    const value = literal?.value ?? environment?.defaultValue ?? '';
    return value === '' ? [] : [[key, value]];
  });
}

function headerTags(tags: CustomTags): HeaderTag[] {
  return Object.entries(tags).flatMap(([key, { header }]) =>
    header === undefined ? [] : [{ key, header: header.name.toLowerCase(), byDefault: header.defaultValue ?? '' }],
  );
}
