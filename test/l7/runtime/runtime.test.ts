/** What requests and connections ask of a configuration. */
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import { Runtime } from '../../../src/l7/runtime/runtime.ts';
import type { SnapshotDelta } from '../../../src/l7/snapshot.ts';
import { Packing } from './packing.ts';
import { addressesConfig, clusterConfig, delta, endpointConfig, host, line, route, scopeConfig, workloadConfig } from './snapshots.ts';

function parse(head: Head, text: string): Head {
  const bytes = Buffer.from(`${text.replaceAll('\n', '\r\n')}\r\n\r\n`, 'latin1');
  t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length, `parses: ${text}`);
  return head;
}

const get = (authority: string, ...fields: string[]): string => [`GET / HTTP/1.1`, `Host: ${authority}`, ...fields].join('\n');

t.test('names are looked up over the layers of a scope', async (t) => {
  const runtime = new Runtime(new HeaderNames());
  const head = new Head(runtime.names);
  runtime.apply(
    delta(1, {
      set: {
        virtualHosts: {
          shared: host(['a.default.svc', 'same'], [route('shared')], { local: { namespace: 'default', domains: ['a', 'same'] } }),
          other: host(['b.other.svc'], [route('other')], { local: { namespace: 'other', domains: ['b'] } }),
          wide: host(['*.svc'], [route('wide')]),
          longer: host(['*.default.svc'], [route('longer')]),
          everything: host(['*'], [route('everything')], { port: 81 }),
          own: host(['a', '*.other.svc', 'x.wide.svc'], [route('own')], { layer: 'own' }),
        },
        scopes: { plain: scopeConfig(['all']), special: scopeConfig(['own', 'all']) },
        workloads: {
          'default/p': workloadConfig('plain', ['10.1.1.1']),
          'default/q': workloadConfig('special', []),
        },
      },
    }),
  );
  runtime.serve();
  const found = (workload: string, authority: string, port = 80): string | undefined =>
    runtime.workloads
      .get(workload)
      ?.scope?.table(port)
      ?.find(parse(head, get(authority)))
      ?.match(head, 'http')?.config.name;
  const cases: [workload: string, authority: string, want: string | undefined, why: string][] = [
    ['default/p', 'a', 'shared', 'a short name of its namespace'],
    ['default/p', 'b', undefined, 'a short name of another namespace'],
    ['default/p', 'b.other.svc', 'other', 'exact'],
    ['default/p', 'x.default.svc', 'longer', 'the longest suffix'],
    ['default/p', 'x.svc', 'wide', 'a suffix'],
    ['default/q', 'a', 'own', 'its own layer comes first'],
    ['default/q', 'x.other.svc', 'own', 'a longer suffix in a layer of its own'],
    ['default/q', 'b.other.svc', 'other', 'an exact name in any layer beats a suffix in any'],
    ['default/q', 'x.wide.svc', 'own', 'exact, own'],
  ];
  for (const [workload, authority, want, why] of cases) t.equal(found(workload, authority), want, `${authority}: ${why}`);
  t.equal(found('default/p', 'anything', 81), 'everything');
  t.equal(runtime.workloads.get('default/p')?.scope?.table(99), null, 'a port at which nobody is');
  t.equal(runtime.workloadAt('10.1.1.1')?.key, 'default/p');
  t.equal(runtime.workloadAt('10.1.1.2'), null);
});

