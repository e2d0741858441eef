/** telemetry.istio.io Telemetry, with the rules of Istio's own validation (validateTelemetry). */
import { z } from 'zod';
import { parseLogFilter } from '../log-filter.ts';
import { present, text, unsupported } from './fields.ts';
import { labelSelector } from './names.ts';

const match = z.object({ mode: z.enum(['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']).optional() });
const providers = z.array(z.object({ name: text.min(1, 'a provider has a name') }));

/** The value of a tag: exactly one of these. */
const customTag = z
  .object({
    literal: z.object({ value: text.min(1, 'must not be empty') }).optional(),
    environment: z.object({ name: text.min(1, 'must not be empty'), defaultValue: text.optional() }).optional(),
    header: z.object({ name: text.min(1, 'must not be empty'), defaultValue: text.optional() }).optional(),
    formatter: unsupported('tags by a format are not served yet; this tag is left out'),
  })
  .superRefine((value, context) => {
    const kinds = (['literal', 'environment', 'header'] as const).filter((kind) => value[kind] !== undefined);
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

export const telemetrySpec = z
  .object({
    selector: z.object({ matchLabels: labelSelector.optional() }).optional(),
    targetRef: unsupported('only selectors choose workloads; this Telemetry concerns none'),
    targetRefs: unsupported('only selectors choose workloads; this Telemetry concerns none'),
    tracing: z.array(tracing).optional(),
    metrics: unsupported('metrics are not changed yet; all have all labels'),
    accessLogging: z.array(accessLogging).optional(),
  })
  .optional();
