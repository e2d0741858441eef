import t from 'tap';
import { Rollout } from '../../src/agent/rollout.ts';
import type { GatewayConfig } from '../../src/l7/config/workload.ts';
import type { PackedDelta } from '../../src/l7/packed/packed-delta.ts';
import { PackedRecords, type PackedSnapshot } from '../../src/l7/packed/packed-records.ts';
import { RECORD_KINDS, type Snapshot } from '../../src/l7/snapshot.ts';

const WANTED = { key: 'default/a', uid: '', netns: '/n', addresses: [], failClosed: false };

function snapshot(version: number, ports: readonly number[]): PackedSnapshot {
  const gateways = new Map(ports.map((port): [string, GatewayConfig] => [String(port), { port, layer: `gateway ${port}` }]));
  const none = Object.fromEntries(RECORD_KINDS.map((kind) => [kind, new Map()])) as unknown as Snapshot['records'];
  const records = { ...none, gateways };
  return {
    version,
    mesh: { connectTimeoutMs: 1000, rootNamespace: 'istio-system', gatewayName: 'istio-ingressgateway', pathNormalization: 'base' },
    records,
    endpoints: new Map(),
    packed: new PackedRecords(),
  };
}

const NOWHERE = { clusters: [], virtualHosts: [], addresses: [], endpoints: [] };
const delta = (version: number): PackedDelta => ({ version, records: {}, endpoints: [], packed: NOWHERE, slabs: [] });

function set() {
  const journal: string[] = [];
  const rollout = new Rollout({
    workers: { configure: (next, change) => void journal.push(`configure ${next.version} by ${change.version}`) },
    pods: { want: (pods) => void journal.push(`want ${pods.length}`) },
    gateways: {
      drop: (ports) => void journal.push(`drop all but ${[...ports].join()}`),
      serve: (ports) => void journal.push(`serve ${[...ports].join()}`),
    },
  });
  return { rollout, journal };
}

t.test('the order in which a configuration takes effect', async (t) => {
  const { rollout, journal } = set();
  t.equal(rollout.version, 0);
  rollout.apply(snapshot(1, [80]), delta(1), [WANTED]);
  rollout.apply(snapshot(2, []), delta(2), [WANTED]);
  t.strictSame(journal, [
    ...['drop all but 80', 'configure 1 by 1', 'serve 80', 'want 1'],
    ...['drop all but ', 'configure 2 by 2', 'serve ', 'want 1'],
  ]);
  t.equal(rollout.version, 2);
});

t.test('pods may change without a record', async (t) => {
  const { rollout, journal } = set();
  const first = snapshot(1, [80]);
  rollout.apply(first, delta(1), [WANTED]);
  rollout.apply(first, null, []);
  t.strictSame(journal.slice(4), ['want 0']);
});

t.test('the same pods are wanted once', async (t) => {
  const { rollout, journal } = set();
  const [first, wanted] = [snapshot(1, [80]), [WANTED]];
  rollout.apply(first, delta(1), wanted);
  rollout.apply(first, delta(2), wanted);
  t.strictSame(journal.slice(4), ['drop all but 80', 'configure 1 by 2', 'serve 80']);
});
