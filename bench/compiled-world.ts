/** Objects for benchmarks of the compiler alone, without files, sockets and workers. */
import { Compiler } from '../src/agent/model/compile/index.ts';
import type { AnyObject } from '../src/agent/model/objects.ts';
import { pack } from '../src/agent/model/packed.ts';
import { refOf } from '../src/agent/model/problem.ts';
import type { ObjectChange } from '../src/agent/model/store.ts';
import { systemClock } from '../src/base/clock.ts';

const clock = systemClock();

export function newCompiler(): Compiler {
  return new Compiler({
    nodeName: 'here',
    clusterDomain: 'cluster.local',
    rootNamespace: 'istio-system',
    agentNamespace: 'nodeway-system',
    gatewayLabels: [],
    gatewayName: 'istio-ingressgateway',
    istioCompat: true,
  });
}

export function change(apiVersion: string, kind: string, metadata: object, rest: object): ObjectChange {
  const object = { apiVersion, kind, metadata, ...rest } as unknown as AnyObject;
  return { ref: refOf(object), object: pack(object), origin: { trusted: true, locate: () => null } };
}

const address = (network: number, index: number): string => `10.${network + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

/** Services by number, spread over so many namespaces, and a client in each. */
export class World {
  readonly namespaces: number;

  constructor(namespaces: number) {
    this.namespaces = namespaces;
  }

  namespaceOf(index: number): string {
    return `ns${index % this.namespaces}`;
  }

  service(index: number): ObjectChange {
    const spec = { selector: { app: `s${index}` }, clusterIP: address(96, index), ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
    return change('v1', 'Service', this.#named(index), { spec });
  }

  rule(index: number, timeout: string): ObjectChange {
    const route = [{ destination: { host: `s${index}` } }];
    const canary = { match: [{ uri: { prefix: '/api' }, headers: { 'x-canary': { exact: 'true' } } }], route, timeout };
    const spec = { hosts: [`s${index}`], http: [canary, { route }] };
    return change('networking.istio.io/v1', 'VirtualService', this.#named(index), { spec });
  }

  destinationRule(index: number): ObjectChange {
    const spec = { host: `s${index}`, trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } };
    return change('networking.istio.io/v1', 'DestinationRule', this.#named(index), { spec });
  }

  slice(index: number, endpoints: number): ObjectChange {
    const labels = { 'kubernetes.io/service-name': `s${index}` };
    return change('discovery.k8s.io/v1', 'EndpointSlice', { ...this.#named(index), labels }, {
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: Array.from({ length: endpoints }, (_, position) => ({ addresses: [address(10 + 10 * position, index)] })),
    }); // prettier-ignore
  }

  client(index: number): ObjectChange {
    const metadata = { name: 'client', namespace: this.namespaceOf(index), annotations: { 'nodeway.io/enroll': 'true' } };
    return change('v1', 'Pod', metadata, { spec: { nodeName: 'here' }, status: { podIP: address(200, index) } });
  }

  #named(index: number): { readonly name: string; readonly namespace: string } {
    return { name: `s${index}`, namespace: this.namespaceOf(index) };
  }
}

/** Of this thread: other work on the machine does not count. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** After a collection, with `--expose-gc`. */
export function heapMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

/** Makes so many changes, one after the other, and prints the median of what each took, which does not see other work on the machine. */
export function measureChanges(compiler: Compiler, what: string, count: number, make: (nth: number) => ObjectChange): void {
  const computed = compiler.progress.done;
  const times = Array.from({ length: count }, (_, nth) => {
    const one = make(nth);
    const before = clock.monotonic();
    compiler.apply([one]);
    return clock.monotonic() - before;
  }).sort((a, b) => a - b);
  const cells = (compiler.progress.done - computed) / count;
  console.log(`${what.padEnd(16)} ${times[count >> 1]?.toFixed(3)} ms, ${cells} cells`);
}
