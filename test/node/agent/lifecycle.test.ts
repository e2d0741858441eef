/** The agent's coming and going on a node: a second one, one after a crash, and nothing after cleanup. Needs root. */
import { isDeepStrictEqual } from 'node:util';
import t, { type Test } from 'tap';
import { nodeState } from '../capture/node-state.ts';
import { startNginx } from '../capture/programs.ts';
import { needsRoot, outcomeOf, type Pod, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess, MAIN, podObject } from './agent-process.ts';

interface Stage {
  readonly network: PodNetwork;
  /** Stands for the node: the agent has its network. */
  readonly node: Pod;
  readonly agent: AgentProcess;
  readonly client: Pod;
  readonly web: Pod;
}

async function setUp(t: Test, name: string): Promise<Stage> {
  const network = await PodNetwork.create(name);
  const node = network.addPod('node');
  const agent = await AgentProcess.create(network, [], [], [], node);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, web] = ['client', 'web'].map((pod) => network.addPod(pod)) as [Pod, Pod];
  await startNginx(web, (task) => t.teardown(task));
  await agent.apply('pods.json', podObject(client, 'client'), podObject(web, 'web'));
  return { network, node, agent, client, web };
}

async function works({ client, web }: Stage): Promise<boolean> {
  const { code, stdout } = await client.run(['curl', '-sS', '-m', '60', `http://${web.ipv4}/`]);
  return code === 0 && stdout.endsWith(` ${web.ipv4}\n`);
}

const captured = (agent: AgentProcess): Promise<number> => agent.metric('nodeway_datapath_verdicts_total', { reason: 'outbound_captured' });

t.test('cleanup leaves the node as it was before the first start, however the agent ended', { skip: needsRoot }, async (t) => {
  const stage = await setUp(t, 'agentclean');
  const { agent, node, client, web } = stage;
  const look = (): ReturnType<typeof nodeState> => nodeState(agent.instance, [node, client, web]);
  const before = look();
  for (const end of ['SIGTERM', 'SIGKILL']) {
    await agent.start();
    t.ok(await works(stage));
    t.equal(await captured(agent), 1);
    t.match(await agent.command('cleanup', '--instance', agent.instance), { code: 1, stderr: /another agent|pid/ }, 'not while it runs');
    if (end === 'SIGTERM') t.equal(await agent.stop(), 0);
    else await agent.kill();
    t.equal((await agent.command('cleanup', '--instance', agent.instance)).code, 0);
    await until(() => isDeepStrictEqual(look(), before), 'the kernel has freed all').catch(() => {});
    t.same(look(), before, `after ${end}`);
    t.ok(await works(stage));
  }
  t.match(await agent.command('cleanup', '--instance', agent.instance), { code: 0, stdout: /nothing to remove/ });
});

t.test('a second agent refuses with exit code 3 and names the first, which goes on', { skip: needsRoot }, async (t) => {
  const stage = await setUp(t, 'agentsecond');
  const { agent, network } = stage;
  await agent.start();
  const flags = ['--manifests', agent.manifests, '--instance', agent.instance, '--cgroup', network.cgroup];
  const second = await agent.command('agent', ...flags, '--metrics-address', 'none', '--admin-address', 'none');
  t.equal(second.code, 3);
  t.match(second.stderr, new RegExp(`\\b${agent.pid}\\b`));
  t.ok(await works(stage));
  t.equal(await captured(agent), 1);
});

t.test('after a crash the next agent takes over, and releases pods that are enrolled no more', { skip: needsRoot }, async (t) => {
  const stage = await setUp(t, 'agentcrash');
  const { agent, client, web } = stage;
  await agent.start();
  t.ok(await works(stage));
  await agent.kill();
  await agent.apply('pods.json', podObject(client, 'client', { enrolled: false }), podObject(web, 'web'));
  await agent.start();
  t.ok(await works(stage));
  t.equal(await captured(agent), 1, 'the counters go on, and the client is not captured');
  t.equal(
    await agent.metric('nodeway_datapath_verdicts_total', { reason: 'outbound_passed' }),
    0,
    'nor is it taken for one without an agent',
  );
  t.equal(nodeState(agent.instance, []).pins.filter((path) => /\/pod_/.test(path)).length, 1);
  await agent.apply('pods.json', podObject(client, 'client'), podObject(web, 'web'));
  t.ok(await works(stage));
  t.equal(await captured(agent), 2);
});

t.test('an agent that may not enter namespaces says so and ends, though there is no pod to capture', { skip: needsRoot }, async (t) => {
  const { agent, network } = await setUp(t, 'agentdenied');
  agent.write('pods.json', '');
  const flags = ['--manifests', agent.manifests, '--instance', agent.instance, '--cgroup', network.cgroup, '--metrics-address', 'none'];
  const denied = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', process.execPath, MAIN];
  const { code, stderr } = await outcomeOf(network.start(null, [...denied, 'agent', ...flags, '--admin-address', 'none']));
  t.equal(code, 3);
  t.match(stderr, /traffic cannot be captured: enter the network namespace: .*CAP_SYS_ADMIN/);
});

t.test('where the node cannot be written to, the agent says so in a sentence, with exit code 3', { skip: needsRoot }, async (t) => {
  const { agent, network, client } = await setUp(t, 'agentreadonly');
  const flags = ['--manifests', agent.manifests, '--instance', agent.instance, '--cgroup', network.cgroup, '--metrics-address', 'none'];
  const command = [process.execPath, MAIN, 'agent', ...flags, '--admin-address', 'none'];
  const readOnly = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o ro tmpfs /run && exec "$@"', 'sh'];
  const { code, stderr } = await client.run([...readOnly, ...command]);
  t.equal(code, 3);
  t.match(stderr, /traffic cannot be captured: .*\/run\/nodeway/);
  t.notMatch(stderr, /^ +at /m, 'and no stack');
});
