/** Agents and nodes that end, while traffic flows between pods that go on. */
import t, { type Test } from 'tap';
import { until } from '../until.ts';
import { AGENT_NAMESPACE } from '../agent-rights.ts';
import { agentManifestsOf } from './agent-manifests.ts';
import { type Counts, Mesh, type PodObject } from './mesh.ts';
import { clientObject, namespaceObject, serverObject, serviceObject } from './objects.ts';

const NAMESPACE = 'life';
const CONNECTIONS = 4;
const ENOUGH = 200;

const mesh = await Mesh.start();
t.teardown(() => mesh.close());
const { kube } = mesh;

const clients = ['client-a', 'client-b'];
const env = { TARGET: 'http://server/', CONNECTIONS: String(CONNECTIONS) };
await mesh.place(
  namespaceObject(NAMESPACE, { 'nodeway.io/enroll': 'true' }),
  ...[serverObject({ namespace: NAMESPACE, name: 'server', replicas: 2 }), serviceObject(NAMESPACE, 'server')],
  ...clients.map((name, index) => clientObject({ namespace: NAMESPACE, name, node: `node${index + 1}`, env })),
);

async function during(change: () => Promise<void>): Promise<Counts[]> {
  const pods = await Promise.all(clients.map((name) => mesh.pod(NAMESPACE, name)));
  await Promise.all(pods.map((pod) => mesh.counts(pod)));
  await change();
  for (const pod of pods) await mesh.until(`${pod.metadata.name} has sent enough`, async () => (await mesh.peek(pod)).sent >= ENOUGH);
  return Promise.all(pods.map((pod) => mesh.counts(pod)));
}

const failed = ({ failures }: Counts): number => Object.values(failures).reduce((sum, count) => sum + count, 0);

/** Requests that the agent of a node has taken on for clients. */
const taken = (node: string): Promise<number> =>
  mesh.metric(node, 'istio_requests_total', { reporter: 'source', destination_service_name: 'server' });

async function takesOn(t: Test, node: string): Promise<void> {
  const before = await taken(node);
  await mesh.until(`the agent of ${node} takes requests on`, async () => (await taken(node)) > before);
  t.pass(`the agent of ${node} takes requests on`);
}

const statusOf = ({ metadata }: PodObject): { readonly agent?: string } =>
  JSON.parse(metadata.annotations?.['nodeway.io/status'] ?? '{}') as { agent?: string };

const agentOf = async (node: string): Promise<PodObject> =>
  (await mesh.agentPods()).find(({ spec }) => spec.nodeName === node) as PodObject;

t.test('an agent that is killed costs what was under way, and no more', async (t) => {
  await takesOn(t, 'node1');
  const { pid } = mesh.status('node1');
  const counts = await during(async () => {
    process.kill(pid, 'SIGKILL');
    await mesh.until('another agent runs', async () => {
      const pods = await mesh.agentPods();
      return pods.some(({ spec, status }) => spec.nodeName === 'node1' && status.containerStatuses?.[0]?.restartCount === 1);
    });
    await mesh.agentsReady();
  });
  for (const [index, count] of counts.entries()) {
    // Requests of the client, and those of other clients to the node's server, each at its connection.
    t.ok(
      failed(count) <= 2 * CONNECTIONS,
      `${failed(count)} requests of ${clients[index]} were cut off: ${JSON.stringify(count.failures)}`,
    );
    t.ok(count.ok > ENOUGH - 2 * CONNECTIONS, 'all others were answered');
  }
  await mesh.agentAtRest('node1');
  await takesOn(t, 'node1');
  await mesh.asFresh(t);
});

t.test('all agents are replaced by a rolling update, and no request is lost', async (t) => {
  const before = new Set((await mesh.agentPods()).map(({ metadata }) => metadata.name));
  const counts = await during(async () => {
    await kube.kubectl('rollout', 'restart', `--namespace=${AGENT_NAMESPACE}`, 'daemonset/nodeway');
    await mesh.agentsReady();
  });
  for (const [index, count] of counts.entries()) {
    t.strictSame(count.failures, {}, `no request of ${clients[index]} failed (of ${count.ok}) ${count.examples.join('; ')}`);
  }
  t.notOk(
    (await mesh.agentPods()).some(({ metadata }) => before.has(metadata.name)),
    'they are others',
  );
  for (const node of ['node1', 'node2']) {
    await mesh.agentAtRest(node);
    await takesOn(t, node);
  }
  await mesh.asFresh(t);
});

