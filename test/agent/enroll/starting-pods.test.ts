/** Pods that start: how soon their first process is found, and what is not taken for it. */
import t from 'tap';
import type { WantedPod } from '../../../src/agent/enroll/wanted-pod.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { FakeNode, type Namespace, reconcilerOn, settle } from './fake-node.ts';

/** Known by its processes alone. */
function found(name: string): WantedPod {
  return { key: `default/${name}`, uid: `uid-${name}`, netns: null, addresses: ['10.0.0.1'], failClosed: false };
}

function setUp() {
  const node = new FakeNode();
  const clock = new ManualClock();
  const reconciler = reconcilerOn(node, clock);
  const run = (pid: number, name: string, namespace: Namespace = node.newNamespace()): void =>
    void node.running.set(pid, { uid: `uid-${name}`, namespace });
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
    reconciler.reconcile();
  };
  const phase = (): string => reconciler.report()[0]?.phase ?? 'none';
  return { node, clock, reconciler, run, later, phase };
}

t.test('a pod whose first container has a cgroup is looked for there, and without a search', async (t) => {
  const { node, reconciler, run, clock, phase } = setUp();
  reconciler.want([found('a')]);
  let searches = 0;
  node.find = () => (searches++, new Map());
  reconciler.expect('uid-a', '/sandbox');
  clock.advance(1);
  t.equal(phase(), 'absent', 'nothing is in it yet');
  node.cgroups.set('/sandbox', [10]);
  run(10, 'a', node.own);
  clock.advance(5);
  t.equal(phase(), 'absent', 'who starts it is in the namespace of the node');
  run(10, 'another');
  clock.advance(5);
  t.equal(phase(), 'absent', 'the id is that of another process by now');
  run(10, 'a');
  clock.advance(10);
  t.equal(phase(), 'captured');
  t.equal(searches, 0);
});

t.test('a pod that was missing is not settled before the workers have confirmed', async (t) => {
  const { node, reconciler, run, clock, phase } = setUp();
  reconciler.want([found('a')]);
  t.ok(reconciler.settled, 'nothing can be done for it');
  node.prompt = false;
  node.cgroups.set('/sandbox', [10]);
  run(10, 'a');
  reconciler.expect('uid-a', '/sandbox');
  clock.advance(1);
  t.match(reconciler.report(), [{ phase: 'listening', error: '' }]);
  t.notOk(reconciler.settled, 'so that it is looked at when they have');
  node.prompt = true;
  reconciler.reconcile();
  t.equal(phase(), 'captured');
});

t.test("what starts a pod's first process is in the node's own namespace for a moment, which is no failure", async (t) => {
  const { node, reconciler, run, clock, phase } = setUp();
  reconciler.want([found('a')]);
  run(10, 'a', node.own);
  reconciler.expect('uid-a', null);
  clock.advance(300);
  t.match(reconciler.report(), [{ phase: 'absent', error: /is the node's own/ }]);
  run(10, 'a');
  clock.advance(300);
  t.equal(phase(), 'captured', 'at the next look');
});

t.test("a pod that stays in the node's own namespace is searched for ever more rarely", async (t) => {
  const { node, reconciler, run, later } = setUp();
  run(10, 'a', node.own);
  reconciler.want([found('a')]);
  for (let look = 0; look < 10; look++) await later(10_000);
  let searches = 0;
  node.find = () => (searches++, new Map());
  for (let look = 0; look < 10; look++) await later(200);
  t.ok(searches <= 1, `${searches} searches in two seconds`);
});

t.test('a pod that is about to start is looked for at once, however rare the looks have become', async (t) => {
  const { reconciler, run, later, clock } = setUp();
  reconciler.want([found('a')]);
  await later(60_000);
  reconciler.expect('uid-another', null);
  reconciler.expect('uid-a', null);
  await later(20);
  run(1, 'a');
  clock.advance(280);
  t.equal(reconciler.report()[0]?.phase, 'captured', 'not the better part of ten seconds later');
  reconciler.expect('uid-a', null);
  reconciler.release();
  const planned = clock.pending;
  await later(2000);
  t.equal(clock.pending, planned, 'nothing is left of it');
});
