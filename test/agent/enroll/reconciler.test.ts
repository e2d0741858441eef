/** The numbers are those of the invariants in src/agent/enroll/reconciler.ts. */
import t from 'tap';
import { ownerOf, type WantedPod } from '../../../src/agent/enroll/wanted-pod.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { FakeNode, type Namespace, reconcilerOn, settle } from './fake-node.ts';

const ARRIVAL = 250;

function pod(name: string, changes: Partial<WantedPod> = {}): WantedPod {
  return { key: `default/${name}`, uid: '', netns: `/netns/${name}`, addresses: ['10.0.0.1'], failClosed: false, ...changes };
}

/** Known by its processes alone. */
function found(name: string, changes: Partial<WantedPod> = {}): WantedPod {
  return pod(name, { uid: `uid-${name}`, netns: null, ...changes });
}

function setUp(node = new FakeNode()) {
  const clock = new ManualClock();
  const warnings: string[] = [];
  const reconciler = reconcilerOn(node, clock, warnings);
  const namespace = (name: string): Namespace => {
    const made = node.newNamespace();
    node.paths.set(`/netns/${name}`, made);
    return made;
  };
  const run = (pid: number, name: string, where = node.newNamespace()): Namespace => {
    node.running.set(pid, { uid: `uid-${name}`, namespace: where });
    return where;
  };
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
    reconciler.reconcile();
  };
  const phase = (): string => reconciler.report()[0]?.phase ?? 'none';
  return { node, clock, reconciler, namespace, run, later, phase, warnings };
}

t.test('1, 2: workers listen first, then the kernel is told; on the way out the other way round', async (t) => {
  const { node, reconciler, namespace, later, phase } = setUp();
  namespace('a');
  node.prompt = false;
  reconciler.want([pod('a')]);
  t.equal(phase(), 'listening');
  t.equal(node.told.size, 0, 'not before every worker has confirmed');
  node.prompt = true;
  reconciler.reconcile();
  t.equal(phase(), 'captured');
  t.ok(reconciler.settled);
  t.equal(node.sockets().length, 8, 'four addresses, two workers');
  t.strictSame(
    [...node.listeners.values()].map((configs) => new Set(configs.map((config) => config.fd)).size),
    [2, 2, 2, 2],
    'a descriptor of its own for each worker',
  );
  node.journal.length = 0;
  reconciler.want([]);
  t.strictSame(node.journal, ['withdraw 1'], 'connections that are on their way are still accepted');
  await later(ARRIVAL - 1);
  t.ok(reconciler.served().has('default/a'));
  await later(1);
  t.strictSame(reconciler.report(), []);
  t.strictSame(node.journal, ['withdraw 1', 'unlisten', 'unlisten', 'unlisten', 'unlisten']);
  t.strictSame(node.sockets(), []);
});

t.test('a namespace without IPv6', async (t) => {
  const { node, reconciler, namespace, phase } = setUp();
  namespace('a');
  node.refusePort.set('::1 15001', 'EADDRNOTAVAIL');
  reconciler.want([pod('a')]);
  t.equal(phase(), 'captured');
  t.equal(node.told.get('1')?.inbound6, -1);
});

t.test('one pod fails, is tried again at growing intervals, and leaves no socket open; the others are untouched', async (t) => {
  const { node, reconciler, namespace, later } = setUp();
  namespace('good');
  namespace('bad');
  node.refusePort.set('0.0.0.0 15006', 'EADDRINUSE');
  reconciler.want([pod('bad')]);
  t.match(reconciler.report()[0], { phase: 'absent', error: /EADDRINUSE/ });
  await settle();
  t.strictSame(node.sockets(), []);
  node.refusePort.clear();
  reconciler.want([pod('good'), pod('bad')]);
  t.match(
    reconciler.report(),
    [
      { key: 'default/bad', phase: 'absent' },
      { key: 'default/good', phase: 'captured' },
    ],
    'not before its time',
  );
  await later(300);
  t.strictSame(
    reconciler.report().map(({ phase, error }) => `${phase}${error}`),
    ['captured', 'captured'],
  );
  t.equal(node.namespaces().length, 2, 'a descriptor for each');
});

t.test('a pod that has no namespace yet is warned of when it has had time to start, once', async (t) => {
  const { node, reconciler, namespace, later, phase, warnings } = setUp();
  reconciler.want([pod('a')]);
  await later(4000);
  t.match(reconciler.report(), [{ phase: 'absent', error: /\S/ }], 'whoever asks is told');
  t.same(warnings, []);
  await later(2000);
  await later(2000);
  t.match(warnings, [/pod cannot be captured/]);
  t.equal(warnings.length, 1);
  namespace('a');
  await later(1000);
  t.equal(phase(), 'captured');
  t.equal(node.told.size, 1);
});

