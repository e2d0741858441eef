/** What an agent leaves on the node when it ends in any way, who takes it over, and that cleanup leaves nothing. Needs root. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import t, { type Test } from 'tap';
import { cleanup } from '../../../src/datapath/datapath.ts';
import { closeFd, namespaceCookie, openNamespace } from '../../../src/datapath/namespaces.ts';
import { lockPath, pinRoot } from '../../../src/datapath/pins.ts';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { type NodeState, nodeState } from './node-state.ts';
import { call, startGreeter } from './programs.ts';
import { removePrograms, StandIn } from './stand-in.ts';

interface Stage {
  readonly network: PodNetwork;
  readonly instance: string;
  readonly client: Pod;
  readonly server: Pod;
}

async function setUp(t: Test, name: string): Promise<Stage> {
  const network = await PodNetwork.create(name);
  removePrograms(network);
  t.teardown(async () => {
    await network.close();
    removePrograms(network);
  });
  const [client, server] = ['client', 'server'].map((pod) => network.addPod(pod)) as [Pod, Pod];
  await startGreeter(server, 9000);
  return { network, instance: `nwt-${name}`, client, server };
}

function attachedToPods(instance: string): string[] {
  return nodeState(instance, []).pins.filter((path) => /\/pod_/.test(path));
}

function cookieOf(pod: Pod): string {
  const netns = openNamespace(pod.path);
  const cookie = namespaceCookie(netns);
  closeFd(netns);
  return cookie;
}

/** The kernel frees programs and maps a little after their last holder is gone. */
async function becomes(t: Test, wanted: NodeState, look: () => NodeState, what: string): Promise<void> {
  const same = (): boolean => isDeepStrictEqual(look(), wanted);
  await until(same, what).catch(() => {});
  t.same(look(), wanted, what);
}

t.test('cleanup leaves programs, maps, links, pins, rules, routes and namespaces as they were', { skip: needsRoot }, async (t) => {
  const { network, instance, client, server } = await setUp(t, 'cleanup');
  const node = network.addPod('node');
  const look = (): NodeState => nodeState(instance, [node, client, server]);
  const before = look();

  for (const end of ['SIGKILL', 'withdrawn'] as const) {
    const agent = await StandIn.start(network, {}, node);
    for (const pod of [client, server]) await agent.enroll(pod);
    t.match(await call(client, server.ipv4, 9000), { error: undefined });
    t.equal((await agent.accepted()).length, 1);
    const during = look();
    t.ok(during.bpf.length > before.bpf.length + 10, 'the comparison sees what it should');
    t.ok(during.pins.length > before.pins.length + 10);
    t.throws(() => cleanup({ instance }), { code: 'AGENT_RUNNING' }, 'not while an agent runs');
    if (end === 'withdrawn') {
      for (const pod of [client, server]) await agent.withdraw(pod);
      t.same(attachedToPods(instance), [], 'nothing stays attached to a pod that was withdrawn');
    }
    await agent.kill();
    const { removed } = cleanup({ instance });
    t.ok(removed.includes(pinRoot(instance)));
    await becomes(t, before, look, `as before, the agent having ended by ${end}`);
    t.notOk(existsSync(lockPath(instance)));
    t.match(await call(client, server.ipv4, 9000), { line: `${client.ipv4} ${server.ipv4}`, error: undefined });
  }
  t.same(cleanup({ instance }).removed, [], 'the second time there is nothing');
});

t.test('after a crash the next agent takes over what is there, and loads nothing twice', { skip: needsRoot }, async (t) => {
  const { network, instance, client, server } = await setUp(t, 'adopt');
  const agent = await StandIn.start(network);
  for (const pod of [client, server]) await agent.enroll(pod);
  const cookies = (await agent.enrolled()).sort();
  await call(client, server.ipv4, 9000);
  await agent.kill();
  const left = nodeState(instance, []);

  const heir = await StandIn.start(network);
  t.same((await heir.enrolled()).sort(), cookies, 'the pods are still known');
  t.equal((await heir.counters())['outbound_captured'], 1, 'the counters go on');
  t.match(await call(client, server.ipv4, 9000), { error: undefined }, 'straight, until the pods are enrolled again');
  for (const pod of [client, server]) await heir.enroll(pod);
  t.match(await call(client, server.ipv4, 9000), { error: undefined });
  t.equal((await heir.accepted()).length, 1);
  const links = ({ bpf }: NodeState): string[] => bpf.filter((object) => object.startsWith('link '));
  const shared = ({ bpf }: NodeState): number => bpf.filter((object) => object.startsWith('program ')).length;
  const now = nodeState(instance, []);
  t.same(now.pins, left.pins);
  t.same(links(now), links(left), 'the same links, so that no moment was without');
  await until(() => shared(nodeState(instance, [])) === shared(left), 'the programs of the one before are gone');
});

t.test('pods that ended while no agent ran are forgotten, with what was attached to them', { skip: needsRoot }, async (t) => {
  const { network, instance, client, server } = await setUp(t, 'forgotten');
  const agent = await StandIn.start(network);
  for (const pod of [client, server]) await agent.enroll(pod);
  await agent.kill();
  await network.removePod(client);
  const heir = await StandIn.start(network);
  await heir.enroll(server);
  const [cookie] = [server].map(cookieOf);
  for (const gone of await heir.enrolled()) if (gone !== cookie) await heir.forget(gone);
  t.same(await heir.enrolled(), [cookie]);
  const attached = attachedToPods(instance);
  t.match(attached, [new RegExp(`pod_${cookie}$`)]);
  t.equal(attached.length, 1);
  await heir.kill();
  cleanup({ instance });
  t.notOk(existsSync(pinRoot(instance)));
});

t.test('what an agent of another version left is removed at the start', { skip: needsRoot }, async (t) => {
  const { network, instance, client, server } = await setUp(t, 'version');
  const first = await StandIn.start(network);
  await first.enroll(client);
  await first.kill();
  const [abi] = readdirSync(pinRoot(instance)) as [string];
  mkdirSync(join(pinRoot(instance), 'f00d'));
  const heir = await StandIn.start(network);
  await heir.enroll(client);
  t.same(readdirSync(pinRoot(instance)), [abi]);
  t.match(await call(client, server.ipv4, 9000), { error: undefined });
  t.equal((await heir.accepted()).length, 1);
});

t.test('a second agent refuses and names the first, which goes on', { skip: needsRoot }, async (t) => {
  const { network, client, server } = await setUp(t, 'second');
  const first = await StandIn.start(network);
  await first.enroll(client);
  await t.rejects(StandIn.start(network), { code: 'AGENT_RUNNING', message: new RegExp(`\\b${first.child.pid}\\b`) });
  t.match(await call(client, server.ipv4, 9000), { error: undefined });
  t.equal((await first.accepted()).length, 1);
  await first.kill();
  await (await StandIn.start(network)).kill();
});
