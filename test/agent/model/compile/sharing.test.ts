import fc from 'fast-check';
import t from 'tap';
import { diffSnapshots } from '../../../../src/agent/model/compile/delta.ts';
import { compile, type Compiled } from '../../../../src/agent/model/compile/index.ts';
import { share } from '../../../../src/agent/model/compile/share.ts';
import type { RecordDelta, Snapshot, SnapshotDelta } from '../../../../src/l7/snapshot.ts';
import { client, destinationRule, OPTIONS, pod, service, storeOf, virtualService } from './world.ts';

/** Objects of which any subset, in any order, is a configuration. */
const toA = 'route: [{ destination: { host: a } }]';
const OBJECTS = [
  client(),
  client('client', 'other', 'tier: gold'),
  client('serving', 'default', 'app: a'),
  service('a'),
  service('a', '[{ name: http, port: 80, targetPort: 9090 }, { name: tcp, port: 90 }]'),
  service('b', '[{ name: http, port: 80 }]', 'clusterIP: 10.96.0.2'),
  service('h', '[{ name: web, port: 80 }]', 'clusterIP: None'),
  pod('a1', '10.0.0.1', 'app: a, version: v1'),
  pod('a1', '10.0.0.2', 'app: a, version: v2'),
  pod('h1', '10.0.0.3', 'app: h'),
  virtualService(`[{ ${toA} }]`),
  virtualService(`[{ match: [{ sourceLabels: { tier: gold } }], timeout: 1s, ${toA} }]`),
  virtualService(`[{ ${toA} }]`, 'hosts: ["*.example"]\n  gateways: [gw, mesh]', 'name: out, namespace: other'),
  destinationRule('{ host: a, subsets: [{ name: v1, labels: { version: v1 } }] }'),
  destinationRule('{ host: a.default.svc.cluster.local, subsets: [{ name: mine }] }', 'name: a, namespace: other'),
  `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gw, namespace: other }
spec: { selector: { istio: gateway }, servers: [{ port: { number: 80, name: h, protocol: HTTP }, hosts: ["*"] }] }
`,
  `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'connectTimeout: 1s' }
`,
] as const;

const someObjects = fc.shuffledSubarray(OBJECTS.map((_, index) => index));
const compileSome = (chosen: readonly number[], previous?: Compiled): Compiled =>
  compile(storeOf(...chosen.map((index) => OBJECTS[index] as string)), OPTIONS, previous);

function applied<T>(record: Readonly<Record<string, T>>, { set, remove }: RecordDelta<T>): Record<string, T> {
  return Object.fromEntries(Object.entries({ ...record, ...set }).filter(([key]) => !remove.includes(key)));
}

function applyDelta(snapshot: Snapshot, delta: SnapshotDelta): Snapshot {
  return {
    version: delta.version,
    mesh: delta.mesh ?? snapshot.mesh,
    workloads: applied(snapshot.workloads, delta.workloads),
    scopes: applied(snapshot.scopes, delta.scopes),
    gateways: applied(snapshot.gateways, delta.gateways),
    clusters: applied(snapshot.clusters, delta.clusters),
  };
}

const EMPTY: Snapshot = compileSome([]).snapshot;

t.test('a delta leads from any snapshot to any other', async () => {
  fc.assert(
    fc.property(someObjects, someObjects, (before, after) => {
      const first = compileSome(before);
      const second = compileSome(after, first);
      const delta = diffSnapshots(first.snapshot, second.snapshot);
      t.same(applyDelta(first.snapshot, delta), second.snapshot);
      t.same(applyDelta(EMPTY, diffSnapshots(null, second.snapshot)), second.snapshot);
    }),
    { numRuns: 60 },
  );
});

t.test('what comes out does not depend on what was there before, but for its version', async () => {
  fc.assert(
    fc.property(someObjects, someObjects, (before, after) => {
      const alone = compileSome(after).snapshot;
      const following = compileSome(after, compileSome(before)).snapshot;
      t.same({ ...following, version: 0 }, { ...alone, version: 0 });
    }),
    { numRuns: 60 },
  );
});

t.test('the same objects give the same references', async () => {
  fc.assert(
    fc.property(someObjects, (chosen) => {
      const first = compileSome(chosen);
      const second = compileSome(chosen, first);
      t.equal(second, first);
      const nothing = { set: {}, remove: [] };
      const { version } = first.snapshot;
      const expected = { version, workloads: nothing, scopes: nothing, gateways: nothing, clusters: nothing };
      t.same(diffSnapshots(first.snapshot, second.snapshot), expected);
    }),
    { numRuns: 40 },
  );
});

t.test('a delta carries what changed and no more', async (t) => {
  const objects = [client(), service('a'), service('b'), pod('a1', '10.0.0.1', 'app: a'), pod('b1', '10.0.0.3', 'app: b')];
  const first = compile(storeOf(...objects), OPTIONS);
  const second = compile(storeOf(...objects, pod('a2', '10.0.0.2', 'app: a')), OPTIONS, first);
  const { version, workloads, scopes, gateways, clusters, ...rest } = diffSnapshots(first.snapshot, second.snapshot);
  t.equal(version, first.snapshot.version + 1);
  t.same(Object.keys(clusters.set), ['outbound|80||a.default.svc.cluster.local']);
  t.same([workloads, scopes, gateways, rest], [{ set: {}, remove: [] }, { set: {}, remove: [] }, { set: {}, remove: [] }, {}]);
});

t.test('share keeps what is equal, and only that', async () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, value, (previous, next) => {
      const shared = share(previous, next);
      t.same(shared, next);
      if (JSON.stringify(previous) === JSON.stringify(next)) t.equal(shared, previous);
      t.equal(share(next, structuredClone(next)), next);
    }),
    { numRuns: 300 },
  );
});
