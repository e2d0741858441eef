/** A record that cannot be prepared keeps its previous version; the others go on. */
import t from 'tap';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { Runtime } from '../../../src/l7/runtime/runtime.ts';
import type { ClusterConfig } from '../../../src/l7/config/cluster.ts';
import type { RouteConfig, VirtualHostConfig } from '../../../src/l7/config/route.ts';
import { clusterConfig, delta, endpointConfig, host, route, scopeConfig, workloadConfig } from './snapshots.ts';

/** What no compiler would let pass, so that the code throws. */
const broken = { ...route('broken'), action: { kind: 'route' } } as unknown as RouteConfig;

function rig() {
  const runtime = new Runtime(new HeaderNames());
  const faults: string[] = [];
  runtime.onFault = ({ kind, id }) => faults.push(`${kind}/${id}`);
  runtime.apply(
    delta(1, {
      set: {
        clusters: { c: clusterConfig('c'), d: clusterConfig('d') },
        virtualHosts: { v: host(['v'], [route('v1')]), w: host(['w'], [route('w1')]) },
        scopes: { s: scopeConfig(['all']) },
        workloads: { p: workloadConfig('s', ['10.1.1.1']) },
      },
      endpoints: [{ cluster: 'c', set: [endpointConfig('10.0.0.1')], remove: [] }],
    }),
  );
  runtime.serve();
  return { runtime, faults };
}

function names(runtime: Runtime, domain: string): readonly string[] | undefined {
  const table = runtime.workloads.get('p')?.scope?.table(80);
  const bytes = Buffer.from(domain, 'latin1');
  return table?.find({ bytes, authorityStart: 0, authorityEnd: bytes.length } as never)?.routes.map(({ name }) => name);
}

t.test('a route that throws', async (t) => {
  const { runtime, faults } = rig();
  const before = runtime.names.size;
  const header = route('by header', 'unknown-cluster', {
    match: { headers: [{ name: 'x-new', match: { kind: 'present' }, invert: false }] },
  });
  runtime.apply(delta(2, { set: { virtualHosts: { v: host(['v'], [header, broken]), w: host(['w'], [route('w2')]) } } }));
  t.same(faults, ['virtualHosts/v']);
  t.equal(runtime.staging.faults, 1);
  t.same(names(runtime, 'v'), ['v1']);
  t.same(names(runtime, 'w'), ['w2']);
  t.equal(runtime.names.size, before, 'what it had taken is given back');
  t.notOk([...runtime.clusters].some(({ id }) => id === 'unknown-cluster'));
  runtime.apply(delta(3, { set: { virtualHosts: { v: host(['v'], [route('v3')]) } } }));
  t.same(names(runtime, 'v'), ['v3'], 'and it can be mended');
});

t.test('a route that throws late in a host that comes in several parts', async (t) => {
  const { runtime, faults } = rig();
  const many = Array.from({ length: 100 }, (_, i) => route(`r${i}`));
  runtime.apply(delta(2, { set: { virtualHosts: { v: host(['v', 'more'], [...many, broken, ...many]), w: host(['w'], many) } } }));
  t.same(faults, ['virtualHosts/v']);
  t.same(names(runtime, 'v'), ['v1']);
  t.equal(names(runtime, 'more'), undefined);
  t.equal(names(runtime, 'w')?.length, 100);
});

t.test('a cluster whose balancer cannot be made keeps its endpoints', async (t) => {
  const { runtime, faults } = rig();
  const impossible = { kind: 'ring-hash', minimumRingSize: -1, key: { kind: 'source-address' } } as ClusterConfig['balancer'];
  runtime.apply(
    delta(2, {
      set: { clusters: { c: clusterConfig('c', { balancer: impossible }), d: clusterConfig('d', { connectTimeoutMs: 5 }) } },
      endpoints: [{ cluster: 'c', set: [endpointConfig('10.0.0.2')], remove: ['10.0.0.1|80'] }],
    }),
  );
  t.same(faults, ['clusters/c']);
  const { cluster } = runtime.slot('c');
  t.equal(cluster?.pick(-1, () => 1, null, 0)?.address, '10.0.0.1');
  t.equal(cluster?.endpoints[0]?.removed, false);
  t.equal(runtime.slot('d').cluster?.config.connectTimeoutMs, 5);
});

t.test('a record of another shape altogether', async (t) => {
  const { runtime, faults } = rig();
  runtime.apply(delta(2, { set: { virtualHosts: { v: {} as VirtualHostConfig }, clusters: { c: {} as ClusterConfig } } }));
  t.same(faults, ['clusters/c', 'virtualHosts/v']);
  t.same(names(runtime, 'v'), ['v1']);
  t.equal(runtime.version, 2);
});
