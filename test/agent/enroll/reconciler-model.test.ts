/**
 * The reconciler against random sequences of what happens on a node: the invariants at the head of src/agent/enroll/reconciler.ts hold at
 * each call, and when all is well again everything that is wanted is captured, and nothing else.
 */
import assert from 'node:assert/strict';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import type { CapturedPod } from '../../../src/agent/enroll/node-ports.ts';
import type { Reconciler } from '../../../src/agent/enroll/reconciler.ts';
import { ownerOf, type WantedPod } from '../../../src/agent/enroll/wanted-pod.ts';
import type { ListenerConfig } from '../../../src/l7/engine-port.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { FakeNode, type Namespace, reconcilerOn, settle } from './fake-node.ts';

const ARRIVAL = 250;

/** The first two are called the same; the last is known by a path, the others by their processes. */
const PODS = [
  { key: 'd/a', uid: 'u1', netns: null },
  { key: 'd/a', uid: 'u2', netns: null },
  { key: 'd/b', uid: 'u3', netns: null },
  { key: 'd/c', uid: '', netns: '/netns/c' },
] as const;
const NAMED = 3;

type Command =
  | { readonly type: 'want'; readonly pods: readonly number[]; readonly closed: boolean; readonly address: number }
  | { readonly type: 'run' | 'starting'; readonly pod: number; readonly pid: number }
  | { readonly type: 'end'; readonly pid: number }
  | { readonly type: 'renew' | 'vanish'; readonly pod: number }
  | { readonly type: 'listeners' | 'kernel' | 'workers' | 'proc'; readonly well: boolean }
  | { readonly type: 'time'; readonly ms: number }
  | { readonly type: 'crash' | 'stop'; readonly renewed: number };

const pod = fc.nat(PODS.length - 1);
const pid = fc.integer({ min: 1, max: 5 });
const commands = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('want' as const),
        pods: fc.subarray([0, 1, 2, 3]),
        closed: fc.boolean(),
        address: fc.nat(1),
      }),
    },
    { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('run' as const, 'run' as const, 'starting' as const), pod, pid }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('end' as const), pid }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('renew' as const, 'vanish' as const), pod }) },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constantFrom('listeners' as const, 'kernel' as const, 'workers' as const, 'proc' as const),
        well: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.constantFrom(10, ARRIVAL, 1000, 4000, 11_000, 61_000) }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('crash' as const, 'stop' as const), renewed: fc.nat(PODS.length) }) },
  ),
  { minLength: 5, maxLength: 40 },
);

/** A node that looks at each call whether it may be made. */
class WatchedNode extends FakeNode {
  readonly #world: World;
  constructor(world: World) {
    super();
    this.#world = world;
  }
  override enroll(captured: CapturedPod): void {
    super.enroll(captured);
    this.#world.watch(() => this.#world.onEnroll(captured));
  }
  override withdraw(cookie: string): void {
    this.#world.watch(() => this.#world.onWithdraw(cookie));
    super.withdraw(cookie);
  }
  override listen(id: number, configs: readonly ListenerConfig[]): void {
    super.listen(id, configs);
    this.#world.onListen(configs);
  }
  override unlisten(id: number): Promise<void> {
    this.#world.watch(() => this.#world.onUnlisten(this.listeners.get(id) ?? []));
    return super.unlisten(id);
  }
  override closeFd(fd: number): void {
    this.#world.watch(() => this.#world.onClose(fd));
    super.closeFd(fd);
  }
}

class World {
  /** Of the agent that runs: what an agent that crashed had planned does not happen. */
  clock = new ManualClock();
  readonly node: WatchedNode = new WatchedNode(this);
  /** The namespace that a pod really has. */
  readonly sandboxes: (Namespace | null)[] = PODS.map(() => null);
  wanted: WantedPod[] = [];
  reconciler: Reconciler;
  #stopping = false;
  #broken: Error | null = null;
  /** Since the agent started: what it captured, when it withdrew it, and the descriptors that it handed to workers. */
  #captured = new Set<string>();
  #withdrawnAt = new Map<string, number>();
  #handedOut = new Set<number>();

  constructor() {
    this.node.kept = () => this.sandboxes.filter((sandbox) => sandbox !== null);
    this.reconciler = this.#newAgent();
  }

  async obey(command: Command): Promise<void> {
    await this.#do(command);
    await settle();
    if (command.type !== 'time') this.reconciler.reconcile();
    await settle();
    this.rethrow();
  }

  /** What was found in a call whose failure the reconciler handles, or nobody waits for. */
  rethrow(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  watch(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#broken ??= error as Error;
    }
  }

