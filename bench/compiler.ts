/**
 * What the compiler costs: `node --expose-gc bench/compiler.ts [SERVICES]`. So many Services, each with a VirtualService and an
 * EndpointSlice of two endpoints, clients in 20 namespaces; then 200 changes of each kind. The first compilation's
 * time is CPU time of the thread.
 */
import { Compiler } from '../src/agent/model/compile/index.ts';
import type { AnyObject } from '../src/agent/model/objects.ts';
import { pack } from '../src/agent/model/packed.ts';
import { refOf } from '../src/agent/model/problem.ts';
import type { ObjectChange } from '../src/agent/model/store.ts';
import { systemClock } from '../src/base/clock.ts';

const NAMESPACES = 20;
const clock = systemClock();
const CHANGES = 200;
const services = Number(process.argv[2] ?? 20_000);

function change(apiVersion: string, kind: string, metadata: object, rest: object): ObjectChange {
  const object = { apiVersion, kind, metadata, ...rest } as unknown as AnyObject;
  return { ref: refOf(object), object: pack(object), origin: { trusted: true, locate: () => null } };
}

const namespaceOf = (index: number): string => `ns${index % NAMESPACES}`;
const address = (network: number, index: number): string => `10.${network + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

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

function destinationRule(index: number): ObjectChange {
  const spec = { host: `s${index}`, trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } };
  return change('networking.istio.io/v1', 'DestinationRule', { name: `s${index}`, namespace: namespaceOf(index) }, { spec });
}

function client(index: number): ObjectChange {
  const metadata = { name: 'client', namespace: namespaceOf(index), annotations: { 'nodeway.io/enroll': 'true' } };
  return change('v1', 'Pod', metadata, { spec: { nodeName: 'here' }, status: { podIP: address(200, index) } });
}

function heapMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

/** Of this thread: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The median does not see what else the machine did. */
function measureChanges(what: string, make: (index: number) => ObjectChange): void {
  const computed = compiler.progress.done;
  const times = Array.from({ length: CHANGES }, (_, index) => {
    const one = make((index * 7) % services);
    const before = clock.monotonic();
    compiler.apply([one]);
    return clock.monotonic() - before;
  }).sort((a, b) => a - b);
  const cells = (compiler.progress.done - computed) / CHANGES;
  console.log(`${what.padEnd(16)} ${times[CHANGES / 2]?.toFixed(3)} ms, ${cells} cells`);
}

const objects = Array.from({ length: services }, (_, index) => [service(index), rule(index, '5s'), slice(index, 2)]).flat();
objects.push(...Array.from({ length: NAMESPACES }, (_, index) => client(index)));
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
compiler.apply(objects);
console.log(`${services} services: ${Math.round(cpuMs() - cpu)} ms, ${compiler.progress.done} cells`);
console.log(`${(((heapMegabytes() - heap) * 1000) / services).toFixed(1)} KB of heap a service, besides the objects`);
measureChanges('VirtualService', (index) => rule(index, '6s'));
measureChanges('EndpointSlice', (index) => slice(index, 3));
measureChanges('Service', (index) => service(services + index));
measureChanges('DestinationRule', destinationRule);
