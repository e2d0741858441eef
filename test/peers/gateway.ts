/** An engine on the native transport with one gateway port before one upstream, without an agent: GATEWAY_PORT UPSTREAM_PORT http1|http2. */
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { UNKNOWN_IDENTITY } from '../../src/l7/config/identity.ts';
import { Engine } from '../../src/l7/engine.ts';
import { Stats } from '../../src/l7/record/stats.ts';
import { NativeTransport } from '../../src/l7/transport/native.ts';

const [, , gateway = '0', upstream = '0', wire = 'http1'] = process.argv;
const port = Number(gateway);
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
engine.apply({
  version: 1,
  records: {
    gateways: { set: new Map([[gateway, { port, layer: 'gateway' }]]), remove: [] },
    virtualHosts: {
      set: new Map([
        [
          'any',
          {
            layer: 'gateway',
            port,
            name: 'any',
            domains: ['*'],
            local: null,
            routes: [
              {
                name: 'all',
                match: {},
                action: { kind: 'route', destinations: [{ cluster: 'a', weight: 1 }], mirrors: [], timeoutMs: 0, retry: null },
              },
            ],
          },
        ],
      ]),
      remove: [],
    },
    clusters: {
      set: new Map([
        [
          'a',
          {
            id: 'a',
            name: 'outbound|80||a.peers',
            service: { host: 'a.peers', name: 'a', namespace: 'peers', port: 80 },
            balancer: { kind: 'round-robin' },
            connectTimeoutMs: 5000,
            family: 4,
            ...(wire === 'http2' && { wire: 'http2' as const }),
          },
        ],
      ]),
      remove: [],
    },
  },
  endpoints: [
    {
      cluster: 'a',
      set: [{ address: '127.0.0.1', port: Number(upstream), weight: 1, identity: UNKNOWN_IDENTITY, local: null }],
      remove: [],
    },
  ],
});
engine.listen({ kind: 'gateway', id: 1, fd: -1, port }, { address: '127.0.0.1', port });
process.stdout.write('ready\n');
