/** The compiler's invariants: what comes out depends on the objects alone, whatever changes led to them, and deltas carry all of it. */
import assert from 'node:assert/strict';
import * as fc from '../../../base/fast-check.ts';
import t from 'tap';
import { Compiler } from '../../../../src/agent/model/compile/index.ts';
import { refKey } from '../../../../src/agent/model/problem.ts';
import type { ObjectChange } from '../../../../src/agent/model/store.ts';
import type { EndpointConfig } from '../../../../src/l7/config/cluster.ts';
import { addressKey, RECORD_KINDS, type RecordKind, type Snapshot, type SnapshotRecords } from '../../../../src/l7/snapshot.ts';
import type { PackedDelta } from '../../../../src/l7/packed/packed-delta.ts';
import { isPackedKind } from '../../../../src/l7/packed/record-form.ts';
import { lightRecords } from '../../../l7/packed/light-records.ts';
import { OBJECTS } from './objects.ts';
import { OPTIONS, storeOf } from './world.ts';

/** As the store hands them out, parsed and checked once. */
const VERSIONS: readonly ObjectChange[] = OBJECTS.flatMap((text) => storeOf(text).takeChanges());

/** Sets an object to one of its versions, or removes it. */
const change = fc.tuple(fc.nat(VERSIONS.length - 1), fc.integer({ min: 0, max: 3 })).map(([index, fate]): ObjectChange => {
  const version = VERSIONS[index] as ObjectChange;
  return fate === 0 ? { ref: version.ref, object: null, origin: null } : version;
});
/** Changes that are compiled together. */
const history = fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 });

/** Of a worker, which changes it. */
interface Follower extends Snapshot {
  readonly records: { readonly [K in RecordKind]: Map<string, SnapshotRecords[K]> };
  readonly endpoints: Map<string, readonly EndpointConfig[]>;
}

const newSnapshot = (): Follower => ({
  version: 0,
  mesh: { connectTimeoutMs: 0, rootNamespace: '', gatewayName: '', pathNormalization: 'base' },
  records: Object.fromEntries(RECORD_KINDS.map((kind) => [kind, new Map()])) as unknown as Follower['records'],
  endpoints: new Map(),
});

/** As a worker does. */
function apply(snapshot: Follower, delta: PackedDelta): void {
  snapshot.version = delta.version;
  if (delta.mesh !== undefined) snapshot.mesh = delta.mesh;
  for (const kind of RECORD_KINDS) applyKind(snapshot, delta, kind);
  for (const { cluster, set, remove } of delta.endpoints) {
    const known = new Map((snapshot.endpoints.get(cluster) ?? []).map((endpoint) => [addressKey(endpoint), endpoint]));
    for (const key of remove) known.delete(key);
    for (const endpoint of set) known.set(addressKey(endpoint), endpoint);
    snapshot.endpoints.set(
      cluster,
      [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint),
    );
  }
  for (const [cluster, endpoints] of lightRecords('endpoints', delta)) snapshot.endpoints.set(cluster, endpoints);
  for (const cluster of delta.records.clusters?.remove ?? []) snapshot.endpoints.delete(cluster);
}

function applyKind(snapshot: Follower, delta: PackedDelta, kind: RecordKind): void {
  const records: Map<string, unknown> = snapshot.records[kind];
  for (const key of delta.records[kind]?.remove ?? []) records.delete(key);
  for (const [key, record] of delta.records[kind]?.set ?? []) records.set(key, record);
  if (!isPackedKind(kind)) return;
  for (const [key, record] of lightRecords(kind, delta)) records.set(key, record);
}

/** Clusters without endpoints may be there or not. */
const contents = ({ mesh, records, endpoints }: Snapshot): unknown => ({
  mesh,
  records: Object.fromEntries(RECORD_KINDS.map((kind) => [kind, new Map<string, unknown>(records[kind])])),
  endpoints: new Map([...endpoints].filter(([, list]) => list.length > 0)),
});

