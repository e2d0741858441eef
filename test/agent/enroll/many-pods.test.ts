/** As many pods as a node can have come and go at a time: the control thread attends to other things meanwhile. */
import t from 'tap';
import type { WantedPod } from '../../../src/agent/enroll/wanted-pod.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { FakeNode, reconcilerOn, settle } from './fake-node.ts';

const PODS = 100;
const ARRIVAL = 250;

/** Time passes while the kernel loads a pod's program, and lets go of it. */
class BusyClock extends ManualClock {
  busy = 0;
  override monotonic(): number {
    return super.monotonic() + this.busy;
  }
}

class SlowNode extends FakeNode {
  readonly clock = new BusyClock();
  looks = 0;

  override enroll(pod: Parameters<FakeNode['enroll']>[0]): void {
    this.clock.busy += 5;
    super.enroll(pod);
  }
  override withdraw(cookie: string): void {
    this.clock.busy += 5;
    super.withdraw(cookie);
  }
  override at(path: string): ReturnType<FakeNode['at']> {
    this.looks++;
    return super.at(path);
  }
}

function setUp() {
  const node = new SlowNode();
  const names = Array.from({ length: PODS }, (_, at) => `p${at}`);
  const pods = names.map((name): WantedPod => {
    node.paths.set(`/netns/${name}`, node.newNamespace());
    return { key: `default/${name}`, uid: '', netns: `/netns/${name}`, addresses: ['10.0.0.1'], failClosed: false };
  });
  /** How many pods are captured when something else has its turn. */
  const meanwhile = (): number => {
    let captured = -1;
    node.clock.after(0, () => (captured = node.told.size));
    node.clock.advance(0);
    return captured;
  };
  return { node, pods, reconciler: reconcilerOn(node, node.clock), meanwhile };
}

t.test('they are captured, and let go, in slices of a turn', async (t) => {
  const { node, pods, reconciler, meanwhile } = setUp();
  reconciler.want(pods);
  const first = node.told.size;
  t.ok(first > 0 && first < 10, `${first} in the first turn`);
  t.notOk(reconciler.settled);
  const then = meanwhile();
  t.ok(then > first && then < 20, `${then} when something else has its turn`);
  t.equal(node.told.size, PODS, 'in the end all');
  t.ok(reconciler.settled);

  reconciler.want([]);
  t.ok(node.told.size > PODS - 10, 'not all at once');
  t.ok(meanwhile() > PODS - 20);
  t.equal(node.told.size, 0);
  node.looks = 0;
  node.clock.advance(ARRIVAL);
  await settle();
  node.clock.advance(0);
  t.strictSame(reconciler.report(), []);
  t.ok(node.looks < 5 * PODS, `${node.looks} looks at namespaces while they leave`);
  reconciler.release();
  await reconciler.close();
  t.equal(node.open.size, 0);
  t.equal(node.clock.pending, 0);
});

t.test('a round that comes before the end of the one before goes on with what is left', async (t) => {
  const { node, pods, reconciler } = setUp();
  reconciler.want(pods);
  for (let rounds = 0; rounds < PODS && node.told.size < PODS; rounds++) reconciler.reconcile();
  t.equal(node.told.size, PODS);
  t.equal(node.journal.filter((entry) => entry.startsWith('enroll')).length, PODS, 'each once');
  reconciler.release();
  await reconciler.close();
});

t.test('the agent stops before all are captured', async (t) => {
  const { node, pods, reconciler } = setUp();
  reconciler.want(pods);
  reconciler.release();
  t.equal(node.clock.pending, 0);
  node.clock.advance(1000);
  t.equal(node.told.size, 0);
  await reconciler.close();
  t.equal(node.open.size, 0);
});
