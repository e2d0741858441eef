/** What changes in a cluster while traffic flows: nobody who sends a request notices. */
import t, { type Test } from 'tap';
import { AGENT_NAMESPACE } from '../agent-rights.ts';
import { agentManifests, CUSTOM_RESOURCES } from './agent-manifests.ts';
import type { KubeObject } from '../kube-api.ts';
import { type Counts, Mesh } from './mesh.ts';
import { clientObject, namespaceObject, serverObject, serviceObject } from './objects.ts';

const NAMESPACE = 'changes';
const EDITS = 200;
/** As many requests tell that what happened before has reached the traffic. */
const ENOUGH = 100;
const BETWEEN_EDITS = 3;
const CUTS = 10;
const ROUNDS = 5;
/** Characters, below what an annotation may have. */
const LARGE = 200_000;
const AWAY_S = 60;

const mesh = await Mesh.start();
t.teardown(() => mesh.close());
const { kube } = mesh;

const server = (version: string, replicas: number): KubeObject => serverObject({ namespace: NAMESPACE, name: 'server', version, replicas });
const NETWORKING = 'networking.istio.io/v1';
const subsets = (prefix = ''): KubeObject => ({
  ...{ apiVersion: NETWORKING, kind: 'DestinationRule', metadata: { name: 'server', namespace: NAMESPACE } },
  spec: { host: 'server', subsets: ['v1', 'v2'].map((version) => ({ name: `${prefix}${version}`, labels: { version } })) },
});

/** @param prefix of the subsets' names. */
function rule(weight: number, edit = 0, prefix = ''): KubeObject {
  const to = (subset: string, share: number): object => ({ destination: { host: 'server', subset: `${prefix}${subset}` }, weight: share });
  const headers = { request: { set: { 'x-edit': String(edit) } } };
  return {
    ...{ apiVersion: NETWORKING, kind: 'VirtualService', metadata: { name: 'server', namespace: NAMESPACE } },
    spec: { hosts: ['server'], http: [{ headers, route: [to('v1', 100 - weight), to('v2', weight)] }] },
  };
}

/** The agent's role, without what is of Istio's networking. */
function withoutRights(object: KubeObject): KubeObject {
  if (object.kind !== 'ClusterRole') return object;
  const rules = object['rules'] as readonly { readonly apiGroups: readonly string[] }[];
  return { ...object, rules: rules.filter(({ apiGroups }) => !apiGroups.includes('networking.istio.io')) };
}

const nodes = mesh.cluster.nodes.map(({ place }) => place.name);
const clients = ['client-a', 'client-b'];
await mesh.place(
  namespaceObject(NAMESPACE, { 'nodeway.io/enroll': 'true' }),
  ...[server('v1', 2), server('v2', 2), serviceObject(NAMESPACE, 'server'), subsets(), rule(0)],
  ...clients.map((name, index) =>
    clientObject({ namespace: NAMESPACE, name, node: `node${index + 1}`, env: { TARGET: 'http://server/' } }),
  ),
);

/** What was counted since `during` began, also by those who looked meanwhile. */
let meanwhile: Counts[] = [];

/** What the clients on both nodes have counted since the last call. */
async function taken(): Promise<Counts[]> {
  const pods = await Promise.all(clients.map((name) => mesh.pod(NAMESPACE, name)));
  const counts = await Promise.all(pods.map((pod) => mesh.counts(pod)));
  meanwhile = counts.map((own, index) => sum(own, meanwhile[index]));
  return counts;
}

function sum(one: Counts, other: Counts | undefined): Counts {
  if (other === undefined) return one;
  const both = (a: Counts['failures'], b: Counts['failures']): Counts['failures'] =>
    Object.fromEntries(Object.keys({ ...a, ...b }).map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]));
  return {
    sent: one.sent + other.sent,
    ok: one.ok + other.ok,
    late: one.late + other.late,
    failures: both(one.failures, other.failures),
    examples: [...one.examples, ...other.examples],
    pods: both(one.pods, other.pods),
    versions: both(one.versions, other.versions),
  };
}

/** What the clients on both nodes count from now on until enough has been sent. */
async function counted(): Promise<Counts[]> {
  await taken();
  await sent(ENOUGH);
  return taken();
}

/** Each client has sent so many since it was asked. */
async function sent(requests: number): Promise<void> {
  for (const name of clients) {
    const pod = await mesh.pod(NAMESPACE, name);
    await mesh.until(`${name} has sent ${requests} requests`, async () => (await mesh.peek(pod)).sent >= requests);
  }
}

/** What the clients on both nodes count meanwhile. */
async function during(change: () => Promise<void>): Promise<Counts[]> {
  await taken();
  meanwhile = [];
  await change();
  await taken();
  return meanwhile;
}

/** Nobody noticed. */
function unnoticed(t: Test, counts: readonly Counts[]): void {
  for (const [index, { ok, failures, late, examples }] of counts.entries()) {
    t.strictSame(failures, {}, `no request of ${clients[index]} failed (of ${ok}) ${examples.join('; ')}`);
    t.ok(ok > 0, 'requests were sent');
    t.equal(late, 0, 'none went to a server that was stopping');
  }
}

async function called(...wanted: readonly string[]): Promise<void> {
  await mesh.until(`only ${wanted.join(' and ')} are called`, async () =>
    (await counted()).every(({ versions }) => Object.keys(versions).sort().join() === wanted.join()),
  );
}

