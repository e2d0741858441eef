import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { ListenerIds } from '../../../src/agent/enroll/listener-group.ts';
import type { Capture, CapturedPod, ListenerHost, NodeSockets } from '../../../src/agent/enroll/node-ports.ts';
import { Reconciler, type WantedPod } from '../../../src/agent/enroll/reconciler.ts';
import { systemClock } from '../../../src/base/clock.ts';
import type { ListenerConfig } from '../../../src/l7/engine-port.ts';

/** A node that writes down what is done to it, in order. Files stand for namespaces: a file's inode is as good as an nsfs one's. */
class FakeNode implements NodeSockets, Capture, ListenerHost {
  readonly size = 2;
  readonly journal: string[] = [];
  readonly open = new Map<number, string>();
  readonly listeners = new Map<number, readonly ListenerConfig[]>();
  readonly told = new Map<string, CapturedPod>();
  /** Whether workers confirm at once. */
  prompt = true;
  refuseEnroll = '';
  refusePort = new Map<string, string>();
  #fd = 100;
  readonly #cookies = new Map<string, string>();

  openNamespace(path: string): number {
    return this.#take(`namespace ${path}`);
  }
  namespaceCookie(netns: number): string {
    const name = this.open.get(netns) as string;
    if (!this.#cookies.has(name)) this.#cookies.set(name, String(this.#cookies.size + 1));
    return this.#cookies.get(name) as string;
  }
  listenIn({ address, port }: { address: string; port: number }): number {
    const code = this.refusePort.get(`${address} ${port}`);
    if (code !== undefined) throw Object.assign(new Error(`${code} ${address} ${port}`), { code });
    return this.#take(`socket ${address} ${port}`);
  }
  closeFd(fd: number): void {
    if (!this.open.delete(fd)) throw new Error(`closed twice: ${fd}`);
  }
  enroll(pod: CapturedPod): void {
    if (this.refuseEnroll !== '') throw new Error(this.refuseEnroll);
    this.journal.push(`enroll ${pod.cookie}`);
    this.told.set(pod.cookie, pod);
  }
  withdraw(cookie: string): void {
    this.journal.push(`withdraw ${cookie}`);
    this.told.delete(cookie);
  }
  enrolled(): string[] {
    return [...this.told.keys()];
  }
  listen(id: number, configs: readonly ListenerConfig[]): void {
    this.journal.push(`listen ${configs[0]?.kind}`);
    this.listeners.set(id, configs);
  }
  async unlisten(id: number): Promise<void> {
    this.journal.push('unlisten');
    this.listeners.delete(id);
  }
  listening(id: number): boolean {
    return this.prompt && this.listeners.has(id);
  }
  sockets(): string[] {
    return [...this.open.values()].filter((name) => name.startsWith('socket'));
  }
  #take(name: string): number {
    this.open.set(++this.#fd, name);
    return this.#fd;
  }
}

function set(t: Test, node = new FakeNode()) {
  const folder = t.testdir();
  let now = 0;
  const found = new Map<string, string>();
  const reconciler = new Reconciler({
    sockets: node,
    capture: node,
    workers: node,
    ids: new ListenerIds(),
    mark: 1,
    clock: { ...systemClock(), monotonic: () => now },
    log: pino({ level: 'silent' }),
    findNamespaces: () => found,
    onChange: () => {},
  });
  const namespace = (name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, name);
    return path;
  };
  const pod = (name: string, changes: Partial<WantedPod> = {}): WantedPod => {
    return { key: `default/${name}`, uid: '', netns: join(folder, name), addresses: ['10.0.0.1'], failClosed: false, ...changes };
  };
  const later = (ms: number): void => {
    now += ms;
    reconciler.reconcile();
  };
  return { node, reconciler, namespace, pod, later, found, folder };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await delay(10);
  if (!condition()) throw new Error('waited in vain');
}

t.test('workers listen first, then the kernel is told; on the way out the other way round', async (t) => {
  const { node, reconciler, namespace, pod } = set(t);
  namespace('a');
  node.prompt = false;
  reconciler.want([pod('a')]);
  t.equal(reconciler.report()[0]?.phase, 'listening');
  t.equal(node.told.size, 0, 'not before every worker has confirmed');
  node.prompt = true;
  reconciler.reconcile();
  t.equal(reconciler.report()[0]?.phase, 'captured');
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
  t.ok(reconciler.served().has('default/a'));
  await until(() => reconciler.report().length === 0);
  t.strictSame(node.journal, ['withdraw 1', 'unlisten', 'unlisten', 'unlisten', 'unlisten']);
  t.strictSame(node.sockets(), []);
});

t.test('a namespace without IPv6', async (t) => {
  const { node, reconciler, namespace, pod } = set(t);
  namespace('a');
  node.refusePort.set('::1 15001', 'EADDRNOTAVAIL');
  reconciler.want([pod('a')]);
  t.equal(reconciler.report()[0]?.phase, 'captured');
  t.equal(node.told.get('1')?.inbound6, -1);
});

t.test('one pod fails, is tried again at growing intervals, and leaves nothing open; the others are untouched', async (t) => {
  const { node, reconciler, namespace, pod, later } = set(t);
  namespace('good');
  namespace('bad');
  node.refusePort.set('0.0.0.0 15006', 'EADDRINUSE');
  reconciler.want([pod('bad')]);
  t.match(reconciler.report()[0], { phase: 'absent', error: /EADDRINUSE/ });
  await until(() => node.sockets().length === 0);
  t.equal(node.open.size, 0);
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
  later(300);
  t.strictSame(
    reconciler.report().map(({ phase, error }) => `${phase}${error}`),
    ['captured', 'captured'],
  );
});

