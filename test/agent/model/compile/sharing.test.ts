import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { diffSnapshots } from '../../../../src/agent/model/compile/delta.ts';
import { compile, type Compiled, type ObjectSet } from '../../../../src/agent/model/compile/index.ts';
import { share } from '../../../../src/agent/model/compile/share.ts';
import type { ApiObject, Kinds } from '../../../../src/agent/model/objects.ts';
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

/** As the store hands them out, parsed and checked once. */
const PARSED: readonly ApiObject[] = OBJECTS.map((text) => {
  const store = storeOf(text);
  const kind = /^kind: (\w+)/m.exec(text)?.[1] ?? '';
  return store.list(kind as keyof Kinds)[0] as ApiObject;
});

const someObjects = fc.shuffledSubarray(PARSED.map((_, index) => index));

/** The last of a name is the one that counts. */
function compileSome(chosen: readonly number[], previous?: Compiled): Compiled {
  const objects = new Map(
    chosen.map((index) => {
      const object = PARSED[index] as ApiObject;
      return [`${object.kind}/${object.metadata.namespace}/${object.metadata.name}`, object];
    }),
  );
  const set: ObjectSet = {
    list: <K extends keyof Kinds>(kind: K) => [...objects.values()].filter((object) => object.kind === kind) as Kinds[K][],
    origin: () => ({ trusted: true, locate: () => null }),
  };
  return compile(set, OPTIONS, previous);
}

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
      const following = applyDelta(first.snapshot, diffSnapshots(first.snapshot, second.snapshot));
      const whole = applyDelta(EMPTY, diffSnapshots(null, second.snapshot));
      return isDeepStrictEqual(following, second.snapshot) && isDeepStrictEqual(whole, second.snapshot);
    }),
  );
});

t.test('what comes out does not depend on what was there before, but for its version', async () => {
  fc.assert(
    fc.property(someObjects, someObjects, (before, after) => {
      const alone = compileSome(after);
      const following = compileSome(after, compileSome(before));
      const version = following.snapshot.version;
      return isDeepStrictEqual(following, { ...alone, snapshot: { ...alone.snapshot, version } });
    }),
  );
});

t.test('nor on the order in which the objects are listed', async () => {
  const distinct = fc.uniqueArray(fc.nat(PARSED.length - 1), {
    selector: (index) => `${PARSED[index]?.kind} ${PARSED[index]?.metadata.name}`,
  });
  fc.assert(fc.property(distinct, (chosen) => isDeepStrictEqual(compileSome(chosen.toReversed()).snapshot, compileSome(chosen).snapshot)));
});

t.test('the same objects give the same references', async () => {
  const nothing = { set: {}, remove: [] };
  fc.assert(
    fc.property(someObjects, (chosen) => {
      const first = compileSome(chosen);
      const second = compileSome(chosen, first);
      const { version } = first.snapshot;
      const delta = diffSnapshots(first.snapshot, second.snapshot);
      const none = { version, workloads: nothing, scopes: nothing, gateways: nothing, clusters: nothing };
      return second === first && isDeepStrictEqual(delta, none);
    }),
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

t.test('share keeps what is equal, and only that', async (t) => {
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(value, value, (previous, next) => {
      const shared = share(previous, next);
      const kept = JSON.stringify(previous) !== JSON.stringify(next) || shared === previous;
      return isDeepStrictEqual(shared, next) && kept && share(next, structuredClone(next)) === next;
    }),
  );
  t.same(
    Object.entries(share({}, JSON.parse('{ "__proto__": "x" }') as object)),
    [['__proto__', 'x']],
    'a name that objects take for more',
  );
  const swapped = { b: 1, a: 2 };
  t.same(Object.keys(share({ a: 2, b: 1 }, swapped)), ['b', 'a'], 'the order of keys counts');
});
