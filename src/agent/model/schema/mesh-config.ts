/** Istio's MeshConfig: the fields that are served, and why the others are not. */
import { z } from 'zod';
import { TELEMETRY_FIELDS } from './extension-providers.ts';
import { duration, uint32 } from './fields.ts';
import { visibility } from './visibility.ts';
import { connectionPool } from './connection-pool.ts';
import { localitySetting, zoneAwareSetting } from './locality.ts';
import { outlierDetection } from './outlier-detection.ts';

const exportTo = visibility({ nobody: true }).optional();

export const meshConfig = z.looseObject({
  ...TELEMETRY_FIELDS,
  outboundTrafficPolicy: z.looseObject({ mode: z.enum(['ALLOW_ANY', 'REGISTRY_ONLY']).optional() }).optional(),
  connectTimeout: duration.optional(),
  h2UpgradePolicy: z.enum(['DO_NOT_UPGRADE', 'UPGRADE']).optional(),
  localityLbSetting: localitySetting.optional(),
  zoneAwareLbSetting: zoneAwareSetting.optional(),
  defaultTrafficPolicy: z
    .looseObject({ connectionPool: connectionPool.optional(), outlierDetection: outlierDetection.optional() })
    .optional(),
  tcpKeepalive: z.looseObject({ probes: uint32.optional(), time: duration.optional(), interval: duration.optional() }).optional(),
  defaultHttpRetryPolicy: z
    .looseObject({
      attempts: z.number().int().min(0).optional(),
      perTryTimeout: duration.optional(),
      retryOn: z.string().optional(),
      retryRemoteLocalities: z.boolean().optional(),
      retryIgnorePreviousHosts: z.boolean().optional(),
      backoff: duration.optional(),
    })
    .optional(),
  pathNormalization: z
    .looseObject({ normalization: z.enum(['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']).optional() })
    .optional(),
  defaultServiceExportTo: exportTo,
  defaultVirtualServiceExportTo: exportTo,
  defaultDestinationRuleExportTo: exportTo,
});
export type MeshConfigFields = z.output<typeof meshConfig>;

const NO_PROXY = 'it is about the process of a sidecar, which pods do not have here';
const NO_CONTROL_PLANE = "it is about Istio's control plane, which is not needed here";
const NO_TLS = 'there is no TLS between pods yet';
const NO_INGRESS = 'Ingress is not served; Gateways are';
const NOT_YET = 'it is not served yet';

/** Fields that Istio has. What is in neither table is unknown. */
export const UNSERVED: Readonly<Record<string, string>> = {
  ca: NO_CONTROL_PLANE,
  caCertificates: NO_TLS,
  certificates: NO_CONTROL_PLANE,
  configSources: NO_CONTROL_PLANE,
  disableEnvoyListenerLog: NO_PROXY,
  discoverySelectors: 'objects of all namespaces are read; leave some out by what the agent may read (RBAC)',
  dnsRefreshRate: 'names are asked for again when their time to live is over',
  enableAutoMtls: NO_TLS,
  enableEnvoyAccessLogService: NOT_YET,
  enablePrometheusMerge: 'the metrics of applications are scraped from the applications',
  hboneIdleTimeout: NO_TLS,
  inboundClusterStatName: 'it names a statistic of Envoy',
  inboundTrafficPolicy: 'connections that a pod receives always pass to the port that they ask for',
  ingressClass: NO_INGRESS,
  ingressControllerMode: NO_INGRESS,
  ingressSelector: NO_INGRESS,
  ingressService: NO_INGRESS,
  meshMTLS: NO_TLS,
  outboundClusterStatName: 'it names a statistic of Envoy',
  protocolDetectionTimeout: 'a client that speaks first is waited for 20 ms',
  proxyHttpPort: NO_PROXY,
  proxyInboundListenPort: 'the agent listens at 15006 in each pod',
  proxyListenPort: 'the agent listens at 15001 in each pod',
  serviceEntryVisibility: NOT_YET,
  serviceScopeConfigs: 'there is one cluster',
  serviceSettings: 'there is one cluster',
  tlsDefaults: NO_TLS,
  trustDomain: NO_TLS,
  trustDomainAliases: NO_TLS,
  verifyCertificateAtClient: NO_TLS,
};

/** Fields of `defaultConfig` that are read. */
export const SERVED_PROXY_FIELDS: ReadonlySet<string> = new Set(['tracing', 'meshId']);
/** As all others of a proxy, these cannot apply; they are those that people ask about. */
export const PROXY_REASONS: Readonly<Record<string, string>> = {
  holdApplicationUntilProxyStarts: 'nothing has to be waited for: until the agent has captured a pod, its connections go straight',
  terminationDrainDuration: 'the agent does not end with the pod; see --drain-timeout',
  drainDuration: 'the agent does not end with the pod; see --drain-timeout',
  concurrency: 'the agent has as many workers as --workers says',
  gatewayTopology: NOT_YET,
  proxyHeaders: NOT_YET,
  zipkinAddress: 'defaultConfig.tracing.zipkin.address says it',
};
export const NO_PROXY_REASON = NO_PROXY;
