/** Istio's MeshConfig: ConfigMap `istio`, key `mesh`, in the agent's namespace, or else in the root namespace. */
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../../../base/errors.ts';
import type { MeshSettings } from '../../../l7/snapshot.ts';
import type { ConfigMap, HttpRetry } from '../objects.ts';
import { duration } from '../schema/fields.ts';
import { milliseconds } from './durations.ts';
import { type ObjectSet, objectsOf } from './object-set.ts';
import type { CompileOptions } from './options.ts';
import type { ProblemLog } from './problem-log.ts';

export interface MeshConfig {
  readonly settings: MeshSettings;
  /** For routes without `retries`; of those whose `retries` name no conditions, the conditions. Undefined: Istio's own default. */
  readonly defaultRetry: HttpRetry | undefined;
}

const DEFAULTS: MeshConfig = { settings: { outboundTrafficPolicy: 'ALLOW_ANY', connectTimeoutMs: 10_000 }, defaultRetry: undefined };

const schema = z.looseObject({
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

/** @param previous stays in force when what is there now cannot be read. */
export function meshConfig(objects: ObjectSet, options: CompileOptions, problems: ProblemLog, previous: MeshConfig = DEFAULTS): MeshConfig {
  const source = findConfigMap(objects, options);
  const text = source?.data?.['mesh'];
  if (source === null || text === undefined) return DEFAULTS;
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (error) {
    problems.add('error', source, PATH, `not YAML: ${messageOf(error)}`);
    return previous;
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) problems.add('error', source, PATH, `${path.join('.')}: ${message}`);
    return previous;
  }
  for (const field of Object.keys(parsed.data)) {
    const agrees = field === 'rootNamespace' && parsed.data[field] === options.rootNamespace;
    if (!SERVED.has(field) && !agrees) problems.add('unsupported', source, PATH, `${field} is not served yet`);
  }
  return configOf(parsed.data);
}

function findConfigMap(objects: ObjectSet, { agentNamespace, rootNamespace }: CompileOptions): ConfigMap | null {
  const maps = objectsOf(objects, 'ConfigMap').filter(({ metadata }) => metadata.name === 'istio');
  const inNamespace = (namespace: string): ConfigMap | undefined => maps.find(({ metadata }) => metadata.namespace === namespace);
  return inNamespace(agentNamespace) ?? inNamespace(rootNamespace) ?? null;
}

function configOf({ outboundTrafficPolicy, connectTimeout, defaultHttpRetryPolicy }: z.infer<typeof schema>): MeshConfig {
  return {
    settings: {
      outboundTrafficPolicy: outboundTrafficPolicy?.mode ?? DEFAULTS.settings.outboundTrafficPolicy,
      connectTimeoutMs: milliseconds(connectTimeout) || DEFAULTS.settings.connectTimeoutMs,
    },
    defaultRetry: defaultHttpRetryPolicy,
  };
}
