/** Clusters: a service's port and subset, with the policy that the client's namespace sees. */
import type { ClusterConfig } from '../../../l7/snapshot.ts';
import { balancerConfig } from './balancers.ts';
import { type DestinationRules, loadBalancerOf } from './destination-rules.ts';
import type { ServiceEndpoint } from './endpoints.ts';
import { selects } from './selectors.ts';
import type { MeshPort, MeshService, PortOfService, Services } from './services.ts';

export function clusterName(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** Ids are Istio's names, and more only where clients of one namespace see another policy than the others. */
export class ClusterIds {
  readonly #services: Services;
  readonly #rules: DestinationRules;

  constructor(services: Services, rules: DestinationRules) {
    this.#services = services;
    this.#rules = rules;
  }

  /** Of what does not exist, an id that no cluster has. */
  of(client: string, host: string, port: number, subset: string): string {
    const name = clusterName(port, subset, host);
    const service = this.#services.get(host);
    return service !== null && this.#rules.differs(client, service) ? `${name}@${client}` : name;
  }

  /** Of one endpoint of a headless service, which clients ask for by its own address. */
  instance(client: string, { service, port }: PortOfService, { config }: ServiceEndpoint): string {
    return `${this.of(client, service.host, port.number, '')}#${config.address}`;
  }
}

export interface ClusterSource {
  readonly services: Services;
  readonly rules: DestinationRules;
  readonly ids: ClusterIds;
  readonly connectTimeoutMs: number;
}

/** All clusters that exist for clients of these namespaces. */
export function clusterConfigs(source: ClusterSource, clients: readonly string[]): Record<string, ClusterConfig> {
  const clusters: Record<string, ClusterConfig> = {};
  const add = (config: ClusterConfig): void => void (clusters[config.id] = config);
  for (const service of source.services.list) {
    // What most clients see comes from the service's own namespace or the root.
    const views = [service.namespace, ...clients.filter((client) => source.rules.differs(client, service))];
    for (const client of new Set(views)) for (const port of service.ports) portClusters(source, client, service, port).forEach(add);
  }
  return clusters;
}

function portClusters(source: ClusterSource, client: string, service: MeshService, port: MeshPort): ClusterConfig[] {
  const { rules, ids, connectTimeoutMs } = source;
  const rule = rules.find(client, service);
  const cluster = (subset: string, endpoints: readonly ServiceEndpoint[], id?: string): ClusterConfig => ({
    id: id ?? ids.of(client, service.host, port.number, subset),
    name: clusterName(port.number, subset, service.host),
    service: port.ref,
    subset,
    balancer: balancerConfig(loadBalancerOf(rule, subset, port.number)),
    connectTimeoutMs,
    endpoints: endpoints.map(({ config }) => config),
  });
  const subsets = [...(rule?.subsets.values() ?? [])].map(({ name, labels }) =>
    cluster(
      name,
      port.endpoints.filter((endpoint) => selects(labels ?? {}, endpoint.labels)),
    ),
  );
  const instances = service.headless
    ? port.endpoints.map((endpoint) => cluster('', [endpoint], ids.instance(client, { service, port }, endpoint)))
    : [];
  return [cluster('', port.endpoints), ...subsets, ...instances];
}
