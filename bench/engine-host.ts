/** One engine on the native transport, without an agent: `node bench/engine-host.ts PORT UPSTREAM_PORT`. */
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { Engine } from '../src/l7/engine.ts';
import { Stats } from '../src/l7/record/stats.ts';
import type { ClusterConfig, EndpointConfig } from '../src/l7/config/cluster.ts';
import { UNKNOWN_IDENTITY } from '../src/l7/config/identity.ts';
import type { RouteAction, RouteConfig } from '../src/l7/config/route.ts';
import { NativeTransport } from '../src/l7/transport/native.ts';

const [port = 0, upstreamPort = 0] = process.argv.slice(2).map(Number);

function cluster(id: string): ClusterConfig {
  return {
    id,
    name: `outbound|80||${id}.bench`,
    service: { host: `${id}.bench`, name: id, namespace: 'bench', port: 80 },
    balancer: { kind: 'least-request' },
    connectTimeoutMs: 10_000,
    family: 4,
  };
}

function route(prefix: string, header: string, value: string, destination: string): RouteConfig {
  const action: RouteAction = {
    kind: 'route',
    destinations: [{ cluster: destination, weight: 1 }],
    mirrors: [],
    timeoutMs: 0,
    retry: {
      attempts: 2,
      perTryTimeoutMs: 0,
      on: ['connect-failure', 'refused-stream', 'unavailable', 'cancelled'],
      statusCodes: [503],
      backoffMs: 25,
      avoidPreviousHosts: true,
    },
  };
  return {
    name: '',
    match: { path: { kind: 'prefix', value: prefix }, headers: [{ name: header, invert: false, match: { kind: 'exact', value } }] },
    action,
  };
}

const routes = [
  route('/admin', 'x-role', 'root', 'second'),
  route('/api', 'x-tenant', 'green', 'second'),
  route('/api', 'x-tenant', 'blue', 'first'),
];
const clock = systemClock();
const engine = new Engine({
  transport: NativeTransport.create({}),
  stats: new Stats({ added: () => {}, ended: () => {} }),
  originalDestinations: { take: () => null },
  mark: 0,
  random: systemRandom(),
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  log: (level, message, fields) => void process.stderr.write(`${JSON.stringify({ level, ...fields, message })}\n`),
  unfit: (cause) => {
    process.stderr.write(`${cause}\n`);
    process.exitCode = 1;
  },
});
const endpoint: EndpointConfig = { address: '127.0.0.1', port: upstreamPort, weight: 1, identity: UNKNOWN_IDENTITY, local: null };
engine.apply({
  version: 1,
  records: {
    gateways: { set: new Map([[String(port), { port, layer: 'gateway' }]]), remove: [] },
    virtualHosts: { set: new Map([['any', { layer: 'gateway', port, name: 'any', domains: ['*'], local: null, routes }]]), remove: [] },
    clusters: {
      set: new Map([
        ['first', cluster('first')],
        ['second', cluster('second')],
      ]),
      remove: [],
    },
  },
  endpoints: ['first', 'second'].map((id) => ({ cluster: id, set: [endpoint], remove: [] })),
});
engine.listen({ kind: 'gateway', id: 1, fd: -1, port }, { address: '127.0.0.1', port });
