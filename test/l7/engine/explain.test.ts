/** What is said of a request is what becomes of it: each is explained, sent, and compared with what the engine tells of it. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { LineRing } from '../../../src/base/line-ring.ts';
import type { RouteConfig, RouteMatch } from '../../../src/l7/config/route.ts';
import type { ExplainedRequest } from '../../../src/l7/explain/explanation.ts';
import type { ToldRequest } from '../../../src/l7/tap/told-request.ts';
import { clusterOf, endpointOf, identityOf, ok, OUTBOUND, Rig, route, virtualHost } from './rig.ts';

const ADDRESS = '10.96.0.1';

function bench(routes: readonly RouteConfig[], policy: 'ALLOW_ANY' | 'REGISTRY_ONLY' = 'ALLOW_ANY') {
  const ring = new LineRing();
  const rig = new Rig({ openTapRing: () => ring });
  for (const name of ['a', 'b']) {
    const addresses = [1, 2].map((n) => `10.0.${name === 'a' ? 1 : 2}.${n}:80`);
    rig.apply({
      clusters: { [name]: clusterOf(name) },
      endpoints: { [name]: addresses.map((at) => ({ ...endpointOf(at), identity: identityOf(name) })) },
    });
    for (const at of addresses) rig.serve(at, () => ok(name));
  }
  rig.scope(
    { 80: { routes, domains: ['shop'] } },
    {
      [`${ADDRESS}:80`]: { to: 'cluster', protocol: 'http', cluster: 'a' },
      [`${ADDRESS}:81`]: { to: 'cluster', protocol: 'tcp', cluster: 'a' },
    },
    { outboundTrafficPolicy: policy },
  );
  const listener = { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' } as const;
  rig.engine.listen(listener, { address: OUTBOUND.ip, port: OUTBOUND.port });
  rig.engine.tap.filters = [{}];
  const explain = (head: string, port = 80) => rig.engine.explain({ pod: 'default/app', ip: ADDRESS, port, head });
  const send = (head: string): ToldRequest => {
    rig.destinations.push({ ip: ADDRESS, port: 80 });
    rig.ask(head, OUTBOUND);
    const told: ToldRequest[] = [];
    ring.read((line) => told.push(JSON.parse(line.toString('utf8', line.indexOf('{'))) as ToldRequest));
    return told[0] as ToldRequest;
  };
  return { rig, explain, send };
}

const head = (path: string, headers = '', host = 'shop', method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`;

t.test('conditions that hold and that do not, in order', (t) => {
  const canary: RouteConfig = {
    ...route('/', 'b'),
    name: 'canary',
    match: {
      path: { kind: 'prefix', value: '/api' },
      method: { kind: 'exact', value: 'GET' },
      headers: [{ name: 'end-user', match: { kind: 'exact', value: 'jason' }, invert: false }],
    },
  };
  const { explain } = bench([canary, route('/', 'a')]);
  const answer = explain(head('/api/x', 'end-user: other\r\n')) as ExplainedRequest;
  t.match(answer, { verdict: 'route', matched: 1, protocol: 'http', timeoutMs: 0 });
  t.strictSame(answer.routes, [
    { name: 'canary', conditions: [true, true, false] },
    { name: 'to-a', conditions: [true] },
  ]);
  t.match(answer.destinations, [{ cluster: 'a', share: 1, by: 'balancer', endpoints: [{ chance: 0.5 }, { chance: 0.5 }] }]);
  t.match(explain(head('/api/x', 'end-user: jason\r\n')), { matched: 0, destinations: [{ cluster: 'b' }] });
  t.end();
});

t.test('what has no rule, no host, no HTTP, or no meaning', (t) => {
  const { explain, send } = bench([route('/only', 'a')], 'REGISTRY_ONLY');
  t.match(explain(head('/other')), { verdict: 'no-route', matched: -1 });
  t.equal(send(head('/other')).flags, 'NR');
  t.match(explain(head('/', '', 'elsewhere')), { verdict: 'blocked' });
  t.equal(send(head('/', '', 'elsewhere')).status, 502);
  t.match(explain(head('/'), 81), { verdict: 'opaque', protocol: 'tcp' });
  t.match(bench([route('/', 'a')]).explain(head('/', '', 'elsewhere')), {
    verdict: 'pass-through',
    destinations: [{ by: 'original destination', endpoints: [{ address: ADDRESS, chance: 1 }] }],
  });
  t.match(explain('GET\r\n\r\n'), { verdict: 'bad-request' });
  t.match(explain('GET / HTTP/1.1\r\nHost: a'), { verdict: 'bad-request', why: 'the head of the request does not end' });
  t.end();
});

t.test('at a gateway: its rules, a host that it does not know, a port that it does not have, and bytes', (t) => {
  const rig = new Rig().cluster('a', ['10.0.1.1:80', '10.0.1.2:80']);
  rig.apply({
    gateways: { 80: { port: 80, layer: 'gateway' }, 9000: { port: 9000, layer: 'gateway 9000', protocol: 'tcp', rules: [] } },
    virtualHosts: { shop: virtualHost('gateway', 80, [{ ...route('/api', 'a'), name: 'api' }], ['shop.example']) },
  });
  const explain = (text: string, port = 80) => rig.engine.explain({ pod: 'gateway', ip: '192.0.2.1', port, head: text });
  const found = explain(head('/api/x', '', 'shop.example')) as ExplainedRequest;
  t.match(found, { verdict: 'route', matched: 0, grpc: false, routes: [{ name: 'api', conditions: [true] }] });
  t.match(found.destinations, [{ cluster: 'a', endpoints: [{ chance: 0.5 }, { chance: 0.5 }] }]);
  t.match(explain(head('/', '', 'shop.example')), { verdict: 'no-route', host: 'shop' });
  t.match(explain(head('/api', '', 'other.example')), { verdict: 'no-host', host: null });
  t.match(explain(head('/'), 9000), { verdict: 'opaque', protocol: 'tcp' });
  t.match(explain(head('/'), 81), { verdict: 'unknown-port', why: 'no Gateway of this node has port 81' });
  t.end();
});

t.test('the endpoint of a headless service is the one that the client has connected to', (t) => {
  const { rig, explain } = bench([route('/', 'own')]);
  rig.cluster('own', ['10.9.0.1:80', `${ADDRESS}:8080`], { chosenBefore: true });
  t.match(explain(head('/')), {
    destinations: [{ cluster: 'own', by: 'original destination', endpoints: [{ address: ADDRESS, port: 8080 }] }],
  });
  rig.cluster('own', ['10.9.0.1:80'], { chosenBefore: true });
  t.match(explain(head('/')), { destinations: [{ cluster: 'own', by: 'balancer', endpoints: [{ address: '10.9.0.1' }] }] });
  t.end();
});

t.test('a call of gRPC is told as one', (t) => {
  const { explain } = bench([route('/only', 'a')]);
  t.match(explain(head('/other', 'content-type: application/grpc\r\n', 'shop', 'POST')), { verdict: 'no-route', grpc: true });
  t.match(explain(head('/other')), { grpc: false });
  t.end();
});

t.test('a key leads to one endpoint, and it is the one', (t) => {
  const { rig, explain, send } = bench([route('/', 'a')]);
  const key = { kind: 'header', name: 'user' } as const;
  rig.cluster('a', ['10.0.1.1:80', '10.0.1.2:80'], { balancer: { kind: 'ring-hash', minimumRingSize: 1024, key } });
  for (let user = 0; user < 20; user++) {
    const request = head('/', `user: u${user}\r\n`);
    const { destinations } = explain(request) as ExplainedRequest;
    const [found] = destinations[0]?.endpoints.filter(({ chance }) => chance === 1) ?? [];
    t.equal(destinations[0]?.by, 'key');
    t.equal(send(request).endpoint, `${found?.address}:${found?.port}`);
  }
  t.end();
});

t.test('the less busy endpoint is the more probable one', (t) => {
  const { rig, explain } = bench([route('/', 'a')]);
  rig.cluster('a', ['10.0.1.1:80', '10.0.1.2:80'], { balancer: { kind: 'least-request' } });
  const chances = () => (explain(head('/')) as ExplainedRequest).destinations[0]?.endpoints.map(({ chance }) => chance);
  t.strictSame(chances(), [0.5, 0.5]);
  rig.serve('10.0.1.1:80', () => null);
  rig.serve('10.0.1.2:80', () => null);
  rig.destinations.push({ ip: ADDRESS, port: 80 });
  rig.ask(head('/'), OUTBOUND);
  t.strictSame(chances()?.toSorted(), [0.25, 0.75]);
  t.end();
});

const pathMatch = fc.constantFrom<RouteMatch>(
  { path: { kind: 'prefix', value: '/a' } },
  { path: { kind: 'exact', value: '/a/b' } },
  { path: { kind: 'regex', value: '/(a|b)/.*' } },
  { method: { kind: 'exact', value: 'POST' } },
  { headers: [{ name: 'x', match: { kind: 'exact', value: '1' }, invert: false }] },
  { headers: [{ name: 'x', match: { kind: 'present' }, invert: true }], path: { kind: 'prefix', value: '/' } },
  { query: [{ name: 'q', match: { kind: 'exact', value: '1' } }] },
  {},
);

t.test('random rules and requests: the route and the cluster are those that it was said', (t) => {
  const requests = fc.tuple(
    fc.constantFrom('/', '/a', '/a/b', '/b/c', '/a/b?q=1', '/x?q=2', '//a/../b'),
    fc.constantFrom('', 'x: 1\r\n', 'x: 2\r\n'),
    fc.constantFrom('GET', 'POST'),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(pathMatch, fc.constantFrom('a', 'b')), { maxLength: 12 }),
      fc.array(requests, { maxLength: 6 }),
      (rules, asked) => {
        const routes = rules.map(([match, cluster], index) => ({ ...route('/', cluster), name: `r${index}`, match }));
        const { explain, send } = bench(routes);
        for (const [path, headers, method] of asked) {
          const request = head(path, headers, 'shop', method);
          const said = explain(request) as ExplainedRequest;
          const told = send(request);
          const expected = said.matched < 0 ? '' : `r${said.matched}`;
          if (told.route !== expected) throw new Error(`${request}: said ${expected}, was ${told.route}`);
          const cluster = said.destinations[0]?.cluster;
          if (cluster !== undefined && told.service !== `${cluster}.default.svc.cluster.local`)
            throw new Error(`${request}: ${told.service}`);
          if (said.routes.findIndex(({ conditions }) => conditions.every(Boolean)) !== said.matched)
            throw new Error(`${request}: conditions`);
        }
      },
    ),
    { numRuns: 60 },
  );
  t.end();
});
