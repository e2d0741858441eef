/**
 * What Sidecars that import a part of the mesh cost the compiler: `node --expose-gc bench/sidecars.ts [SERVICES] [NAMESPACES] [IMPORTED]`.
 * So many Services with a VirtualService and a slice each, a client and a Sidecar in each of so many namespaces, of which each Sidecar
 * imports so many; then 9 changes of each kind. Times are CPU time of the thread.
 */
import { Compiler } from '../src/agent/model/compile/index.ts';
import type { AnyObject } from '../src/agent/model/objects.ts';
import { pack } from '../src/agent/model/packed.ts';
import { refOf } from '../src/agent/model/problem.ts';
import type { ObjectChange } from '../src/agent/model/store.ts';

const [services = 20_000, namespaces = 100, imported = 10] = process.argv.slice(2).map(Number);
const CHANGES = 9;

const namespaceOf = (index: number): string => `ns${index % namespaces}`;
const address = (network: number, index: number): string => `10.${network + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

function change(apiVersion: string, kind: string, metadata: object, rest: object): ObjectChange {
  const object = { apiVersion, kind, metadata, ...rest } as unknown as AnyObject;
  return { ref: refOf(object), object: pack(object), origin: { trusted: true, locate: () => null } };
}

function service(index: number): ObjectChange {
  const spec = { selector: { app: `s${index}` }, clusterIP: address(96, index), ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
  return change('v1', 'Service', { name: `s${index}`, namespace: namespaceOf(index) }, { spec });
}

function rule(index: number, timeout: string): ObjectChange {
  const route = [{ destination: { host: `s${index}` } }];
  const canary = { match: [{ uri: { prefix: '/api' }, headers: { 'x-canary': { exact: 'true' } } }], route, timeout };
  const metadata = { name: `s${index}`, namespace: namespaceOf(index) };
  return change('networking.istio.io/v1', 'VirtualService', metadata, { spec: { hosts: [`s${index}`], http: [canary, { route }] } });
}

function slice(index: number, endpoints: number): ObjectChange {
  const labels = { 'kubernetes.io/service-name': `s${index}` };
  return change('discovery.k8s.io/v1', 'EndpointSlice', { name: `s${index}-x`, namespace: namespaceOf(index), labels }, {
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: Array.from({ length: endpoints }, (_, position) => ({ addresses: [address(10 + 10 * position, index)] })),
  }); // prettier-ignore
}

function client(index: number): ObjectChange {
  const metadata = { name: 'client', namespace: namespaceOf(index), annotations: { 'nodeway.io/enroll': 'true' } };
  return change('v1', 'Pod', metadata, { spec: { nodeName: 'here' }, status: { podIP: address(200, index) } });
}

function sidecar(index: number, count: number): ObjectChange {
  const hosts = Array.from({ length: count }, (_, position) => `${namespaceOf(index + position)}/*`);
  return change('networking.istio.io/v1', 'Sidecar', { name: 'default', namespace: namespaceOf(index) }, { spec: { egress: [{ hosts }] } });
}

/** Of this thread: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function heapMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

function measureChanges(what: string, make: (index: number) => ObjectChange): void {
  const computed = compiler.progress.done;
  const times = Array.from({ length: CHANGES }, (_, index) => {
    const one = make(index * 7);
    const before = cpuMs();
    compiler.apply([one]);
    return cpuMs() - before;
  }).sort((a, b) => a - b);
  const cells = (compiler.progress.done - computed) / CHANGES;
  console.log(`${what.padEnd(16)} ${times[(CHANGES - 1) / 2]?.toFixed(2)} ms, ${cells} cells`);
}

const everything = [
  ...Array.from({ length: services }, (_, index) => [service(index), rule(index, '5s'), slice(index, 2)]).flat(),
  ...Array.from({ length: namespaces }, (_, index) => [client(index), ...(imported > 0 ? [sidecar(index, imported)] : [])]).flat(),
];
const compiler = new Compiler({
  nodeName: 'here',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  agentNamespace: 'nodeway-system',
  gatewayLabels: [],
  gatewayName: 'istio-ingressgateway',
  istioCompat: true,
});
const heap = heapMegabytes();
const cpu = cpuMs();
compiler.apply(everything);
console.log(
  `${services} services, ${namespaces} namespaces, ${imported} imported: ${Math.round(cpuMs() - cpu)} ms, ${compiler.progress.done} cells`,
);
console.log(`${Math.round(heapMegabytes() - heap)} MB, ${compiler.snapshot.records.virtualHosts.size} virtual hosts`);
measureChanges('VirtualService', (index) => rule(index, '6s'));
measureChanges('EndpointSlice', (index) => slice(index, 3));
measureChanges('Service', (index) => service(services + index));
if (imported > 0) measureChanges('Sidecar', (index) => sidecar(index % namespaces, imported + 1));