/** Names of what an agent has pinned: by the layout of what its programs keep. */
const layouts = (node: string): string => mesh.node(node).run('ls', '/sys/fs/bpf/nodeway').trim();

t.test('another version takes over, with other programs in the kernel, and the first one again', async (t) => {
  const { version } = mesh.status('node1');
  const layout = layouts('node1');
  for (const wanted of [`${version}-next`, version]) {
    const manifests = await agentManifestsOf(wanted);
    const counts = await during(async () => {
      await kube.apply(...manifests);
      await mesh.agentsReady();
    });
    for (const [index, count] of counts.entries()) {
      t.strictSame(count.failures, {}, `no request of ${clients[index]} failed (of ${count.ok}) ${count.examples.join('; ')}`);
    }
    for (const node of ['node1', 'node2']) {
      await mesh.agentAtRest(node);
      t.equal(mesh.status(node).version, wanted);
      t.equal(layouts(node) === layout, wanted === version, `on ${node} is what ${wanted} pins, and nothing else`);
      t.notMatch(layouts(node), '\n');
      await takesOn(t, node);
      const { metadata } = await agentOf(node);
      const log = await kube.kubectl('logs', `--namespace=${AGENT_NAMESPACE}`, metadata.name, '--container=agent');
      t.match(log, 'another version had programs and maps pinned', 'its log says so');
    }
    await mesh.until(`all pods say that ${wanted} has captured them`, async () =>
      (await mesh.pods(NAMESPACE, '')).every((pod) => statusOf(pod).agent === wanted),
    );
    await mesh.asFresh(t);
  }
});

t.test('a node is rebooted', async (t) => {
  const agent = await agentOf('node2');
  const inhabitants = async (): Promise<readonly PodObject[]> =>
    [...(await mesh.pods(NAMESPACE, '')), ...(await mesh.agentPods())].filter(({ spec }) => spec.nodeName === 'node2');
  const idOf = ({ status }: PodObject): string => status.containerStatuses?.[0]?.containerID ?? '';
  const before = new Set((await inhabitants()).map(idOf));
  await mesh.cluster.reboot(mesh.node('node2'));
  // What the API server says of them is of the time before, until the kubelet has said otherwise.
  await mesh.until('all pods of the node run anew', async () =>
    (await inhabitants()).every((pod) => pod.status.containerStatuses?.[0]?.ready === true && !before.has(idOf(pod))),
  );
  await mesh.agentsReady();
  await mesh.settled(NAMESPACE);
  await mesh.agentAtRest('node2');
  t.equal((await agentOf('node2')).metadata.name, agent.metadata.name, 'the same pod, in a new process');
  const captured = mesh.status('node2').pods.filter(({ phase }) => phase === 'captured');
  const wanted = (await mesh.pods(NAMESPACE, '')).filter(({ spec }) => spec.nodeName === 'node2');
  t.equal(captured.length, wanted.length);
  t.strictSame(new Set(captured.flatMap(({ addresses }) => addresses)), new Set(wanted.map(({ status }) => status.podIP)));
  for (const name of ['node1', 'node2']) await takesOn(t, name);
  const counts = await during(async () => {});
  t.strictSame(
    counts.map(({ failures }) => failures),
    [{}, {}],
  );
  await mesh.asFresh(t);
});

t.test('after all of it, the agents know what agents that start now know', async (t) => {
  for (const node of ['node1', 'node2']) {
    const before = mesh.snapshot(node);
    await mesh.replaceAgent(node);
    t.strictSame(mesh.snapshot(node), before, `the agent of ${node}`);
  }
});

t.test('nothing of an agent is left when it is removed', async (t) => {
  await kube.kubectl('delete', 'daemonset', `--namespace=${AGENT_NAMESPACE}`, 'nodeway', '--wait', '--cascade=foreground');
  await until(async () => (await mesh.agentPods()).length === 0, 'the agents are gone');
  const counts = await during(async () => {});
  t.strictSame(
    counts.map(({ failures }) => failures),
    [{}, {}],
    'and traffic goes on without them',
  );
});