  async #do(command: Command): Promise<void> {
    switch (command.type) {
      case 'want':
        this.wanted = wantedPods(command.pods, command.closed, command.address);
        return this.reconciler.want(this.wanted);
      case 'run':
        return this.#run(command.pod, command.pid);
      case 'starting':
        if (command.pod !== NAMED) this.node.running.set(command.pid, { uid: PODS[command.pod]!.uid, namespace: this.node.own });
        return;
      case 'end':
        return void this.node.running.delete(command.pid);
      case 'vanish':
        return this.#vanish(command.pod);
      case 'renew':
        return this.#renew(command.pod);
      case 'time':
        return this.#pass(command.ms);
      case 'crash':
        this.node.crash();
        this.#renew(command.renewed);
        return this.#restart();
      case 'stop':
        await this.#stop();
        this.#renew(command.renewed);
        return this.#restart();
      default:
        return this.#setWell(command.type, command.well);
    }
  }

  #setWell(what: 'listeners' | 'kernel' | 'workers' | 'proc', well: boolean): void {
    if (what === 'listeners') this.node.refusePort = new Map(well ? [] : [['0.0.0.0 15006', 'EMFILE']]);
    if (what === 'kernel') this.node.refuseEnroll = well ? '' : 'refused';
    if (what === 'workers') this.node.prompt = well;
    if (what === 'proc') this.node.blind = !well;
  }

  /** A process of the pod, in the namespace that it has; its id may have been another's. */
  #run(number: number, id: number): void {
    const namespace = (this.sandboxes[number] ??= this.node.newNamespace());
    if (number === NAMED) this.node.paths.set(PODS[NAMED].netns, namespace);
    else this.node.running.set(id, { uid: PODS[number]!.uid, namespace });
  }

  /** The pod's sandbox is made anew. */
  #renew(number: number): void {
    if (number === PODS.length) return; // of none
    this.#vanish(number);
    this.#run(number, number + 1);
  }

  #vanish(number: number): void {
    this.sandboxes[number] = null;
    if (number === NAMED) this.node.paths.clear();
    for (const [id, { uid }] of this.node.running) if (uid === PODS[number]?.uid) this.node.running.delete(id);
  }

  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(left, 1000));
      await settle();
      this.reconciler.reconcile();
    }
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.reconciler.release();
    this.clock.advance(ARRIVAL);
    await settle();
    await this.reconciler.close();
    assert.equal(this.node.open.size, 0, 'everything is closed');
    this.#stopping = false;
  }

  #restart(): void {
    this.clock = new ManualClock();
    this.#captured = new Set();
    this.#withdrawnAt = new Map();
    this.#handedOut = new Set();
    this.reconciler = this.#newAgent();
    this.reconciler.reconcile();
    this.reconciler.want(this.wanted);
  }

  #newAgent(): Reconciler {
    return reconcilerOn(this.node, this.clock);
  }

  /** Whether the agent can see the pod where it really is. */
  sees(number: number): boolean {
    const sandbox = this.sandboxes[number];
    if (sandbox == null) return false;
    if (number === NAMED) return this.node.paths.get(PODS[NAMED].netns) === sandbox;
    return (
      !this.node.blind && [...this.node.running.values()].some(({ uid, namespace }) => uid === PODS[number]?.uid && namespace === sandbox)
    );
  }

  onEnroll({ cookie, inbound4 }: CapturedPod): void {
    if (!this.#captured.has(cookie)) assert.ok(this.node.prompt, '1: before all workers accept');
    assert.ok(this.node.open.has(inbound4), 'the kernel is given an open listener');
    this.#captured.add(cookie);
    this.#withdrawnAt.delete(cookie);
  }

  onWithdraw(cookie: string): void {
    const { owner } = this.node.told.get(cookie) ?? assert.fail('withdrawn twice');
    this.#withdrawnAt.set(cookie, this.clock.monotonic());
    const number = PODS.findIndex((one) => ownerOf(one) === owner);
    const wanted = this.wanted.find((one) => ownerOf(one) === owner);
    if (wanted === undefined || this.sandboxes[number]?.cookie !== cookie) return;
    assert.ok(!wanted.failClosed, '3, 4: a pod that fails closed, is wanted and is there was opened');
    assert.ok(this.#stopping || !this.sees(number), '3, 4: a pod that is wanted and can be seen was withdrawn');
  }

  onListen(configs: readonly ListenerConfig[]): void {
    for (const config of configs) if (config.kind !== 'gateway') this.#handedOut.add(config.netns);
  }

  onUnlisten(configs: readonly ListenerConfig[]): void {
    for (const config of configs) {
      if (config.kind === 'gateway' || this.#stopping) continue;
      const cookie = this.node.namespaceCookie(config.netns);
      if (!this.#captured.has(cookie)) continue;
      const withdrawnAt = this.#withdrawnAt.get(cookie) ?? assert.fail('2: closed before the kernel was told');
      assert.ok(this.clock.monotonic() - withdrawnAt >= ARRIVAL, '2: closed while connections may be on their way');
    }
  }

  onClose(fd: number): void {
    const found = this.node.open.get(fd) ?? assert.fail('6: closed twice');
    if (this.#stopping || !('namespace' in found) || !this.#handedOut.has(fd)) return;
    const number = this.sandboxes.indexOf(found.namespace);
    assert.ok(number < 0 || !this.sees(number), '6: connections may use the namespace that was let go');
  }

  async settleDown(): Promise<void> {
    for (const what of ['listeners', 'kernel', 'workers', 'proc'] as const) this.#setWell(what, true);
    await this.#pass(30_000);
    const told = [...this.node.told.values()];
    for (const { owner } of told)
      assert.ok(
        this.wanted.some((one) => ownerOf(one) === owner),
        '4: nobody wants it',
      );
    for (const one of this.wanted) {
      const number = PODS.findIndex(({ key, uid }) => key === one.key && uid === one.uid);
      if (!this.sees(number)) continue;
      const { addresses, failClosed } = one;
      assert.deepEqual(
        told.filter(({ owner }) => owner === ownerOf(one)).map((pod) => [pod.cookie, pod.addresses, pod.failClosed]),
        [[this.sandboxes[number]?.cookie, addresses, failClosed]],
        'what is wanted and there is captured, as it should be',
      );
    }
    await this.#stop();
    this.rethrow();
  }
}

function wantedPods(numbers: readonly number[], failClosed: boolean, address: number): WantedPod[] {
  const named = new Map(numbers.map((number) => [PODS[number]!.key, PODS[number]!]));
  return [...named.values()].map((one, at) => ({ ...one, addresses: [`10.0.${address}.${at}`], failClosed }));
}

t.test('whatever happens on the node', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const world = new World();
      for (const command of sequence) await world.obey(command);
      await world.settleDown();
    }),
    { numRuns: 300 },
  );
});