t.test('the kernel refuses a pod', async (t) => {
  const { node, reconciler, namespace, later } = setUp();
  namespace('a');
  node.refuseEnroll = 'map full';
  reconciler.want([pod('a')]);
  t.match(reconciler.report()[0], { phase: 'listening', error: 'map full' });
  node.refuseEnroll = '';
  await later(300);
  t.match(reconciler.report()[0], { phase: 'captured', error: '' });
});

t.test(
  '5: the kernel does not let a pod go: it is asked again, also when the pod is forgotten, and not once it is captured again',
  async (t) => {
    const { node, reconciler, namespace, later } = setUp();
    namespace('a');
    reconciler.want([pod('a')]);
    node.refuseWithdraw = 'EPERM';
    reconciler.want([]);
    await later(ARRIVAL);
    t.strictSame([...node.told.keys()], ['1']);
    t.strictSame(reconciler.report(), []);
    node.refuseWithdraw = '';
    await later(1000);
    t.strictSame([...node.told.keys()], []);
    t.equal(node.journal.filter((entry) => entry === 'withdraw 1').length, 1, 'and then not any more');
    reconciler.want([pod('a')]);
    node.refuseWithdraw = 'EPERM';
    reconciler.want([]);
    await later(ARRIVAL);
    reconciler.want([pod('a')]);
    await later(1);
    node.refuseWithdraw = '';
    node.journal.length = 0;
    await later(2000);
    t.notOk(node.journal.includes('withdraw 1'));
    t.strictSame([...node.told.keys()], ['1']);
  },
);

t.test('3: a namespace that is missing, appears, is replaced and vanishes', async (t) => {
  const { node, reconciler, namespace, later, phase } = setUp();
  reconciler.want([pod('a')]);
  t.match(reconciler.report()[0], { phase: 'absent', error: /there is no network namespace at .*\/a$/ });
  namespace('a');
  await later(1000);
  t.equal(phase(), 'captured');
  namespace('a');
  await later(1000);
  t.equal(phase(), 'leaving', 'the path leads to another one');
  await later(ARRIVAL);
  t.equal(phase(), 'captured', 'there');
  t.strictSame([...node.told.keys()], ['2']);
  await later(0);
  node.paths.clear();
  await later(1000);
  await later(4000);
  t.equal(phase(), 'captured', 'a path may be gone for a moment');
  await later(1000);
  t.equal(phase(), 'leaving');
  await later(ARRIVAL);
  t.strictSame(node.sockets(), []);
  t.equal(node.told.size, 0);
  await later(1000);
  await later(60_000);
  t.strictSame(node.namespaces(), [], 'both are let go');
});

t.test("3: a process id that became another pod's, or none, withdraws nobody", async (t) => {
  for (const failClosed of [false, true]) {
    const { node, reconciler, run, later, phase } = setUp();
    const home = run(10, 'a');
    reconciler.want([found('a', { failClosed })]);
    t.equal(phase(), 'captured');
    run(11, 'a', home);
    run(10, 'b');
    await later(1000);
    t.equal(phase(), 'captured', 'it has another process');
    run(9, 'a');
    node.running.delete(11);
    run(12, 'a', home);
    await later(1000);
    t.equal(phase(), 'captured', 'one of its processes made a namespace of its own inside the pod');
    node.running.delete(9);
    run(12, 'a', node.own);
    await later(1000);
    t.equal(phase(), 'captured', 'a process that is being started is in the namespace of the node still');
    run(12, 'a', home);
    node.blind = true;
    run(11, 'b', home);
    await later(1000);
    t.equal(phase(), 'captured', '/proc cannot be read');
    node.blind = false;
    await later(10_000);
    t.strictSame(
      node.journal.filter((entry) => entry.startsWith('withdraw')),
      [],
    );
  }
});

t.test('3: out of sight for good, a pod that fails open is let go and one that fails closed stays until it is not wanted', async (t) => {
  const { node, reconciler, run, later } = setUp();
  run(10, 'open');
  run(11, 'closed');
  const wanted = [found('open'), found('closed', { failClosed: true })];
  reconciler.want(wanted);
  t.strictSame([...node.told.keys()], ['1', '2']);
  node.running.clear();
  await later(1000);
  await later(60_000);
  t.strictSame([...node.told.keys()], ['2']);
  reconciler.want([]);
  t.strictSame([...node.told.keys()], []);
});

