/** networking.istio.io DestinationRule, with the rules of Istio's own validation. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { cookiePath, fieldName } from '../../../l7/message/wire-text.ts';
import { connectionPool } from './connection-pool.ts';
import { localitySetting, zoneAwareSetting } from './locality.ts';
import { outlierDetection } from './outlier-detection.ts';
import { duration, type Fault, judged, port, positiveDuration, present, text, uint32, wireText } from './fields.ts';
import { matchedHeaderFault } from './header-operations.ts';
import { checkedText, dnsLabel, domainFault, fullNameFault, labelSelector } from './names.ts';
import { clientTls } from './tls-settings.ts';
import { visibility } from './visibility.ts';

/** Envoy's limit of a ring (RingHashLbConfig.minimum_ring_size). */
const MAX_RING = 8_388_608;
const ringSize = z.number().int().min(0).max(MAX_RING, `must be at most ${MAX_RING}`);
/** Envoy's limit of the table. */
const MAX_TABLE = 5_000_011;
const KEYS = ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'] as const;
const ALGORITHMS = ['ringHash', 'maglev', 'minimumRingSize'] as const;

const consistentHash = z
  .object({
    httpHeaderName: present(checkedText(matchedHeaderFault)).optional(),
    httpCookie: z
      .object({
        name: wireText(fieldName),
        path: wireText(cookiePath).optional(),
        ttl: duration.optional(),
        attributes: z.array(z.object({ name: wireText(fieldName), value: wireText(cookiePath).optional() })).optional(),
      })
      .optional(),
    useSourceIp: present(z.boolean()).optional(),
    httpQueryParameterName: present(text.min(1)).optional(),
    ringHash: z.object({ minimumRingSize: ringSize.optional() }).optional(),
    maglev: z
      .object({
        tableSize: z
          .number('the size of the table must be given')
          .int()
          .lt(MAX_TABLE, `must be less than ${MAX_TABLE}`)
          .refine((size) => size >= MAX_TABLE || isPrime(size), 'must be a prime number'),
      })
      .optional(),
    minimumRingSize: ringSize.optional(),
  })
  .superRefine((value, context) => {
    (value.httpCookie?.attributes ?? []).forEach(({ name }, index, all) => {
      if (all.findIndex((other) => other.name === name) === index) return;
      context.addIssue({ code: 'custom', path: ['httpCookie', 'attributes', index, 'name'], message: `${name} is already given` });
    });
    const given = (names: readonly (keyof typeof value)[]): string[] => names.filter((name) => value[name] !== undefined);
    for (const names of [given(KEYS), given(ALGORITHMS)]) {
      for (const name of names.slice(1)) {
        context.addIssue({ code: 'custom', path: [name], message: `${names[0]} and ${name} exclude each other` });
      }
    }
  });

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

const warmup = z.object({
  duration: positiveDuration,
  minimumPercent: present(z.number().min(0).max(100)).optional(),
  aggression: present(z.number().gt(0, 'must be greater than 0')).optional(),
});

