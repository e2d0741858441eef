/** Istio's MeshConfig: ConfigMap `istio`, key `mesh`, in the agent's namespace, or else in the root namespace. */
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../../../base/errors.ts';
import type { ScopeConfig } from '../../../l7/config/workload.ts';
import type { MeshSettings } from '../../../l7/snapshot.ts';
import type { Graph } from '../incremental/graph.ts';
import { Input, Table } from '../incremental/table.ts';
import type { ConfigMap, HttpRetry } from '../objects.ts';
import { refOf } from '../problem.ts';
import { TELEMETRY_FIELDS } from '../schema/extension-providers.ts';
import { duration } from '../schema/fields.ts';
import { milliseconds } from './durations.ts';
import { meshTracing, type MeshTracing } from './mesh-telemetry.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';

export interface MeshConfig {
  readonly settings: MeshSettings;
  readonly outboundTrafficPolicy: ScopeConfig['outboundTrafficPolicy'];
  /** For routes without `retries`; of those whose `retries` name no conditions, the conditions. Undefined: Istio's own default. */
  readonly defaultRetry: HttpRetry | undefined;
  readonly tracing: MeshTracing;
}

const CONFIG_MAP = 'istio';
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

const schema = z.looseObject({
  ...TELEMETRY_FIELDS,
  outboundTrafficPolicy: z.looseObject({ mode: z.enum(['ALLOW_ANY', 'REGISTRY_ONLY']).optional() }).optional(),
  connectTimeout: duration.optional(),
  defaultHttpRetryPolicy: z
    .looseObject({
      attempts: z.number().int().min(0).optional(),
      perTryTimeout: duration.optional(),
      retryOn: z.string().optional(),
      retryIgnorePreviousHosts: z.boolean().optional(),
      backoff: duration.optional(),
    })
    .optional(),
});
const SERVED = new Set(Object.keys(schema.shape));
const PATH = ['data', 'mesh'];

export class Mesh {
  readonly #options: CompileOptions;
  readonly #problems: ProblemLog;
  readonly #maps: Input<ConfigMap, ConfigMap>;
  readonly #config: Table<MeshConfig>;

  constructor(graph: Graph, options: CompileOptions, problems: ProblemLog) {
    this.#options = options;
    this.#problems = problems;
    this.#maps = new Input(graph, 'ConfigMap', (map) => map);
    this.#config = new Table(graph, 'mesh', (_, previous) => this.#compute(previous));
    this.#config.want('');
  }

  set(namespace: string, name: string, map: ConfigMap | null): void {
    if (name === CONFIG_MAP) this.#maps.set(namespace, map);
  }

  get(): MeshConfig {
    return this.#config.get('');
  }

  /** What was there before stays in effect when what is there now cannot be read. */
  #compute(previous: MeshConfig | undefined): MeshConfig {
    const { agentNamespace, rootNamespace } = this.#options;
    const source = this.#maps.get(agentNamespace) ?? this.#maps.get(rootNamespace);
    const text = source?.data?.['mesh'];
    if (source === null || text === undefined) return this.#configOf({});
    const kept = previous ?? this.#configOf({});
    let value: unknown;
    try {
      value = parse(text) ?? {};
    } catch (error) {
      this.#problems.add('error', refOf(source), PATH, `not YAML: ${messageOf(error)}`);
      return kept;
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      for (const { path, message } of parsed.error.issues)
        this.#problems.add('error', refOf(source), PATH, `${path.join('.')}: ${message}`);
      return kept;
    }
    for (const field of Object.keys(parsed.data)) {
      const agrees = field === 'rootNamespace' && parsed.data[field] === rootNamespace;
      if (!SERVED.has(field) && !agrees) this.#problems.add('unsupported', refOf(source), PATH, `${field} is not served yet`);
    }
    return this.#configOf(parsed.data);
  }

  #configOf({ outboundTrafficPolicy, connectTimeout, defaultHttpRetryPolicy, ...telemetry }: z.infer<typeof schema>): MeshConfig {
    return {
      tracing: meshTracing(telemetry),
      settings: {
        connectTimeoutMs: milliseconds(connectTimeout) || DEFAULT_CONNECT_TIMEOUT_MS,
        rootNamespace: this.#options.rootNamespace,
      },
      outboundTrafficPolicy: outboundTrafficPolicy?.mode ?? 'ALLOW_ANY',
      defaultRetry: defaultHttpRetryPolicy,
    };
  }
}
