/** A pod that fails closed stays so through a crash of the agent and a start at which its listeners fail. Needs root. */
import t from 'tap';
import { call, startGreeter } from '../capture/programs.ts';
import { end, needsRoot, type Pod, PodNetwork, PYTHON, until } from '../pod-network.ts';
import { AgentProcess, type KubeObject, podObject } from './agent-process.ts';

const UID = '0a1b2c3d-4e5f-6789-abcd-ef0123456789';

/** Takes the agent's port for itself alone. */
const SQUATTER = `
import socket, sys
listener = socket.socket()
listener.bind(('0.0.0.0', 15006))
listener.listen()
print('serving', flush=True)
sys.stdin.read()
`;

/** As from an API server: without the path of its namespace, so that it is found by the cgroup of its processes. */
function closedPod(pod: Pod): KubeObject {
  const object = podObject(pod, 'client') as unknown as { metadata: object };
  const annotations = { 'nodeway.io/enroll': 'true', 'nodeway.io/fail-closed': 'true' };
  return { ...object, kind: 'Pod', metadata: { ...object.metadata, uid: UID, annotations } };
}

t.test('fail-closed after a crash', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('failclosed');
  const agent = await AgentProcess.create(network);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, server] = ['client', 'server'].map((pod) => network.addPod(pod)) as [Pod, Pod];
  await startGreeter(server, 9000);
  const cgroup = network.addCgroup(`pod${UID}`);
  const first = client.start(['sleep', 'infinity'], { cgroup });
  const reach = async (): Promise<string | undefined> => (await call(client, server.ipv4, 9000)).error;
  const phase = async (): Promise<string | undefined> => (await agent.status()).pods[0]?.phase;

  await agent.apply('pods.json', closedPod(client));
  await agent.start();
  t.equal(await phase(), 'captured', 'found by its UID');
  t.equal(await reach(), undefined);
  await agent.kill();
  t.equal(await reach(), 'EPERM');

  await t.test('its listeners fail at the next start', async (t) => {
    const squatter = await client.serve([PYTHON, '-c', SQUATTER], { stdio: ['pipe', 'pipe', 'inherit'] });
    await agent.start();
    t.match((await agent.status()).pods, [{ phase: 'absent', error: /EADDRINUSE/ }]);
    t.equal(await reach(), 'EPERM', 'closed, as it was');
    await end(squatter);
    await until(async () => (await phase()) === 'captured', 'the pod is captured');
    t.equal(await reach(), undefined);
  });

  await t.test('its processes are not found at the next start', async (t) => {
    await agent.kill();
    await end(first);
    await agent.start();
    t.match((await agent.status()).pods, [{ phase: 'absent', error: /no process of it runs on this node/ }]);
    t.equal(await reach(), 'EPERM', 'closed, as it was');
    client.start(['sleep', 'infinity'], { cgroup });
    await until(async () => (await phase()) === 'captured', 'the pod is captured');
    t.equal(await reach(), undefined);
  });

  await t.test('it is not wanted any more at the next start', async (t) => {
    await agent.kill();
    agent.write('pods.json', JSON.stringify(podObject(server, 'server', { enrolled: false })));
    t.equal(await reach(), 'EPERM');
    await agent.start();
    t.equal(await reach(), undefined, 'released');
  });
});