t.test('3: a pod that comes back into sight between two searches stays', async (t) => {
  const { node, reconciler, run, later, phase } = setUp();
  const home = run(10, 'a');
  reconciler.want([found('a')]);
  node.running.clear();
  for (let look = 0; look < 16; look++) await later(250);
  run(11, 'a', home);
  for (let look = 0; look < 20; look++) await later(250);
  t.equal(phase(), 'captured');
  t.notOk(node.journal.includes('withdraw 1'));
});

t.test('3: a pod whose sandbox was made anew is captured there', async (t) => {
  for (const failClosed of [false, true]) {
    const { node, reconciler, run, later, phase } = setUp();
    run(10, 'a');
    reconciler.want([found('a', { failClosed })]);
    node.running.clear();
    run(20, 'a');
    await later(1000);
    t.equal(phase(), 'leaving');
    await later(ARRIVAL);
    t.equal(phase(), 'captured');
    t.strictSame([...node.told.keys()], ['2']);
  }
});

t.test('a path that leads elsewhere by the time it is opened is looked at again', async (t) => {
  const { node, reconciler, run, later } = setUp();
  run(10, 'a');
  node.beforeOpen = () => void run(10, 'b');
  reconciler.want([found('a')]);
  t.match(reconciler.report()[0], { phase: 'absent', error: /was replaced while it was opened/ });
  t.equal(node.open.size, 0);
  node.beforeOpen = () => {};
  run(11, 'a');
  await later(300);
  t.equal(node.told.get('3')?.owner, ownerOf(found('a')), 'its own namespace, not that of b');
});

t.test('6: un-enrolled and enrolled again: the descriptor that running connections use is kept', async (t) => {
  const { node, reconciler, run, later } = setUp();
  const home = run(10, 'a');
  reconciler.want([found('a')]);
  const [before] = node.namespaces();
  reconciler.want([]);
  await later(ARRIVAL);
  run(11, 'a', home);
  run(10, 'b');
  for (let hour = 0; hour < 3; hour++) await later(3_600_000);
  t.strictSame(node.namespaces(), [before], 'also when the process by which it was found has ended');
  node.refusePort.set('0.0.0.0 15006', 'EMFILE');
  reconciler.want([found('a')]);
  t.match(reconciler.report()[0]?.error, /EMFILE/);
  t.strictSame(node.namespaces(), [before], 'also when listeners fail');
  node.refusePort.clear();
  await later(300);
  t.equal(
    [...node.listeners.values()].flat().every((config) => config.kind !== 'gateway' && config.netns === before),
    true,
  );
});

t.test('a pod that names no namespace is found by its UID; the same name with another UID is another pod', async (t) => {
  const { reconciler, run, later, phase } = setUp();
  const wanted = found('a');
  reconciler.want([wanted]);
  t.match(reconciler.report()[0]?.error, /no process of it runs on this node \(UID uid-a\)/);
  run(10, 'a');
  await later(300);
  t.equal(phase(), 'captured');
  reconciler.want([{ ...wanted, uid: 'v' }]);
  t.equal(phase(), 'leaving');
});

t.test('a pod that is never found is searched for more and more rarely', async (t) => {
  const { node, reconciler, later } = setUp();
  let searches = 0;
  node.find = () => {
    searches++;
    return new Map();
  };
  reconciler.want([found('a')]);
  for (let second = 0; second < 100; second++) await later(1000);
  t.equal(searches, 15, 'after 0, 1, 2, 4 and 8 seconds, then every 10 s');
});

t.test('changes of a captured pod reach the kernel, once', async (t) => {
  const { node, reconciler, namespace } = setUp();
  namespace('a');
  reconciler.want([pod('a')]);
  reconciler.want([pod('a', { addresses: ['10.0.0.2'], failClosed: true })]);
  reconciler.reconcile();
  t.strictSame(node.told.get('1')?.addresses, ['10.0.0.2']);
  t.equal(node.journal.filter((entry) => entry.startsWith('enroll')).length, 2);
});

/** What an agent that crashed left of a pod. */
function leave(node: FakeNode, cookie: string, owner: WantedPod): void {
  const { addresses, failClosed } = owner;
  node.told.set(cookie, { netns: -1, cookie, owner: ownerOf(owner), addresses, failClosed, inbound4: -1, inbound6: -1 });
}

