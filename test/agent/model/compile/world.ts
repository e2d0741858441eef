/** Manifests as the agent reads them, and what the compiler makes of them. */
import t from 'tap';
import { Compiler, type CompileOptions, type LocalPod } from '../../../../src/agent/model/compile/index.ts';
import type { Problem } from '../../../../src/agent/model/problem.ts';
import { type ObjectChange, ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/file-text.ts';
import type { ClusterConfig, EndpointConfig } from '../../../../src/l7/config/cluster.ts';
import type { RouteConfig, VirtualHostConfig } from '../../../../src/l7/config/route.ts';
import type { DestinationConfig, ScopeConfig } from '../../../../src/l7/config/workload.ts';
import type { Snapshot } from '../../../../src/l7/snapshot.ts';

export const OPTIONS: CompileOptions = {
  nodeName: 'n1',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  agentNamespace: 'nodeway-system',
  gatewayLabels: [{ istio: 'ingressgateway' }, { istio: 'gateway' }],
  gatewayName: 'istio-ingressgateway',
  istioCompat: true,
};

/** All documents of these texts; each must be accepted by its schema. */
export function storeOf(...texts: readonly string[]): ObjectStore {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const [index, text] of texts.entries()) {
    const { objects, problems } = parseManifest(`${index}.yaml`, text);
    t.same(problems, [], 'the manifests can be read');
    for (const entry of objects) sink.upsert(entry.object!, entry);
  }
  const refused = store.problems().filter(({ severity }) => severity === 'error');
  t.same(refused, [], 'the manifests are accepted');
  return store;
}

/** What the compiler makes of these objects, and nothing else. */
export interface Compiled {
  readonly compiler: Compiler;
  readonly snapshot: Snapshot;
  readonly problems: readonly Problem[];
  readonly localPods: readonly LocalPod[];
  /** Those whose traffic is to be taken over. */
  readonly pods: readonly LocalPod[];
}

function compileStore(store: ObjectStore, options: Partial<CompileOptions> = {}): Compiled {
  const compiler = new Compiler({ ...OPTIONS, ...options }, (ref) => store.origin(ref));
  return applied(compiler, store.takeChanges());
}

export function applied(compiler: Compiler, changes: readonly ObjectChange[]): Compiled {
  const { faults } = compiler.apply(changes);
  if (faults[0] !== undefined) throw faults[0].error;
  const { snapshot, localPods } = compiler;
  return { compiler, snapshot, problems: compiler.problems(), localPods, pods: localPods.filter(({ enrolled }) => enrolled) };
}

export function compileText(text: string | readonly string[], options: Partial<CompileOptions> = {}): Compiled {
  return compileStore(storeOf(...(typeof text === 'string' ? [text] : text)), options);
}

/** A pod of this node that is enrolled. */
export function client(name = 'client', namespace = 'default', labels = 'app: client'): string {
  return `
---
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${namespace}
  labels: { ${labels} }
  annotations: { nodeway.io/enroll: 'true', nodeway.io/netns: /run/netns/${name} }
status: { podIP: 10.0.9.9 }
`;
}

export function service(name: string, ports = '[{ name: http, port: 80, targetPort: 8080 }]', rest = ''): string {
  return `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec:
  selector: { app: ${name} }
  ports: ${ports}
  ${rest}
`;
}

export function pod(name: string, ip: string, labels: string, rest = ''): string {
  return `
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: default, labels: { ${labels} } }
${rest}
status: { podIP: ${ip} }
`;
}

export function virtualService(http: string, head = 'hosts: [a]', metadata = 'name: a, namespace: default'): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { ${metadata} }
spec:
  ${head}
  http: ${http}
`;
}

export function destinationRule(spec: string, metadata = 'name: a, namespace: default'): string {
  return `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { ${metadata} }
spec: ${spec}
`;
}

export function scopeOf({ snapshot }: Compiled, workload = 'default/client'): ScopeConfig {
  return snapshot.records.scopes.get(snapshot.records.workloads.get(workload)?.scope ?? '') as ScopeConfig;
}

/** Names that such a client may ask for at a port, each with the virtual host that it gets. */
export type Table = ReadonlyMap<string, VirtualHostConfig>;

export function tableOf(compiled: Compiled, port = 80, workload = 'default/client'): Table {
  const { layers, namespace } = scopeOf(compiled, workload);
  return tableOfLayers(compiled, layers, port, namespace);
}

export function gatewayTable(compiled: Compiled, port = 80): Table | undefined {
  const gateway = compiled.snapshot.records.gateways.get(String(port));
  return gateway === undefined ? undefined : tableOfLayers(compiled, [gateway.layer], port, null);
}

function tableOfLayers({ snapshot }: Compiled, layers: readonly string[], port: number, namespace: string | null): Table {
  const table = new Map<string, VirtualHostConfig>();
  for (const layer of layers) {
    const seen = new Set<string>();
    for (const host of snapshot.records.virtualHosts.values()) {
      if (host.layer !== layer || host.port !== port) continue;
      for (const domain of [...host.domains, ...(host.local?.namespace === namespace ? host.local.domains : [])]) {
        if (seen.has(domain)) t.fail(`${domain} twice in ${layer} at ${port}`);
        seen.add(domain);
        if (!table.has(domain)) table.set(domain, host);
      }
    }
  }
  return table;
}

export function hostOf(table: Table | undefined, domain: string): VirtualHostConfig | undefined {
  return table?.get(domain);
}

/** What a request for `host` gets: the exact domain, else the longest wildcard that has it. */
export function lookUp(table: Table, host: string): VirtualHostConfig | null {
  const name = host.toLowerCase();
  const wide = [...table.keys()].filter(
    (domain) => domain.startsWith('*') && name.length >= domain.length && name.endsWith(domain.slice(1)),
  );
  const [longest] = wide.sort((a, b) => b.length - a.length);
  return table.get(name) ?? (longest === undefined ? null : (table.get(longest) ?? null));
}

/** What stands behind addresses for such a client. */
export function addressesOf(compiled: Compiled, workload = 'default/client'): Record<string, DestinationConfig> {
  const records = [...compiled.snapshot.records.addresses.values()];
  const layers = scopeOf(compiled, workload).layers.toReversed();
  return Object.fromEntries(
    layers.flatMap((layer) => records.filter((record) => record.layer === layer).flatMap(({ entries }) => entries)),
  );
}

export function routesOf(compiled: Compiled, domain = 'a', port = 80, workload = 'default/client'): readonly RouteConfig[] {
  return hostOf(tableOf(compiled, port, workload), domain)?.routes ?? [];
}

/** The only route of a VirtualService for `a`, which stands behind these HTTP rules. */
export function onlyRoute(http: string, ...more: readonly string[]): RouteConfig {
  const routes = routesOf(compileText([client(), service('a'), service('b'), virtualService(http), ...more]));
  t.equal(routes.length, 1, 'one route');
  return routes[0] as RouteConfig;
}

export function clustersOf(route: RouteConfig | undefined): string[] {
  return route?.action.kind === 'route' ? route.action.destinations.map(({ cluster }) => cluster) : [];
}

export function cluster({ snapshot }: Compiled, id: string): ClusterConfig {
  return snapshot.records.clusters.get(id) as ClusterConfig;
}

export function endpoints({ snapshot }: Compiled, id: string): readonly EndpointConfig[] {
  return snapshot.endpoints.get(id) ?? [];
}

/** `path: message` of all problems. */
export function complaints({ problems }: Compiled): string[] {
  return problems.map(({ object, path, message }) => `${object?.kind} ${path}: ${message}`);
}
