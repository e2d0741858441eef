/** Changes of metrics, compiled when the configuration comes. Only requests of workloads that have some ask for one. */
import { compileCondition, type ValueOf, valueOf } from '../access-log/log-condition.ts';
import type { LogEntry } from '../access-log/log-entry.ts';
import type { LogNames } from '../access-log/request-note.ts';
import type { MetricName, MetricsConfig, TagValue } from '../config/telemetry.ts';
import { type ExchangeRecord, type Labels, type MetricRules, NO_TAGS } from '../record/exchange-record.ts';

/** Characters of a tag that a request gives. */
const MOST_CHARACTERS = 256;
/** Istio's value of what cannot be known. */
const UNKNOWN = 'unknown';

type TextOf = (entry: LogEntry, record: ExchangeRecord) => string;
/** A text, the place of one among the values that requests give, or null: removed. */
type TagChange = readonly [name: string, value: string | number | null];

interface MetricChange {
  readonly disabled: boolean;
  readonly tags: readonly TagChange[];
}

export class MetricPolicy implements MetricRules {
  /** Milliseconds; 0: as everybody. */
  readonly reportMs: number;
  readonly #changes = new Map<string, MetricChange>();
  /** What requests give; each expression once. */
  readonly #values = new Map<string, { readonly place: number; readonly text: TextOf }>();
  readonly #unknown: readonly string[];

  /** @param names of headers that notes of requests keep; those that are asked for here are added. */
  constructor({ changes, reportMs = 0 }: MetricsConfig, names: LogNames) {
    this.reportMs = reportMs;
    for (const [metric, { disabled, tags }] of Object.entries(changes)) {
      this.#changes.set(metric, {
        disabled,
        tags: tags.map(({ name, value }) => [name, value === null ? null : this.#compile(value, names)]),
      });
    }
    this.#unknown = [...this.#values].map(() => UNKNOWN);
  }

  labels(name: MetricName, labels: Labels, tags: readonly string[]): Labels | null {
    const change = this.#changes.get(name);
    if (change === undefined) return labels;
    if (change.disabled) return null;
    const changed: Record<string, string> = { ...labels };
    for (const [tag, value] of change.tags) {
      if (value === null) delete changed[tag];
      else changed[tag] = typeof value === 'string' ? value : (tags[value] ?? UNKNOWN);
    }
    return changed;
  }

  /** Of an exchange or connection that is noted. */
  tags(entry: LogEntry, record: ExchangeRecord): readonly string[] {
    if (this.#values.size === 0) return NO_TAGS;
    return [...this.#values.values()].map(({ text }) => text(entry, record));
  }

  /** Of a request that nobody has noted. */
  get unknownTags(): readonly string[] {
    return this.#unknown;
  }

  #compile(value: TagValue, names: LogNames): string | number {
    if (value.kind === 'literal') return value.text;
    const key = JSON.stringify(value);
    const known = this.#values.get(key);
    if (known !== undefined) return known.place;
    const place = this.#values.size;
    this.#values.set(key, { place, text: textOf(value, names) });
    return place;
  }
}

/** The policies of a worker, each compiled once. */
export class MetricPolicies {
  readonly #names: LogNames;
  readonly #known = new WeakMap<MetricsConfig, MetricPolicy>();

  constructor(names: LogNames) {
    this.#names = names;
  }

  /** Null: the metrics are Istio's. */
  of(config: MetricsConfig | undefined): MetricPolicy | null {
    if (config === undefined) return null;
    let policy = this.#known.get(config);
    if (policy === undefined) this.#known.set(config, (policy = new MetricPolicy(config, this.#names)));
    return policy;
  }
}

function textOf(value: TagValue, names: LogNames): TextOf {
  if (value.kind === 'literal') return () => value.text;
  if (value.kind === 'attribute') return shown(valueOf(value.of, names));
  const condition = compileCondition(value.condition, names);
  const whenTrue = textOf(value.whenTrue, names);
  const otherwise = textOf(value.otherwise, names);
  return (entry, record) => (condition(entry, record) ? whenTrue(entry, record) : otherwise(entry, record));
}

function shown(value: ValueOf): TextOf {
  return (entry, record) => {
    const found = value(entry, record);
    return found === null ? UNKNOWN : String(found).slice(0, MOST_CHARACTERS);
  };
}
