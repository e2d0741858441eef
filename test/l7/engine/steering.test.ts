/** Headers by which a client could steer Envoy's router: Istio's proxies take them from nobody, and pass them on to nobody. */
import t from 'tap';
import { get, ok, OUTBOUND, retry, Rig, route } from './rig.ts';

const STEERING = {
  'x-envoy-max-retries': '3',
  'X-Envoy-Retry-On': '5xx',
  'x-envoy-retry-grpc-on': 'internal',
  'x-envoy-retriable-status-codes': '503',
  'x-envoy-retriable-header-names': 'x-a',
  'x-envoy-upstream-rq-timeout-ms': '1',
  'x-envoy-upstream-rq-per-try-timeout-ms': '1',
  'x-envoy-expected-rq-timeout-ms': '1',
  'x-envoy-hedge-on-per-try-timeout': 'true',
  'x-envoy-upstream-alt-stat-name': 'a',
  'x-envoy-ip-tags': 'a',
  'x-envoy-internal': 'true',
};
const lines = Object.entries(STEERING)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

t.test('at a gateway and inside the mesh they are removed, and change nothing', async (t) => {
  for (const inside of [false, true]) {
    const rig = new Rig().cluster('web', ['10.0.0.1:80']);
    const routes = [route('/', 'web', { retry: retry({ on: ['gateway-error'], attempts: 1 }) })];
    rig.scope({ 80: { routes, domains: ['shop'] } }, { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } });
    rig.gateway(...routes);
    rig.engine.listen(
      { kind: 'outbound', id: 2, fd: -1, netns: 3, cookie: '42', workload: 'default/app' },
      { address: OUTBOUND.ip, port: OUTBOUND.port },
    );
    if (inside) rig.destinations.push({ ip: '10.96.0.1', port: 80 });
    const up = rig.serve('10.0.0.1:80', () => ok('').replace('200', '503'));
    const client = rig.transport.dial(inside ? OUTBOUND : { ip: '192.0.2.80', port: 80 });
    client.write(get('/', `x-kept: 1\r\n${lines}x-also: 2\r\n`));
    rig.run();
    rig.advance(100);
    rig.advance(100);
    t.equal(up.requests.length, 2, 'the route’s own retry');
    for (const request of up.requests) {
      t.notMatch(request, /x-envoy-(?!attempt-count|external-address)/i);
      t.match(request, /\r\nx-kept: 1\r\nx-also: 2\r\n/);
    }
  }
});