const loadBalancer = z
  .object({
    simple: z.enum(['UNSPECIFIED', 'LEAST_CONN', 'LEAST_REQUEST', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN']).optional(),
    consistentHash: consistentHash.optional(),
    localityLbSetting: localitySetting.optional(),
    zoneAwareLbSetting: zoneAwareSetting.optional(),
    warmup: warmup.optional(),
    warmupDurationSecs: present(duration).optional(),
  })
  .refine((value) => !(value.simple !== undefined && value.consistentHash !== undefined), 'simple and consistentHash exclude each other')
  .refine(
    (value) => !(value.localityLbSetting !== undefined && value.zoneAwareLbSetting !== undefined),
    'localityLbSetting and zoneAwareLbSetting exclude each other',
  );
/** Between pods everything is plain text: that is what DISABLE asks for, and what ISTIO_MUTUAL finds. */
const tls = judged(clientTls, ({ mode = 'DISABLE' }): readonly Fault[] => {
  if (mode === 'DISABLE') return [];
  if (mode === 'ISTIO_MUTUAL') return [{ path: ['mode'], reason: 'connections between pods are not encrypted yet', severity: 'warning' }];
  return [{ path: ['mode'], reason: 'TLS to destinations is not served yet' }];
}).transform(() => undefined);
const blocks = {
  loadBalancer: loadBalancer.optional(),
  connectionPool: connectionPool.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: tls.optional(),
};
interface PlacingBlocks {
  readonly loadBalancer?: z.output<typeof loadBalancer> | undefined;
  readonly outlierDetection?: unknown;
}
const tunnel = judged(
  z.object({
    protocol: z.enum(['CONNECT', 'POST']).optional(),
    targetHost: checkedText((name) => (isIP(name) === 0 ? fullNameFault(name) : null)),
    targetPort: port,
  }),
  ({ protocol }): readonly Fault[] => (protocol === 'POST' ? [{ path: ['protocol'], reason: 'proxies are asked by CONNECT only' }] : []),
);
const proxyProtocol = z.object({ version: z.enum(['V1', 'V2']).optional() });
/** Retries that a client may have under way: a share of its requests. */
const retryBudget = z.object({
  percent: present(z.number().min(0).max(100)).optional(),
  budgetInterval: duration.optional(),
  minRetryConcurrency: present(uint32).optional(),
});
const notEmpty = (value: object): boolean => Object.keys(value).length > 0;
const portPolicy = judged(
  z
    .object({ port: z.object({ number: port }), ...blocks })
    .refine((entry) => Object.keys(entry).some((key) => key !== 'port'), 'a policy has at least one field'),
  placingFaults,
);
const trafficPolicy = judged(
  z
    .object({
      ...blocks,
      portLevelSettings: z.array(portPolicy).optional(),
      tunnel: tunnel.optional(),
      proxyProtocol: proxyProtocol.optional(),
      retryBudget: retryBudget.optional(),
    })
    .refine(notEmpty, 'a policy has at least one field')
    .refine((value) => !('tunnel' in value && 'proxyProtocol' in value), 'tunnel and proxyProtocol exclude each other'),
  placingFaults,
);

/** What Istio warns of. */
function placingFaults(blocks: PlacingBlocks): readonly Fault[] {
  if (blocks.loadBalancer?.consistentHash?.minimumRingSize === undefined) return failoverFaults(blocks);
  const path = ['loadBalancer', 'consistentHash', 'minimumRingSize'];
  return [{ path, reason: 'deprecated: ringHash.minimumRingSize takes its place', severity: 'warning' }, ...failoverFaults(blocks)];
}

function selectorFaults({ matchLabels = {} }: { readonly matchLabels?: Readonly<Record<string, string>> | undefined }): Fault[] {
  if (Object.keys(matchLabels).length > 0) return [];
  return [{ path: [], reason: 'without labels it is for all pods of the namespace', severity: 'warning' }];
}

/** Nobody would notice that an endpoint has failed. */
function failoverFaults({ loadBalancer: balancer, outlierDetection: detection }: PlacingBlocks): readonly Fault[] {
  if (detection !== undefined) return [];
  return (['localityLbSetting', 'zoneAwareLbSetting'] as const).flatMap((name): Fault[] => {
    const { failover = [], failoverPriority = [] } = balancer?.[name] ?? {};
    const reason = 'failover needs outlierDetection, without which nothing is known to have failed';
    return failover.length + failoverPriority.length === 0 ? [] : [{ path: ['loadBalancer', name], reason, severity: 'warning' }];
  });
}
const subset = z.object({ name: dnsLabel, labels: labelSelector.optional(), trafficPolicy: trafficPolicy.optional() });

export const destinationRuleSpec = z
  .object({
    host: checkedText(domainFault),
    trafficPolicy: trafficPolicy.optional(),
    subsets: z.array(subset).optional(),
    exportTo: visibility({ nobody: false }).optional(),
    workloadSelector: judged(z.object({ matchLabels: labelSelector.optional() }), selectorFaults).optional(),
  })
  .superRefine(({ subsets = [] }, context) => {
    subsets.forEach(({ name }, index) => {
      if (subsets.findIndex((other) => other.name === name) === index) return;
      context.addIssue({ code: 'custom', path: ['subsets', index, 'name'], message: `a subset ${name} is already given` });
    });
  });

interface DestinationRuleForm {
  readonly metadata: { readonly namespace?: string | undefined };
  readonly spec: z.infer<typeof destinationRuleSpec>;
}

/** A rule for some workloads alone is for those of its own namespace. */
export function checkSelectedClients({ metadata, spec }: DestinationRuleForm, context: z.RefinementCtx): void {
  const { namespace = 'default' } = metadata;
  const { exportTo = [], workloadSelector } = spec;
  if (workloadSelector === undefined) return;
  const beyond = exportTo.findIndex((entry) => entry !== '.' && entry !== namespace);
  if (beyond < 0) return;
  const message = 'a rule with a workloadSelector is for its own namespace';
  context.addIssue({ code: 'custom', path: ['spec', 'exportTo', beyond], message });
}
