/** Manifests as the agent reads them, and what the compiler makes of them. */
import t from 'tap';
import { compile, type Compiled, type CompileOptions } from '../../../../src/agent/model/compile/index.ts';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/document.ts';
import type { ClusterConfig, RouteConfig, RouteTableConfig, ScopeConfig, VirtualHostConfig } from '../../../../src/l7/snapshot.ts';

export const OPTIONS: CompileOptions = {
  nodeName: 'n1',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  agentNamespace: 'nodeway-system',
  gatewayLabels: [{ istio: 'ingressgateway' }, { istio: 'gateway' }],
  istioCompat: true,
};

/** All documents of these texts; each must be accepted by its schema. */
export function storeOf(...texts: readonly string[]): ObjectStore {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const [index, text] of texts.entries()) {
    const { objects, problems } = parseManifest(`${index}.yaml`, text);
    t.same(problems, [], 'the manifests can be read');
    for (const { object, origin } of objects) sink.upsert(object, origin);
  }
  const refused = store.problems().filter(({ severity }) => severity === 'error');
  t.same(refused, [], 'the manifests are accepted');
  return store;
}

export function compileText(text: string | readonly string[], options: Partial<CompileOptions> = {}): Compiled {
  return compile(storeOf(...(typeof text === 'string' ? [text] : text)), { ...OPTIONS, ...options });
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
  return snapshot.scopes[snapshot.workloads[workload]?.scope ?? ''] as ScopeConfig;
}

export function tableOf(compiled: Compiled, port = 80, workload = 'default/client'): RouteTableConfig {
  return scopeOf(compiled, workload).http[port] as RouteTableConfig;
}

export function hostOf({ virtualHosts }: RouteTableConfig, domain: string): VirtualHostConfig | undefined {
  return virtualHosts.find(({ domains }) => domains.includes(domain));
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
  return snapshot.clusters[id] as ClusterConfig;
}

/** `path: message` of all problems. */
export function complaints({ problems }: Compiled): string[] {
  return problems.map(({ object, path, message }) => `${object?.kind} ${path}: ${message}`);
}
