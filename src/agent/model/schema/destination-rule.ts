/** networking.istio.io DestinationRule. */
import { z } from 'zod';
import { duration, exportTo, labels, port, text, unsupported } from './fields.ts';

const consistentHash = z
  .object({
    httpHeaderName: text.optional(),
    httpCookie: z.object({ name: text.min(1), path: text.optional(), ttl: duration.optional(), attributes: unsupported() }).optional(),
    useSourceIp: z.boolean().optional(),
    httpQueryParameterName: text.optional(),
    ringHash: z.object({ minimumRingSize: z.number().int().min(0).optional() }).optional(),
    maglev: z.object({ tableSize: z.number().int().min(0).max(5000011).optional() }).optional(),
    minimumRingSize: z.number().int().min(0).optional(),
  })
  .refine((value) => !(value.ringHash !== undefined && value.maglev !== undefined), 'ringHash and maglev exclude each other');
const loadBalancer = z
  .object({
    simple: z.enum(['UNSPECIFIED', 'LEAST_CONN', 'LEAST_REQUEST', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN']).optional(),
    consistentHash: consistentHash.optional(),
    localityLbSetting: unsupported('localities are not weighed yet'),
    zoneAwareLbSetting: unsupported('localities are not weighed yet'),
    warmup: unsupported(),
    warmupDurationSecs: unsupported(),
  })
  .refine((value) => !(value.simple !== undefined && value.consistentHash !== undefined), 'simple and consistentHash exclude each other');
const blocks = {
  loadBalancer: loadBalancer.optional(),
  connectionPool: unsupported('limits of connections are not applied yet'),
  outlierDetection: unsupported('outliers are not ejected yet'),
  tls: unsupported('TLS to destinations is not served yet'),
};
const trafficPolicy = z.object({
  ...blocks,
  portLevelSettings: z.array(z.object({ port: z.object({ number: port }), ...blocks })).optional(),
  tunnel: unsupported(),
  proxyProtocol: unsupported(),
  retryBudget: unsupported(),
});

export const destinationRuleSpec = z
  .object({
    host: text.min(1),
    trafficPolicy: trafficPolicy.optional(),
    subsets: z.array(z.object({ name: text.min(1), labels: labels.optional(), trafficPolicy: trafficPolicy.optional() })).optional(),
    exportTo,
    workloadSelector: unsupported('the rule applies to all clients'),
  })
  .superRefine((value, context) => {
    const names = (value.subsets ?? []).map(({ name }) => name);
    if (new Set(names).size < names.length) context.addIssue({ code: 'custom', path: ['subsets'], message: 'a subset is given twice' });
  });
