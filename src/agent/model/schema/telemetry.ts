/** telemetry.istio.io Telemetry, with the rules of Istio's own validation (validateTelemetry). */
import { z } from 'zod';
import { METRICS } from '../../../l7/config/telemetry.ts';
import { parseLogFilter, parseTagValue } from '../log-filter.ts';
import { type Fault, judged, positiveDuration, present, text, unsupported } from './fields.ts';
import { labelSelector } from './names.ts';

const mode = z.enum(['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']);
const match = z.object({ mode: mode.optional() });
const providers = z.array(z.object({ name: text.min(1, 'a provider has a name') }));

/** The value of a tag: exactly one of these. */
const customTag = z
  .object({
    literal: z.object({ value: text.min(1, 'must not be empty') }).optional(),
    environment: z.object({ name: text.min(1, 'must not be empty'), defaultValue: text.optional() }).optional(),
    header: z.object({ name: text.min(1, 'must not be empty'), defaultValue: text.optional() }).optional(),
    formatter: unsupported('tags by a format are not served yet; this tag is left out', z.object({ value: text.optional() })),
  })
  .superRefine((value, context) => {
    const kinds = (['literal', 'environment', 'header', 'formatter'] as const).filter((kind) => kind in value);
    if (kinds.length > 1)
      context.addIssue({ code: 'custom', path: [kinds[1] as string], message: `${kinds[0]} and ${kinds[1]} exclude each other` });
  });
export const customTags = z.record(z.string().min(1, 'a tag has a name'), customTag);

const tracing = z.object({
  match: match.optional(),
  providers: providers.max(1, 'more than one provider is not supported by Istio either').optional(),
  randomSamplingPercentage: present(z.number().min(0, 'must be from 0 to 100').max(100, 'must be from 0 to 100')).optional(),
  disableSpanReporting: present(z.boolean()).optional(),
  customTags: customTags.optional(),
  useRequestIdForTraceSampling: present(z.boolean()).optional(),
  enableIstioTags: present(z.boolean()).optional(),
  disableContextPropagation: present(z.boolean()).optional(),
});

const accessLogging = z.object({
  match: match.optional(),
  providers: providers.optional(),
  disabled: present(z.boolean()).optional(),
  filter: z
    .object({
      expression: text.superRefine((expression, context) => {
        const parsed = parseLogFilter(expression);
        if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.fault });
      }),
    })
    .optional(),
});

const METRIC_NAMES = ['ALL_METRICS', ...(Object.keys(METRICS) as (keyof typeof METRICS)[])] as const;
/** A tag is a label of Prometheus (prometheus.io/docs/concepts/data_model); `le` is that of a histogram's buckets. */
const TAG_NAME = /^(?!__|le$)[a-zA-Z_][a-zA-Z0-9_]*$/;
const tagOverride = judged(
  z.object({ operation: z.enum(['UPSERT', 'REMOVE']).optional(), value: text.optional() }).superRefine(({ operation, value }, context) => {
    const removes = operation === 'REMOVE';
    if (!removes && value === undefined)
      context.addIssue({ code: 'custom', path: ['value'], message: 'must be set, unless the tag is removed' });
    if (removes && value !== undefined)
      context.addIssue({ code: 'custom', path: ['value'], message: 'must not be set for a tag that is removed' });
  }),
  ({ value }): readonly Fault[] => {
    const parsed = value === undefined ? null : parseTagValue(value);
    return parsed === null || parsed.ok ? [] : [{ path: ['value'], reason: `the tag stays as it is: the expression ${parsed.fault}` }];
  },
);

const tagOverrides = z.record(z.string(), tagOverride).superRefine((tags, context) => {
  for (const name of Object.keys(tags)) {
    if (TAG_NAME.test(name)) continue;
    const message = 'is no label that a metric may get: letters, digits and _, no digit or __ at the beginning, and not "le"';
    context.addIssue({ code: 'custom', path: [name], message });
  }
});

const metricSelector = judged(
  z
    .object({
      metric: present(z.enum(METRIC_NAMES)).optional(),
      customMetric: present(text.min(1, 'must not be empty')).optional(),
      mode: mode.optional(),
    })
    .superRefine(({ metric, customMetric }, context) => {
      if (metric === undefined || customMetric === undefined) return;
      context.addIssue({ code: 'custom', path: ['customMetric'], message: 'metric and customMetric exclude each other' });
    }),
  ({ customMetric }): readonly Fault[] => {
    const reason = 'custom metrics are made by EnvoyFilters, which are not served; this override changes nothing';
    return customMetric === undefined ? [] : [{ path: ['customMetric'], reason }];
  },
);

const metrics = z.object({
  providers: providers.optional(),
  overrides: z
    .array(
      z.object({
        match: metricSelector.optional(),
        disabled: present(z.boolean()).optional(),
        tagOverrides: tagOverrides.optional(),
      }),
    )
    .optional(),
  reportingInterval: positiveDuration.optional(),
});

const NO_TARGETS = 'only selectors choose workloads; this Telemetry concerns none';
/** Kinds that a policy may be attached to, by their groups. */
const TARGETS = /^(core\/Service|networking\.istio\.io\/ServiceEntry|gateway\.networking\.k8s\.io\/(Gateway|GatewayClass))$/;
const targetRef = z
  .object({ group: text.optional(), kind: text.optional(), name: text.min(1, 'a target has a name'), namespace: text.optional() })
  .superRefine(({ group = 'core', kind = '', namespace }, context) => {
    if (!TARGETS.test(`${group}/${kind}`))
      context.addIssue({ code: 'custom', path: ['kind'], message: `a ${kind} of ${group} is no target` });
    if (namespace !== undefined) context.addIssue({ code: 'custom', path: ['namespace'], message: 'a target is of the same namespace' });
  });

const spec = z
  .object({
    selector: z.object({ matchLabels: labelSelector.optional() }).optional(),
    targetRef: unsupported(NO_TARGETS, targetRef),
    targetRefs: unsupported(NO_TARGETS, z.array(targetRef)),
    tracing: z.array(tracing).optional(),
    metrics: z.array(metrics).optional(),
    accessLogging: z.array(accessLogging).optional(),
  })
  .superRefine((value, context) => {
    const [first, second] = (['selector', 'targetRef', 'targetRefs'] as const).filter((field) => field in value);
    if (second !== undefined) context.addIssue({ code: 'custom', path: [second], message: `${first} and ${second} exclude each other` });
  });

export const telemetrySpec = judged(spec, ({ selector }): readonly Fault[] => {
  if (selector === undefined || Object.keys(selector.matchLabels ?? {}).length > 0) return [];
  return [{ path: ['selector'], reason: 'without labels it is for all pods of the namespace', severity: 'warning' }];
})
  // One that targets something else than pods is for no pod.
  .transform((value) => ({ ...value, forPods: !('targetRef' in value) && !('targetRefs' in value) }))
  .optional();