t.test('the kernel refuses a pod', async (t) => {
  const { node, reconciler, namespace, pod, later } = set(t);
  namespace('a');
  node.refuseEnroll = 'map full';
  reconciler.want([pod('a')]);
  t.match(reconciler.report()[0], { phase: 'listening', error: 'map full' });
  node.refuseEnroll = '';
  later(300);
  t.match(reconciler.report()[0], { phase: 'captured', error: '' });
});

t.test('a namespace that is missing, appears, is replaced and vanishes', async (t) => {
  const { node, reconciler, namespace, pod, later } = set(t);
  reconciler.want([pod('a')]);
  t.match(reconciler.report()[0], { phase: 'absent', error: /there is no network namespace at .*\/a$/ });
  const path = namespace('a');
  later(300);
  t.equal(reconciler.report()[0]?.phase, 'captured');
  // The old file stays in being, as a namespace does that somebody holds: its inode is not used again.
  rmSync(path);
  later(1000);
  t.equal(reconciler.report()[0]?.phase, 'leaving');
  await until(() => reconciler.report()[0]?.phase === 'absent');
  t.strictSame(node.sockets(), []);
  t.equal(node.told.size, 0);
  later(1000);
  later(60_000);
  t.equal(node.open.size, 0, 'the namespace is let go');
});

t.test('un-enrolled and enrolled again: the descriptor that running connections use is kept', async (t) => {
  const { node, reconciler, namespace, pod, later } = set(t);
  namespace('a');
  reconciler.want([pod('a')]);
  const before = [...node.open].find(([, name]) => name.startsWith('namespace'))?.[0];
  reconciler.want([]);
  await until(() => reconciler.report().length === 0);
  later(3_600_000);
  t.ok(node.open.has(before as number));
  reconciler.want([pod('a')]);
  t.equal(
    [...node.listeners.values()].flat().every((config) => config.kind !== 'gateway' && config.netns === before),
    true,
  );
});

t.test('a pod that names no namespace is found by its UID, and found again when that process ends', async (t) => {
  const { reconciler, namespace, pod, later, found, folder } = set(t);
  const wanted = pod('a', { uid: 'u', netns: null });
  reconciler.want([wanted]);
  t.match(reconciler.report()[0]?.error, /no process of it runs on this node \(UID u\)/);
  mkdirSync(join(folder, 'proc'));
  found.set('u', namespace('a'));
  later(300);
  t.equal(reconciler.report()[0]?.phase, 'captured');
  reconciler.want([{ ...wanted, uid: 'v' }]);
  t.equal(reconciler.report()[0]?.phase, 'leaving', 'the same name with another UID is another pod');
});

t.test('changes of a captured pod reach the kernel, once', async (t) => {
  const { node, reconciler, namespace, pod } = set(t);
  namespace('a');
  reconciler.want([pod('a')]);
  reconciler.want([pod('a', { addresses: ['10.0.0.2'], failClosed: true })]);
  reconciler.reconcile();
  t.strictSame(node.told.get('1')?.addresses, ['10.0.0.2']);
  t.equal(node.journal.filter((entry) => entry.startsWith('enroll')).length, 2);
});

t.test('what an agent that crashed left captured is released, but for the pods that are wanted', async (t) => {
  const node = new FakeNode();
  for (const cookie of ['1', '77']) {
    node.told.set(cookie, { netns: -1, cookie, addresses: [], failClosed: true, inbound4: -1, inbound6: -1 });
  }
  const { reconciler, namespace, pod } = set(t, node);
  namespace('a');
  node.prompt = false;
  reconciler.reconcile();
  t.strictSame(node.enrolled(), ['1', '77'], 'nothing is released before it is known what is wanted');
  reconciler.want([pod('a')]);
  t.strictSame(node.enrolled(), ['1'], 'the wanted one has cookie 1, and stays while its workers are not ready');
  node.told.set('78', { netns: -1, cookie: '78', addresses: [], failClosed: true, inbound4: -1, inbound6: -1 });
  reconciler.want([pod('a')]);
  t.strictSame(node.enrolled(), ['1', '78'], 'only what was there at the start is released');
});

t.test('two pods in one namespace: the second is refused', async (t) => {
  const { reconciler, namespace, pod } = set(t);
  const netns = namespace('a');
  reconciler.want([pod('a'), pod('b', { netns })]);
  t.match(reconciler.report(), [{ phase: 'captured' }, { phase: 'absent', error: /that of default\/a/ }]);
});

t.test('on the way out fail-open pods are released and fail-closed ones stay', async (t) => {
  const { node, reconciler, namespace, pod } = set(t);
  namespace('a');
  namespace('b');
  reconciler.want([pod('a'), pod('b', { failClosed: true })]);
  reconciler.release();
  t.strictSame(node.enrolled(), ['2']);
  await reconciler.close();
  t.equal(node.open.size, 0);
});

t.test('the agent stops while a pod is leaving: nothing is closed twice', async (t) => {
  const { node, reconciler, namespace, pod } = set(t);
  namespace('a');
  reconciler.want([pod('a')]);
  reconciler.want([]);
  reconciler.release();
  await reconciler.close();
  await delay(400);
  t.equal(node.open.size, 0);
  t.equal(node.journal.filter((entry) => entry === 'unlisten').length, 4);
});
