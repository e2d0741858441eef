/** Which DestinationRule holds for whom: exportTo, workloadSelector and merging, with what Istio answered (test/conformance/istio/dr-which-rule). */
import t from 'tap';
import {
  clustersOf,
  client,
  compileText,
  complaints,
  destinationRule,
  endpoints,
  pod,
  routesOf,
  service,
  virtualService,
} from './world.ts';

const A = 'a.default.svc.cluster.local';
const pods = pod('a1', '10.0.0.1', 'app: a, version: v1') + pod('a2', '10.0.0.2', 'app: a, version: v2');
const clients = client('near', 'default') + client('web', 'one', 'app: web, role: web') + client('plain', 'one') + client('far', 'three');
const subset = (version: string, more = ''): string => `{ host: ${A}, subsets: [{ name: s, labels: { version: ${version} } }]${more} }`;

/** Which version each of the clients gets from a route to the subset `s`; null: it has no such subset. */
function versions(...rules: string[]): Record<string, string | null> {
  const route = virtualService(`[{ route: [{ destination: { host: a, subset: s } }] }]`);
  const compiled = compileText([service('a'), pods, clients, route, ...rules]);
  const version = (workload: string): string | null => {
    const [id = ''] = clustersOf(routesOf(compiled, 'a.default', 80, workload)[0]);
    if (!compiled.snapshot.records.clusters.has(id)) return null;
    return endpoints(compiled, id)
      .map(({ address }) => (address === '10.0.0.1' ? 'v1' : 'v2'))
      .join();
  };
  return Object.fromEntries(['default/near', 'one/web', 'one/plain', 'three/far'].map((key) => [key.split('/')[1], version(key)]));
}

t.test('exportTo', async (t) => {
  const own = subset('v1', ', exportTo: ["."]');
  t.same(versions(destinationRule(own)), { near: 'v1', web: null, plain: null, far: null }, 'its own namespace');
  const named = subset('v1', ', exportTo: [one]');
  t.same(versions(destinationRule(named)), { near: null, web: 'v1', plain: 'v1', far: null }, 'another one, and not its own');
  t.same(versions(destinationRule(subset('v1', ', exportTo: ["*"]'))), { near: 'v1', web: 'v1', plain: 'v1', far: 'v1' }, 'all');
  const root = destinationRule(subset('v2', ', exportTo: [three]'), 'name: r, namespace: istio-system');
  t.same(versions(root), { near: null, web: null, plain: null, far: 'v2' }, 'of the root');
  t.same(versions(root, destinationRule(own)), { near: 'v1', web: null, plain: null, far: 'v2' }, 'what is not seen shadows nothing');
});

t.test('workloadSelector', async (t) => {
  const whole = destinationRule(subset('v1'));
  const web = destinationRule(subset('v2', ', workloadSelector: { matchLabels: { role: web } }'), 'name: r, namespace: one');
  t.same(versions(whole, web), { near: 'v1', web: 'v2', plain: null, far: 'v1' }, 'one that misses shadows in its namespace');
  const rest = destinationRule(subset('v1'), 'name: q, namespace: one');
  t.same(versions(whole, web, rest), { near: 'v1', web: 'v2', plain: 'v1', far: 'v1' });
  const here = destinationRule(subset('v2', ', workloadSelector: { matchLabels: { app: client } }'), 'name: r, namespace: default');
  t.same(versions(here), { near: 'v2', web: null, plain: null, far: null }, 'never seen elsewhere');
});

t.test('workloadSelector, for a service that only some namespaces see', async (t) => {
  const hidden = service('a').replace('name: a,', 'name: a, annotations: { networking.istio.io/exportTo: "one" },');
  t.match(hidden, /exportTo/);
  const rule = destinationRule(subset('v2', ', workloadSelector: { matchLabels: { role: web } }'), 'name: r, namespace: one');
  const compiled = compileText([hidden, pods, clients, rule]);
  const { clusters, virtualHosts } = compiled.snapshot.records;
  const missing = [...virtualHosts.values()].flatMap(({ routes }) => routes.flatMap(clustersOf)).filter((id) => !clusters.has(id));
  t.same(missing, [], 'routes lead to clusters that are there');
  t.ok([...clusters.keys()].some((id) => id.includes('|s|')));
});

t.test('rules with the same visibility are one, others stand alone', async (t) => {
  const at = (name: string, year: number): string => `name: ${name}, namespace: default, creationTimestamp: "${year}-01-01T00:00:00Z"`;
  const first = destinationRule(subset('v1'), at('old', 2020));
  t.same(versions(first, destinationRule(subset('v2'), at('new', 2021))), { near: 'v1', web: 'v1', plain: 'v1', far: 'v1' });
  const some = destinationRule(subset('v2', ', exportTo: [one]'), at('new', 2021));
  t.same(versions(first, some), { near: 'v1', web: 'v2', plain: 'v2', far: 'v1' }, 'of those that a client sees the last one');
});

t.test('a route to a subset that clients of some namespaces do not have', async (t) => {
  const route = virtualService(`[{ route: [{ destination: { host: a, subset: s } }] }]`);
  const hidden = destinationRule(subset('v1', ', exportTo: [default, one]'));
  const said = complaints(
    compileText([service('a'), pods, clients, route, hidden, destinationRule('{ host: "*" }', 'name: r, namespace: one')]),
  );
  t.match(said.join('\n'), /for clients in namespace one, DestinationRule one\/r, which gives a\.default\.svc\.cluster\.local no subset s/);
});