t.test('4: what an agent that crashed left captured is released, but for the pods that are wanted', async (t) => {
  const node = new FakeNode();
  leave(node, '1', pod('a'));
  leave(node, '77', pod('gone', { failClosed: true }));
  const { reconciler, namespace } = setUp(node);
  namespace('a');
  node.prompt = false;
  reconciler.reconcile();
  t.strictSame([...node.told.keys()], ['1', '77'], 'nothing is released before it is known what is wanted');
  reconciler.want([pod('a')]);
  t.strictSame([...node.told.keys()], ['1'], 'the wanted one stays while its workers are not ready');
  leave(node, '78', pod('other'));
  reconciler.want([pod('a')]);
  t.strictSame([...node.told.keys()], ['1', '78'], 'only what was there at the start is released');
});

t.test('4: after a crash a pod is not withdrawn because its listeners, its namespace or its process cannot be had at once', async (t) => {
  for (const failClosed of [false, true]) {
    const node = new FakeNode();
    const wanted = found('a', { failClosed });
    leave(node, '1', wanted);
    const { reconciler, run, later, phase } = setUp(node);
    const home = node.newNamespace();
    reconciler.want([wanted]);
    await later(60_000);
    t.strictSame([...node.told.keys()], ['1'], 'no process was found');
    run(10, 'a', home);
    node.refusePort.set('127.0.0.1 15001', 'EMFILE');
    await later(10_000);
    t.match(reconciler.report()[0]?.error, /EMFILE/);
    await later(60_000);
    t.strictSame([...node.told.keys()], ['1'], 'its listeners failed');
    node.refusePort.clear();
    await later(10_000);
    t.equal(phase(), 'captured');
    t.notOk(node.journal.includes('withdraw 1'));
  }
});

t.test('4: a pod that moved while no agent ran is released where it was, once it is captured where it is', async (t) => {
  const node = new FakeNode();
  leave(node, '77', found('a', { failClosed: true }));
  const { reconciler, run } = setUp(node);
  run(10, 'a');
  node.prompt = false;
  reconciler.want([found('a', { failClosed: true })]);
  t.strictSame([...node.told.keys()], ['77']);
  node.prompt = true;
  reconciler.reconcile();
  t.strictSame([...node.told.keys()], ['1']);
});

t.test('4, 2: a pod that is no longer wanted before it was taken over leaves like others', async (t) => {
  const node = new FakeNode();
  leave(node, '1', pod('a', { failClosed: true }));
  const { reconciler, namespace, later } = setUp(node);
  namespace('a');
  node.prompt = false;
  reconciler.want([pod('a')]);
  node.journal.length = 0;
  reconciler.want([]);
  t.strictSame(node.journal, ['withdraw 1'], 'the kernel first');
  await later(ARRIVAL);
  t.equal(node.journal[1], 'unlisten');
});

t.test('two pods in one namespace: the second is refused', async (t) => {
  const { reconciler, namespace } = setUp();
  namespace('a');
  reconciler.want([pod('a'), pod('b', { netns: '/netns/a' })]);
  t.match(reconciler.report(), [{ phase: 'captured' }, { phase: 'absent', error: /that of default\/a/ }]);
});

t.test("a pod in the node's own namespace is refused", async (t) => {
  const { node, reconciler, run } = setUp();
  run(10, 'a', node.own);
  reconciler.want([found('a')]);
  t.match(reconciler.report(), [{ phase: 'absent', error: /is the node's own/ }]);
});

t.test('on the way out fail-open pods are released and fail-closed ones stay', async (t) => {
  const { node, clock, reconciler, namespace } = setUp();
  namespace('a');
  namespace('b');
  reconciler.start();
  reconciler.want([pod('a'), pod('b', { failClosed: true })]);
  reconciler.release();
  t.strictSame([...node.told.keys()], ['2']);
  await reconciler.close();
  t.equal(node.open.size, 0);
  t.equal(clock.pending, 0);
});

t.test('on the way out a pod is not released whose owner wants it to fail closed and of which the kernel did not take that', async (t) => {
  const { node, reconciler, namespace } = setUp();
  namespace('a');
  reconciler.want([pod('a')]);
  node.refuseEnroll = 'refused';
  reconciler.want([pod('a', { failClosed: true })]);
  reconciler.release();
  t.match([...node.told.values()], [{ cookie: '1', failClosed: false }]);
  await reconciler.close();
});

t.test('6: the agent stops while a pod is leaving: nothing is closed twice', async (t) => {
  const { node, clock, reconciler, namespace, later } = setUp();
  namespace('a');
  reconciler.want([pod('a')]);
  reconciler.want([]);
  reconciler.release();
  await reconciler.close();
  t.equal(clock.pending, 0);
  await later(400);
  t.equal(node.open.size, 0);
  t.equal(node.journal.filter((entry) => entry === 'unlisten').length, 4);
});
