/** Clusters: a service's port and subset, with the policy that the client's namespace sees. */
import type { ClusterConfig } from '../../../l7/config/cluster.ts';
import type { PolicyBlocks, StringMap } from '../objects.ts';
import { balancerConfig } from './balancers.ts';
import { connectTimeout, poolConfig } from './connection-pools.ts';
import { namespaceOf } from './client-class.ts';
import { type DestinationRules, policyOf, tunnelOf } from './destination-rules.ts';
import { socketAddress } from './hosts.ts';
import type { MergedRule } from './merged-rules.ts';
import type { MeshConfig } from './mesh-config.ts';
import { clusterName, type MeshPort, type MeshService, portOf } from './mesh-service.ts';
import { outlierConfig } from './outlier-detection.ts';
import type { Services } from './services.ts';
import { wireOf } from './protocols.ts';

/** Ids are Istio's names, and more only where clients of one namespace see another policy than the others. */
export class ClusterIds {
  readonly #services: Services;
  readonly #rules: DestinationRules;

  constructor(services: Services, rules: DestinationRules) {
    this.#services = services;
    this.#rules = rules;
  }

  /** Of what does not exist, an id that no cluster has. @param client its class; null: one without rules of its own. */
  of(client: string | null, host: string, port: number, subset: string): string {
    const namespace = namespaceOf(client);
    const service = this.#services.get(host, namespace);
    if (service === null) return clusterName(port, subset, host);
    const known = subset === '' ? portOf(service, port)?.cluster : undefined;
    const differs =
      this.#rules.differs(client, service) || (namespace !== null && this.#services.clientsOfTheirOwn(host).includes(namespace));
    return clusterId(known ?? clusterName(port, subset, host), differs ? client : null);
  }
}

/** Of one endpoint of a headless service, which clients ask for by its own address. */
export function instanceId(cluster: string, address: string): string {
  return `${cluster}#${address}`;
}

function clusterId(name: string, client: string | null): string {
  return client === null ? name : `${name}@${client}`;
}

/** A cluster as far as it does not depend on its endpoints. */
export interface ClusterPlan {
  readonly id: string;
  /** Istio's. */
  readonly name: string;
  readonly subset: string;
  /** What endpoints must have; null: all are in. */
  readonly labels: StringMap | null;
}

/** What clients see of a service: most of them, or those of one namespace. */
export interface ServiceView {
  readonly client: string | null;
  readonly service: MeshService;
  readonly rule: MergedRule | null;
}

export function serviceViews(services: Services, rules: DestinationRules, host: string): ServiceView[] {
  const own = services.clientsOfTheirOwn(host).filter((client) => rules.hasClients(client));
  const seen = new Set([null, ...own].map((client) => services.get(host, client)));
  const byRule = new Set([...seen].flatMap((service) => (service === null ? [] : rules.clientsOfTheirOwn(service))));
  return [...new Set([null, ...byRule, ...own])].flatMap((client) => {
    const service = services.get(host, namespaceOf(client));
    return service === null ? [] : [{ client, service, rule: rules.find(client, service) }];
  });
}

export function clusterPlans({ client, service, rule }: ServiceView, port: MeshPort): ClusterPlan[] {
  if (port.leadsNowhere === true) return [];
  const plan = (subset: string, labels: StringMap | null): ClusterPlan => {
    const name = subset === '' ? port.cluster : clusterName(port.number, subset, service.host);
    return { id: clusterId(name, client), name, subset, labels };
  };
  return [plan('', null), ...(rule?.subsets ?? []).map(({ name, labels }) => plan(name, labels ?? {}))];
}

type ClusterDefaults = Pick<MeshConfig, 'settings' | 'tcpKeepalive' | 'h2UpgradePolicy' | 'defaultPolicy'>;

export function clusterConfig(
  { id, name, subset }: Pick<ClusterPlan, 'id' | 'name' | 'subset'>,
  { rule, service }: ServiceView,
  port: MeshPort,
  { settings: { connectTimeoutMs }, tcpKeepalive, h2UpgradePolicy, defaultPolicy }: ClusterDefaults,
): ClusterConfig {
  const policy = { ...defaultPolicy, ...policyOf(rule, subset, port.number) };
  const original = originalOf(service, port, policy);
  const wire = wireOf(port.protocol, policy.connectionPool?.http, h2UpgradePolicy);
  const pool = poolConfig(policy, tcpKeepalive);
  const tunnel = tunnelOf(rule, subset);
  return {
    id,
    name,
    service: port.ref,
    balancer: balancerConfig(policy.loadBalancer),
    connectTimeoutMs: connectTimeout(policy) ?? connectTimeoutMs,
    family: service.families[0] ?? 4,
    ...(original !== undefined && { original }),
    ...(service.headless && { chosenBefore: true }),
    ...(pool !== undefined && { pool }),
    ...(policy.outlierDetection !== undefined && { outliers: outlierConfig(policy.outlierDetection) }),
    ...(wire !== undefined && { wire }),
    ...(policy.proxyProtocol !== undefined && { proxyProtocol: policy.proxyProtocol.version === 'V2' ? 2 : 1 }),
    ...(tunnel !== undefined && { tunnel: socketAddress(tunnel.targetHost, tunnel.targetPort) }),
  };
}

/** Connections go on to where they were going: a ServiceEntry says so, or a rule (PASSTHROUGH), whatever endpoints there are. */
function originalOf(service: MeshService, port: MeshPort, { loadBalancer }: PolicyBlocks): ClusterConfig['original'] {
  const { targetPort } = port;
  if (service.entry?.resolution === 'original') return { port: typeof targetPort === 'number' ? targetPort : null };
  return loadBalancer?.simple === 'PASSTHROUGH' ? { port: null } : undefined;
}