t.test('a change of everything: names move, addresses move, objects that stay stay', async (t) => {
  const runtime = new Runtime(new HeaderNames());
  const head = new Head(runtime.names);
  const scope = () => runtime.workloads.get('default/p')?.scope ?? null;
  runtime.apply(
    delta(1, {
      set: {
        clusters: { c: clusterConfig('c') },
        virtualHosts: { v: host(['v'], [route('v1')]), w: host(['w', 'moving'], [route('w')]) },
        addresses: { v: addressesConfig('all', 'c', '10.0.0.1:80', '10.0.0.2:80'), w: addressesConfig('all', 'd', '*:9000') },
        scopes: { s: scopeConfig(['all']) },
        gateways: { 80: { port: 80, layer: 'all' } },
        workloads: { 'default/p': workloadConfig('s', ['10.1.1.1']) },
      },
      endpoints: [{ cluster: 'c', set: [endpointConfig('10.2.0.1')], remove: [] }],
    }),
  );
  runtime.serve();
  const found = (authority: string) =>
    scope()
      ?.table(80)
      ?.find(parse(head, get(authority)))
      ?.match(head, 'http')?.config.name;
  const before = { workload: runtime.workloads.get('default/p'), endpoint: runtime.slot('c').cluster?.endpoints[0] };
  t.equal(runtime.gateways.get(80)?.table.find(parse(head, get('w')))?.name, 'w');
  runtime.apply(
    delta(2, {
      set: {
        clusters: { c: clusterConfig('c', { connectTimeoutMs: 7 }) },
        virtualHosts: { v: host(['v', 'moving'], [route('v2')]) },
        addresses: { w: addressesConfig('all', 'd', '10.0.0.2:80') },
        workloads: { 'default/p': workloadConfig('s', ['10.1.1.2']) },
      },
      remove: { virtualHosts: ['w'], addresses: ['v'], gateways: ['80'] },
      endpoints: [{ cluster: 'c', set: [endpointConfig('10.2.0.2')], remove: [] }],
    }),
  );
  t.equal(found('v'), 'v2');
  t.equal(found('moving'), 'v2', 'a name goes from one record to another');
  t.equal(found('w'), undefined);
  t.equal(scope()?.destination('10.0.0.1', 80), null);
  t.match(scope()?.destination('10.0.0.2', 80), { cluster: 'd' }, 'an address goes from one record to another');
  t.equal(scope()?.destination('10.9.9.9', 9000), null);
  t.equal(runtime.gateways.has(80), false);
  t.equal(runtime.workloadAt('10.1.1.1'), null);
  t.equal(runtime.workloadAt('10.1.1.2'), before.workload);
  t.equal(runtime.slot('c').cluster?.endpoints[0], before.endpoint);
  t.equal(runtime.slot('c').cluster?.config.connectTimeoutMs, 7);
  t.same(
    runtime.slot('c').cluster?.endpoints.map(({ address }) => address),
    ['10.2.0.1', '10.2.0.2'],
  );
});

for (const isPacked of [false, true]) {
  const how = isPacked ? 'packed' : 'prepared ahead';
  t.test(
    `a rule about a new header holds for the next request, and an id that is given to another name matches nothing (${how})`,
    async (t) => {
      const runtime = new Runtime(new HeaderNames());
      const packing = new Packing();
      const apply = (change: SnapshotDelta): void => runtime.apply(isPacked ? packing.pack(change) : change, packing.newSlabs());
      const head = new Head(runtime.names);
      const known = runtime.names.size;
      const match = (name: string) => ({ headers: [{ name, match: { kind: 'exact', value: '1' } as const, invert: false }] });
      const hosts = (name: string) => ({
        v: host(['v'], [route('by header', 'c', { match: match(name), requestHeaders: { set: [line(name, '2')] } }), route('rest')]),
      });
      const set = { scopes: { s: scopeConfig(['all']) }, workloads: { p: workloadConfig('s', []) } };
      apply(delta(1, { set: { ...set, virtualHosts: { v: host(['v'], [route('rest')]) } } }));
      runtime.serve();
      const chosen = (field: string) =>
        runtime.workloads
          .get('p')
          ?.scope?.table(80)
          ?.find(parse(head, get('v', field)))
          ?.match(head, 'http')?.config.name;
      // Used or not: objects of what is packed are made at the first use.
      for (let version = 2; version < 600; version++) {
        const name = `x-${version}`;
        apply(delta(version, { set: { virtualHosts: hosts(name) } }));
        if (version % 100 !== 0) continue;
        t.equal(chosen(`${name}: 1`), 'by header');
        t.equal(chosen(`x-${version - 1}: 1`), 'rest');
      }
      t.ok(runtime.names.bound <= known + 2, 'ids are given back');
      const many = Array.from({ length: 3000 }, (_, i) => route(`r${i}`, 'c', { match: match(`x-many-${i}`) }));
      apply(delta(2000, { set: { virtualHosts: { v: host(['v'], many) } } }));
      t.equal(chosen('x-many-2999: 1'), 'r2999', 'names without limit');
      apply(delta(2001, { set: { virtualHosts: hosts('x-last') } }));
      t.equal(chosen('x-last: 1'), 'by header');
      apply(delta(2002, { remove: { virtualHosts: ['v'] } }));
      t.equal(runtime.names.size, known, 'nothing is left');
    },
  );
}