function outcome(compiler: Compiler): unknown {
  const pods = compiler.localPods.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return { ...(contents(compiler.snapshot) as object), problems: compiler.problems(), pods };
}

function run(compiler: Compiler, changes: readonly ObjectChange[]): PackedDelta | null {
  const { delta, faults } = compiler.apply(changes);
  if (faults[0] !== undefined) throw faults[0].error;
  return delta;
}

t.test('any history of changes leads to what a compilation from scratch gives', async () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (batches, random) => {
      const compiler = new Compiler(OPTIONS);
      const now = new Map<string, ObjectChange>();
      for (const batch of batches) {
        run(compiler, batch);
        for (const one of batch) now.set(refKey(one.ref), one);
      }
      const shuffled = [...now.values()].map((one) => [random.next().value as number, one] as const).sort(([a], [b]) => a - b);
      const scratch = new Compiler(OPTIONS);
      run(
        scratch,
        shuffled.map(([, one]) => one).filter(({ object }) => object !== null),
      );
      assert.deepEqual(outcome(compiler), outcome(scratch));
    }),
    { numRuns: 300 },
  );
});

t.test('deltas lead to the snapshot', async () => {
  fc.assert(
    fc.property(history, (batches) => {
      const compiler = new Compiler(OPTIONS);
      const follower = newSnapshot();
      for (const batch of batches) {
        const before = compiler.snapshot.version;
        const delta = run(compiler, batch);
        if (delta !== null) apply(follower, delta);
        assert.equal(compiler.snapshot.version, before + (delta === null ? 0 : 1));
        assert.equal(follower.version, compiler.snapshot.version);
        assert.deepEqual(contents(follower), contents(compiler.snapshot));
      }
    }),
  );
});

const repeated = (all: readonly string[]): string[] => all.filter((one, index) => all.indexOf(one) !== index);

t.test('in one layer and port no domain stands twice, and no address', async () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 10, maxLength: 40 }), (changes) => {
      const compiler = new Compiler(OPTIONS);
      run(compiler, changes);
      const { virtualHosts, addresses } = compiler.snapshot.records;
      const names = [...virtualHosts.values()].flatMap(({ layer, port, domains, local }) => [
        ...domains.map((domain) => `${layer} ${port} ${domain}`),
        ...(local?.domains ?? []).map((domain) => `${layer} ${port} ${domain} of ${local?.namespace}`),
      ]);
      const ips = [...addresses.values()].flatMap(({ layer, entries }) => entries.map(([address]) => `${layer} ${address}`));
      assert.deepEqual(repeated(names), []);
      assert.deepEqual(repeated(ips), []);
    }),
  );
});

t.test('the same objects again change nothing', async () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const compiler = new Compiler(OPTIONS);
      run(compiler, changes);
      const again = changes.map(({ object, ...rest }) => ({ ...rest, object: structuredClone(object) }));
      return run(compiler, again) === null;
    }),
  );
});

t.test('a change computes few cells, however many objects there are', async (t) => {
  const computedFor = (services: number): number => {
    const compiler = new Compiler(OPTIONS);
    const texts = Array.from({ length: services }, (_, index) => `
apiVersion: v1
kind: Service
metadata: { name: s${index}, namespace: default }
spec: { selector: { app: s${index} }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: s${index}, namespace: default }
spec: { hosts: [s${index}], http: [{ route: [{ destination: { host: s${index} } }] }] }
`); // prettier-ignore
    run(compiler, storeOf(texts.join('\n---\n')).takeChanges());
    const before = compiler.progress.done;
    const changed = (texts[0] as string).replace('http: [{', 'http: [{ timeout: 3s,');
    run(compiler, storeOf(changed).takeChanges());
    return compiler.progress.done - before;
  };
  const few = computedFor(10);
  t.ok(few < 20, `${few} cells`);
  t.equal(computedFor(200), few);
});
