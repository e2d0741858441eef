/**
 * What Telemetry resources change of the metrics of one side of a workload's traffic, merged as Istio merges them (mergeMetrics in
 * pilot/pkg/model/telemetry.go): overrides apply one after the other, the farthest Telemetry first, and the providers of the nearest
 * one that names some are those that get metrics. The agent's own `/metrics` is a provider of the kind `prometheus`.
 */
import { METRICS, type MetricChange, type MetricName, type MetricsConfig, type TagChange } from '../../../l7/config/telemetry.ts';
import { parseTagValue } from '../log-filter.ts';
import type { TelemetryMetrics } from '../objects.ts';
import { milliseconds } from './durations.ts';
import type { MeshTelemetryFields } from './mesh-telemetry.ts';

export type TelemetryMode = 'CLIENT' | 'SERVER';

export interface MeshMetrics {
  /** Names of the providers that stand for the agent's own endpoint. */
  readonly providers: ReadonlySet<string>;
  /** Those that get metrics where no Telemetry names any. */
  readonly byDefault: readonly string[];
}

type Override = NonNullable<TelemetryMetrics['overrides']>[number];
type TagOverride = NonNullable<Override['tagOverrides']>[string];

/** Istio's built-in provider. */
const PROMETHEUS = 'prometheus';
const NAMES = Object.values(METRICS);

export function meshMetrics({ defaultProviders, extensionProviders = [] }: MeshTelemetryFields): MeshMetrics {
  const own = extensionProviders.flatMap(({ name, prometheus }) => (prometheus === undefined ? [] : [name]));
  return { providers: new Set([PROMETHEUS, ...own]), byDefault: defaultProviders?.metrics ?? [PROMETHEUS] };
}

/** @param specs that concern the workload, the farthest first. @returns undefined: nothing is changed. */
export function metricsOf(specs: readonly TelemetryMetrics[], mode: TelemetryMode, mesh: MeshMetrics): MetricsConfig | undefined {
  const provider = namesOf(specs.findLast((spec) => namesOf(spec).length > 0) ?? {}, mesh.byDefault).find((name) =>
    mesh.providers.has(name),
  );
  if (provider === undefined) return NOTHING;
  const merged = new Merged();
  let reportMs = 0;
  let inherited = mesh.byDefault;
  for (const spec of specs) {
    inherited = namesOf(spec, inherited);
    if (!inherited.includes(provider)) continue;
    if (spec.reportingInterval !== undefined) reportMs = milliseconds(spec.reportingInterval);
    for (const override of spec.overrides ?? []) if (concerns(override, mode)) merged.apply(override);
  }
  const changes = merged.changes();
  if (reportMs === 0 && Object.keys(changes).length === 0) return undefined;
  return { changes, ...(reportMs > 0 && { reportMs }) };
}

const DISABLED: MetricChange = { disabled: true, tags: [] };
const NOTHING: MetricsConfig = { changes: Object.fromEntries(NAMES.map((name) => [name, DISABLED])) };

function namesOf({ providers = [] }: Pick<TelemetryMetrics, 'providers'>, inherited: readonly string[] = []): readonly string[] {
  return providers.length === 0 ? inherited : providers.map(({ name }) => name);
}

/** A custom metric is another one than Istio's: its override was reported, and changes nothing. */
function concerns({ match }: Override, mode: TelemetryMode): boolean {
  if (match?.customMetric !== undefined) return false;
  return match?.mode === undefined || match.mode === 'CLIENT_AND_SERVER' || match.mode === mode;
}

class Merged {
  /** `ALL_METRICS` disabled, and nothing said of this side since. */
  #disabled = false;
  readonly #byName = new Map<MetricName, { disabled: boolean; readonly tags: Map<string, TagOverride> }>();

  apply({ match, disabled, tagOverrides = {} }: Override): void {
    const metric = match?.metric ?? 'ALL_METRICS';
    if (metric === 'ALL_METRICS' && disabled === true) {
      this.#disabled = true;
      return;
    }
    this.#disabled = false;
    for (const name of metric === 'ALL_METRICS' ? NAMES : [METRICS[metric]]) {
      const known = this.#byName.get(name) ?? { disabled: false, tags: new Map<string, TagOverride>() };
      this.#byName.set(name, known);
      if (disabled !== undefined) known.disabled = disabled;
      for (const [tag, change] of Object.entries(tagOverrides)) known.tags.set(tag, change);
    }
  }

  changes(): MetricsConfig['changes'] {
    if (this.#disabled) return NOTHING.changes;
    const changed = [...this.#byName].map(([name, { disabled, tags }]) => [name, { disabled, tags: tagsOf(tags) }] as const);
    return Object.fromEntries(changed.filter(([, { disabled, tags }]) => disabled || tags.length > 0));
  }
}

/** In the order of their names, as in Istio. An expression that is not served was reported, and changes nothing. */
function tagsOf(tags: ReadonlyMap<string, TagOverride>): TagChange[] {
  const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.flatMap(([name, { operation, value = '' }]): TagChange[] => {
    if (operation === 'REMOVE') return [{ name, value: null }];
    const parsed = parseTagValue(value);
    return parsed.ok ? [{ name, value: parsed.value }] : [];
  });
}