async function effective(t: Test, version: string): Promise<void> {
  await called(version);
  t.pass(`${version} is called`);
}

t.test('a rule is edited, again and again', async (t) => {
  await effective(t, 'v1');
  unnoticed(
    t,
    await during(async () => {
      for (let edit = 1; edit <= EDITS; edit++) {
        await kube.apply(rule(edit % 101, edit));
        await sent(BETWEEN_EDITS * edit);
      }
      await kube.apply(rule(100));
    }),
  );
  await effective(t, 'v2');
  await mesh.asFresh(t);
});

t.test('rules that name each other go, come and change one after the other', async (t) => {
  unnoticed(
    t,
    await during(async () => {
      for (let round = 1; round <= ROUNDS; round++) {
        await kube.kubectl('delete', `--namespace=${NAMESPACE}`, 'destinationrule/server', 'virtualservice/server');
        await called('v1', 'v2');
        await kube.apply(rule(100), subsets());
        await called('v2');
        await kube.apply(rule(0, round, 'other-'), subsets('other-'));
        await called('v1');
        await kube.apply(subsets(), rule(100));
        await called('v2');
      }
    }),
  );
  await mesh.asFresh(t);
});

t.test('Deployments are scaled and rolled out', async (t) => {
  unnoticed(
    t,
    await during(async () => {
      for (const replicas of [4, 1, 2]) {
        await kube.apply(server('v2', replicas));
        await mesh.settled(NAMESPACE);
      }
      await kube.kubectl('rollout', 'restart', `--namespace=${NAMESPACE}`, 'deployment/server-v2');
      await mesh.settled(NAMESPACE);
    }),
  );
  await mesh.asFresh(t);
});

t.test('a node is drained', async (t) => {
  const pods = await mesh.pods(NAMESPACE, 'app=server');
  t.ok(pods.some(({ spec }) => spec.nodeName === 'node2'));
  unnoticed(
    t,
    await during(async () => {
      // The clients stay, to see what becomes of the rest.
      await kube.kubectl('drain', 'node2', '--pod-selector=app=server', '--timeout=240s');
      await mesh.settled(NAMESPACE);
      await kube.kubectl('uncordon', 'node2');
    }),
  );
  t.strictSame(new Set((await mesh.pods(NAMESPACE, 'app=server')).map(({ spec }) => spec.nodeName)), new Set(['node1']));
  await mesh.asFresh(t);
});

t.test('the API server is away for a minute, and comes back', async (t) => {
  unnoticed(
    t,
    await during(async () => {
      await mesh.cluster.api.stopServer();
      await mesh.until('the agents say that it is away', async () =>
        nodes.every((node) => mesh.status(node).problems.some(({ message }) => message.includes('what it said last stays in effect'))),
      );
      await mesh.until('they have missed it for a minute', async () =>
        nodes.every((node) => mesh.status(node).sources.some(({ staleSeconds }) => staleSeconds >= AWAY_S)),
      );
      await mesh.cluster.api.startServer();
    }),
  );
  await kube.apply(rule(0));
  await effective(t, 'v1');
  await mesh.asFresh(t);
});

t.test("the agents' watches are cut while rules change", async (t) => {
  let cut = 0;
  unnoticed(
    t,
    await during(async () => {
      for (let edit = 1; edit <= CUTS; edit++) {
        const large = rule(edit % 101, edit);
        // Longer than what a socket holds, so that a cut may fall into it.
        await kube.apply({ ...large, metadata: { ...large.metadata, annotations: { filling: 'x'.repeat(LARGE) } } });
        for (const node of nodes) cut += mesh.cutWatches(node);
        await sent(BETWEEN_EDITS * edit);
      }
      await kube.apply(rule(100));
    }),
  );
  t.ok(cut >= nodes.length * CUTS, `${cut} connections were cut`);
  await effective(t, 'v2');
  await mesh.asFresh(t);
});

t.test('rights and custom resources are taken away, and come back', async (t) => {
  unnoticed(
    t,
    await during(async () => {
      await kube.apply(...agentManifests().map(withoutRights));
      // Rights count when a watch begins.
      await mesh.cluster.api.stopServer();
      await mesh.cluster.api.startServer();
      await mesh.until('the agents say that they may not', async () =>
        nodes.every((node) => mesh.status(node).problems.some(({ message }) => message.includes('may not'))),
      );
    }),
  );
  await kube.apply(rule(0), ...agentManifests());
  await effective(t, 'v1');
  await mesh.asFresh(t);
  unnoticed(
    t,
    await during(async () => {
      await kube.kubectl('delete', `--filename=${CUSTOM_RESOURCES}`, '--wait');
      await called('v1', 'v2');
      await mesh.asFresh(t);
      await mesh.customResources();
      await kube.apply(subsets(), rule(100));
    }),
  );
  await effective(t, 'v2');
  await mesh.asFresh(t);
});

t.test('after all of it, the agents know what agents that start now know', async (t) => {
  for (const node of nodes) {
    await mesh.agentAtRest(node);
    const before = mesh.snapshot(node);
    await mesh.replaceAgent(node);
    t.strictSame(mesh.snapshot(node), before, `the agent of ${node}`);
    t.strictSame(mesh.status(node).problems, [], `the agent of ${node} has nothing to complain of in ${AGENT_NAMESPACE}`);
  }
});
