/** Istio's MeshConfig: ConfigMap `istio`, key `mesh`, in the agent's namespace, or else in the root namespace. */
import { parse } from 'yaml';
import { messageOf } from '../../../base/errors.ts';
import type { ScopeConfig } from '../../../l7/config/workload.ts';
import type { MeshSettings } from '../../../l7/snapshot.ts';
import type { Graph } from '../incremental/graph.ts';
import { Input, Table } from '../incremental/table.ts';
import type { ConfigMap, HttpRetry, PolicyBlocks } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';
import { type ObjectRef, refOf } from '../problem.ts';
import { meshConfig, type MeshConfigFields, NO_PROXY_REASON, PROXY_REASONS, SERVED_PROXY_FIELDS, UNSERVED } from '../schema/mesh-config.ts';
import { milliseconds } from './durations.ts';
import { meshLogging, type MeshLogging } from './mesh-logging.ts';
import { meshMetrics, type MeshMetrics } from './metric-overrides.ts';
import { meshTracing, type MeshTracing } from './mesh-telemetry.ts';
import type { CompileOptions } from './options.ts';
import type { MeshPlacement } from './placement.ts';
import type { UpgradePolicy } from './protocols.ts';
import type { ProblemLog } from './problem-log.ts';

export interface MeshConfig {
  readonly settings: MeshSettings;
  readonly outboundTrafficPolicy: ScopeConfig['outboundTrafficPolicy'];
  /** For routes without `retries`; of those whose `retries` name no conditions, the conditions. Undefined: Istio's own default. */
  readonly defaultRetry: HttpRetry | undefined;
  readonly tracing: MeshTracing;
  readonly tcpKeepalive: MeshConfigFields['tcpKeepalive'];
  readonly h2UpgradePolicy: UpgradePolicy;
  /** Of objects that do not say it themselves. */
  readonly defaultServiceExportTo: readonly string[] | undefined;
  readonly defaultVirtualServiceExportTo: readonly string[] | undefined;
  readonly defaultDestinationRuleExportTo: readonly string[] | undefined;
  /** What holds where neither a rule nor a service says how localities are preferred. */
  readonly placement: MeshPlacement;
  /** Blocks in whose place a rule may put its own. */
  readonly defaultPolicy: Pick<PolicyBlocks, 'connectionPool' | 'outlierDetection'>;
  readonly logging: MeshLogging;
  readonly metrics: MeshMetrics;
}

const CONFIG_MAP = 'istio';
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

const NORMALIZATIONS = {
  DEFAULT: 'base',
  NONE: 'none',
  BASE: 'base',
  MERGE_SLASHES: 'merge',
  DECODE_AND_MERGE_SLASHES: 'decode',
} as const;
const PATH = ['data', 'mesh'];

export class Mesh {
  readonly #options: CompileOptions;
  readonly #problems: ProblemLog;
  readonly #maps: Input<Packed<ConfigMap>, ConfigMap>;
  readonly #config: Table<MeshConfig>;

  constructor(graph: Graph, options: CompileOptions, problems: ProblemLog) {
    this.#options = options;
    this.#problems = problems;
    this.#maps = new Input(graph, 'ConfigMap', (packed) => unpack(packed));
    this.#config = new Table(graph, 'mesh', (_, previous) => this.#compute(previous));
    this.#config.want('');
  }

  set(namespace: string, name: string, map: Packed<ConfigMap> | null): void {
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
    const parsed = meshConfig.safeParse(value);
    if (!parsed.success) {
      for (const { path, message } of parsed.error.issues)
        this.#problems.add('error', refOf(source), PATH, `${path.join('.')}: ${message}`);
      return kept;
    }
    this.#reportUnserved(refOf(source), parsed.data);
    const config = this.#configOf(parsed.data);
    if (config.logging.fault !== null) {
      this.#problems.add('error', refOf(source), PATH, `accessLogFormat: ${config.logging.fault}; Istio's format takes its place`);
    }
    return config;
  }

  #reportUnserved(ref: ObjectRef, config: MeshConfigFields): void {
    for (const field of Object.keys(config)) {
      if (Object.hasOwn(meshConfig.shape, field)) continue;
      const agrees = field === 'rootNamespace' && config[field] === this.#options.rootNamespace;
      const reason = field === 'rootNamespace' ? `--root-namespace says ${this.#options.rootNamespace}` : UNSERVED[field];
      if (reason === undefined) this.#problems.add('warning', ref, PATH, `${field} is an unknown field`);
      else if (!agrees) this.#problems.add('unsupported', ref, PATH, `${field}: ${reason}`);
    }
    for (const field of Object.keys(config.defaultConfig ?? {})) {
      if (SERVED_PROXY_FIELDS.has(field)) continue;
      const reason = Object.hasOwn(PROXY_REASONS, field) ? PROXY_REASONS[field] : NO_PROXY_REASON;
      this.#problems.add('unsupported', ref, PATH, `defaultConfig.${field}: ${reason}`);
    }
  }

  #configOf(config: MeshConfigFields): MeshConfig {
    const {
      outboundTrafficPolicy,
      connectTimeout,
      defaultHttpRetryPolicy,
      pathNormalization,
      tcpKeepalive,
      localityLbSetting,
      ...telemetry
    } = config;
    return {
      tracing: meshTracing(telemetry),
      logging: meshLogging(telemetry),
      metrics: meshMetrics(telemetry),
      settings: {
        connectTimeoutMs: milliseconds(connectTimeout) || DEFAULT_CONNECT_TIMEOUT_MS,
        rootNamespace: this.#options.rootNamespace,
        gatewayName: this.#options.gatewayName,
        pathNormalization: NORMALIZATIONS[pathNormalization?.normalization ?? 'DEFAULT'],
      },
      tcpKeepalive,
      h2UpgradePolicy: config.h2UpgradePolicy ?? 'DO_NOT_UPGRADE',
      defaultServiceExportTo: config.defaultServiceExportTo,
      defaultVirtualServiceExportTo: config.defaultVirtualServiceExportTo,
      defaultDestinationRuleExportTo: config.defaultDestinationRuleExportTo,
      outboundTrafficPolicy: outboundTrafficPolicy?.mode ?? 'ALLOW_ANY',
      defaultRetry: defaultHttpRetryPolicy,
      placement: { locality: localityLbSetting ?? {}, zoneAware: config.zoneAwareLbSetting },
      defaultPolicy: config.defaultTrafficPolicy ?? {},
    };
  }
}
