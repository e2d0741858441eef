/** Clusters as an engine uses them: connections and requests under way, limits, ejections. */
import t from 'tap';
import { clustersView } from '../../../src/agent/admin/cluster-view.ts';
import type { Snapshot } from '../../../src/l7/snapshot.ts';
import { Ledger } from '../../../src/l7/upstream/ledger.ts';
import { clusterOf, endpointOf, get, ok, OUTBOUND, podOf, Rig, route } from '../../l7/engine/rig.ts';

const OUTLIERS = {
  ...{ consecutive5xx: 2, consecutiveGateway: 0, split: false, consecutiveLocal: 0 },
  ...{ intervalMs: 10_000, baseEjectionMs: 30_000, maxEjectionPercent: 100, minHealthPercent: 0 },
};

const web = clusterOf('web', { pool: { maxConnections: 5 }, outliers: OUTLIERS });
const endpoints = ['10.0.0.1:80', '10.0.0.2:80'].map((at) => endpointOf(at));

function bench(gateways: Snapshot['records']['gateways'] = new Map()) {
  const memory = Ledger.memory(1);
  const rig = new Rig({ ledger: new Ledger(memory, 0) });
  rig.apply({ clusters: { web, other: clusterOf('other') }, endpoints: { web: endpoints } });
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['shop'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } },
  );
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const ask = (path: string): string => {
    rig.destinations.push({ ip: '10.96.0.1', port: 80 });
    return rig.ask(get(path), OUTBOUND);
  };
  const mesh = { layer: 'mesh', port: 80, name: 'shop', domains: ['shop'], local: null, routes: [route('/', 'web')] };
  const snapshot: Snapshot = {
    version: 1,
    mesh: { connectTimeoutMs: 1000, rootNamespace: 'istio-system', gatewayName: 'istio-ingressgateway', pathNormalization: 'base' },
    records: {
      ...{ gateways, virtualHosts: new Map([['mesh', mesh]]), addresses: new Map() },
      workloads: new Map([['default/app', podOf()]]),
      scopes: new Map([['default', { namespace: 'default', outboundTrafficPolicy: 'ALLOW_ANY', layers: ['mesh'] }]]),
      clusters: new Map(Object.entries({ web, other: clusterOf('other') })),
    },
    endpoints: new Map([['web', endpoints]]),
  };
  const view = (pod: string | null, service: string | null = null, limit = 10) => {
    const ground = { snapshot, ledger: new Ledger(memory, -1), answers: [rig.engine.pools()], now: 1_000_000 };
    return clustersView({ pod, service, limit }, ground);
  };
  return { rig, ask, view };
}

t.test('what is under way, of whom, and how it is limited', (t) => {
  const { rig, ask, view } = bench();
  for (const at of ['10.0.0.1:80', '10.0.0.2:80']) rig.serve(at, (request) => (request.includes('/wait') ? null : ok('x')));
  ask('/');
  ask('/wait');
  const { clusters } = view('default/app');
  t.equal(clusters.length, 1, 'what the pod cannot reach is not shown');
  t.match(clusters[0], {
    id: 'web',
    pool: { maxConnections: 5 },
    clients: [{ client: 'default/app', connections: 2, requests: 1, pending: 0, retries: 0, ejected: 0 }],
  });
  t.equal(
    clusters[0]?.endpoints.reduce((sum, { connections }) => sum + connections, 0),
    2,
  );
  t.equal(
    clusters[0]?.endpoints.reduce((sum, { active }) => sum + active, 0),
    1,
  );
  t.strictSame(
    view(null).clusters.map(({ id }) => id),
    ['other', 'web'],
  );
  t.match(view(null).clusters[1]?.clients, [{ client: 'default/app', connections: 2 }]);
  t.strictSame(
    view(null, 'web').clusters.map(({ id }) => id),
    ['web'],
  );
  t.match(view(null, null, 1), { truncated: true, clusters: [{ id: 'other' }] });
  t.end();
});

t.test('an ejected endpoint says for whom, and until when', (t) => {
  const { rig, ask, view } = bench();
  rig.serve('10.0.0.1:80', () => 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n');
  rig.serve('10.0.0.2:80', () => ok('x'));
  for (let i = 0; i < 6; i++) ask('/');
  const ejected = (): unknown => view('default/app').clusters[0]?.endpoints.map((endpoint) => endpoint.ejected);
  t.strictSame(ejected(), [[{ client: 'default/app', until: 1_030_000 }], []]);
  rig.advance(4000);
  t.strictSame(ejected(), [[{ client: 'default/app', until: 1_026_000 }], []]);
  rig.advance(60_000);
  t.strictSame(ejected(), [[], []]);
  t.end();
});

t.test('who comes to Gateways reaches what their hosts and rules lead to, and nothing of the mesh', (t) => {
  const rules = [{ destinations: [{ cluster: 'other', weight: 1 }] }];
  const tcp = bench(new Map([['9000', { port: 9000, layer: 'entry', protocol: 'tcp', rules }]]));
  const http = bench(new Map([['80', { port: 80, layer: 'mesh' }]]));
  const ids = ({ view }: typeof tcp): unknown => view('gateway').clusters.map(({ id }) => id);
  t.strictSame(ids(tcp), ['other']);
  t.strictSame(ids(http), ['web']);
  t.strictSame(ids(bench()), [], 'without a Gateway');
  t.end();
});
