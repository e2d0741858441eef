import t from 'tap';
import { Rollout } from '../../src/agent/rollout.ts';
import { wholeDelta } from '../../src/agent/worker-pool/whole-delta.ts';
import type { Snapshot, WorkloadConfig } from '../../src/l7/snapshot.ts';

const MESH = { outboundTrafficPolicy: 'ALLOW_ANY', connectTimeoutMs: 1000 } as const;
const WANTED = { key: 'default/a', uid: '', netns: '/n', addresses: [], failClosed: false };

function snapshot(workloads: string[], ports: number[]): Snapshot {
  const workload = (key: string) => ({ key, scope: `scope of ${key}` }) as unknown as WorkloadConfig;
  return {
    version: 1,
    mesh: MESH,
    workloads: Object.fromEntries(workloads.map((key) => [key, workload(key)])),
    scopes: Object.fromEntries(workloads.map((key) => [`scope of ${key}`, { id: key, namespace: 'default', http: {}, addresses: {} }])),
    gateways: Object.fromEntries(
      ports.map((port) => [port, { port, protocol: 'http', routes: { virtualHosts: [], unknownHost: 'not-found' } }]),
    ),
    clusters: {},
  };
}

function set() {
  const journal: string[] = [];
  const served = new Set<string>();
  const rollout = new Rollout({
    workers: { configure: (next) => void journal.push(`configure ${next.version}`) },
    pods: { want: (pods) => void journal.push(`want ${pods.length}`), served: () => served },
    gateways: {
      drop: (ports) => void journal.push(`drop all but ${[...ports].join()}`),
      serve: (ports) => void journal.push(`serve ${[...ports].join()}`),
    },
    difference: (_, next) => wholeDelta(next),
  });
  return { rollout, journal, served };
}

t.test('the order in which a configuration comes into force', async (t) => {
  const { rollout, journal } = set();
  rollout.apply(snapshot(['default/a'], [80]), [WANTED]);
  rollout.apply(snapshot(['default/a'], []), [WANTED]);
  t.strictSame(journal, [
    ...['drop all but 80', 'configure 1', 'serve 80', 'want 1'],
    ...['drop all but ', 'configure 2', 'serve ', 'want 1'],
  ]);
});

t.test('a pod that leaves stays known until it is no longer served', async (t) => {
  const { rollout, served, journal } = set();
  rollout.apply(snapshot(['default/a', 'default/b'], []), [WANTED]);
  served.add('default/a').add('default/b');
  rollout.apply(snapshot(['default/b'], []), []);
  t.strictSame(Object.keys(rollout.current?.workloads ?? {}).sort(), ['default/a', 'default/b']);
  t.ok(rollout.current?.scopes['scope of default/a']);
  rollout.refresh();
  t.equal(rollout.version, 2, 'nothing to do yet');
  served.delete('default/a');
  rollout.refresh();
  t.strictSame(Object.keys(rollout.current?.workloads ?? {}), ['default/b']);
  t.equal(rollout.current?.scopes['scope of default/a'], undefined);
  rollout.refresh();
  t.equal(journal.filter((entry) => entry.startsWith('configure')).length, 3);
});
