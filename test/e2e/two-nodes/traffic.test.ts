/** What a user does first: install, annotate, call. */
import t from 'tap';
import type { PodStatus } from '../../../src/agent/admin/status.ts';
import { Mesh, type PodObject } from './mesh.ts';
import { clientObject, namespaceObject, ownedObjects, programsObject, serverObject, serviceObject } from './objects.ts';

const mesh = await Mesh.start();
t.teardown(() => mesh.close());

interface Seen {
  readonly pod: string;
  readonly from: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly probe: Pick<Seen, 'from' | 'headers'> | null;
}

interface CronJobObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly jobTemplate: { readonly spec: object } };
}

const NAMESPACE = 'traffic';

/** What a server sees of a request of a client. */
async function seen(client: PodObject, url: string): Promise<Seen> {
  const program = `fetch(${JSON.stringify(url)}).then((r) => r.text()).then(console.log)`;
  return JSON.parse(await mesh.exec(client, 'node', '--eval', program)) as Seen;
}

/** The addresses from which the pod has connections at a port: a NetworkPolicy would see the same. */
async function addressesAtPort(pod: PodObject, port: number): Promise<ReadonlySet<string>> {
  const at = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = (await mesh.exec(pod, 'cat', '/proc/net/tcp', '/proc/net/tcp6')).split('\n').map((line) => line.trim().split(/\s+/));
  const remotes = lines.filter(([, local]) => local?.endsWith(at) === true).map(([, , remote = '']) => remote.split(':')[0] ?? '');
  // The last word in the byte order of the machine: an IPv4 address, mapped or not.
  return new Set(
    remotes.map((hex) =>
      (hex.slice(-8).match(/../g) ?? [])
        .reverse()
        .map((byte) => parseInt(byte, 16))
        .join('.'),
    ),
  );
}

t.test('pods of an annotated namespace are in the mesh, between nodes and on one', async (t) => {
  await mesh.place(
    namespaceObject(NAMESPACE, { 'nodeway.io/enroll': 'true' }),
    serverObject({ namespace: NAMESPACE, name: 'near', node: 'node1' }),
    serverObject({ namespace: NAMESPACE, name: 'far', node: 'node2' }),
    clientObject({ namespace: NAMESPACE, name: 'client', node: 'node1', env: { TARGET: 'http://far/' } }),
    ...['near', 'far'].map((name) => serviceObject(NAMESPACE, name)),
  );
  const client = await mesh.pod(NAMESPACE, 'client');
  await mesh.counts(client);
  for (const [name, node] of [
    ['near', 'node1'],
    ['far', 'node2'],
  ] as const) {
    const request = await seen(client, `http://${name}.${NAMESPACE}/`);
    t.match(request.headers, { 'x-request-id': /.+/, 'x-forwarded-proto': 'http' }, `${name} is called through the mesh`);
    const peers = await addressesAtPort(await mesh.pod(NAMESPACE, name), 8080);
    t.ok(peers.has(client.status.podIP ?? ''), "what arrives at the pod has its client's address");
    const told = (reporter: string): Promise<number> =>
      mesh.metric(reporter === 'source' ? 'node1' : node, 'istio_requests_total', { reporter, destination_workload: `${name}-v1` });
    t.ok((await told('source')) > 0, 'the node of the client has counted it');
    t.ok((await told('destination')) > 0, 'and that of the server');
  }
  const counts = await mesh.counts(client);
  t.strictSame(counts.failures, {});
  t.ok(counts.ok > 0);
});

t.test('a pod with a sidecar of Istio is left alone, and speaks plain text with enrolled pods', async (t) => {
  await mesh.place(
    namespaceObject(NAMESPACE, { 'nodeway.io/enroll': 'true' }),
    serverObject({ namespace: NAMESPACE, name: 'sidecar', node: 'node1', beside: ['istio-proxy'] }),
    serviceObject(NAMESPACE, 'sidecar'),
  );
  const pod = await mesh.pod(NAMESPACE, 'sidecar');
  const named = (): PodStatus | undefined => mesh.status('node1').pods.find((known) => known.pod === `${NAMESPACE}/${pod.metadata.name}`);
  t.match(named(), { enrolled: false, phase: 'absent', reason: 'it has an istio-proxy container' });
  const annotation = async (): Promise<string> => (await mesh.pod(NAMESPACE, 'sidecar')).metadata.annotations?.['nodeway.io/status'] ?? '';
  await mesh.until('the pod says why', async () => (await annotation()).includes('it has an istio-proxy container'));
  t.match(JSON.parse(await annotation()), { captured: null, reason: 'it has an istio-proxy container' });

  const client = await mesh.pod(NAMESPACE, 'client');
  const request = await seen(client, `http://sidecar.${NAMESPACE}/`);
  t.equal(request.pod, pod.metadata.name);
  t.match(request.headers, { 'x-request-id': /.+/ }, 'an enrolled client calls it through the mesh');
  const before = await mesh.metric('node1', 'istio_requests_total', { reporter: 'source', source_workload: 'sidecar-v1' });
  const answered = await seen(pod, `http://near.${NAMESPACE}/`);
  t.equal(answered.pod, (await mesh.pod(NAMESPACE, 'near')).metadata.name);
  t.equal(
    await mesh.metric('node1', 'istio_requests_total', { reporter: 'source', source_workload: 'sidecar-v1' }),
    before,
    'nobody takes over what it sends',
  );
});

t.test("two agents on one kernel leave each other's pods alone", async (t) => {
  const all = await mesh.pods(NAMESPACE, '');
  for (const node of ['node1', 'node2']) {
    const own = all
      .filter(({ spec, metadata }) => spec.nodeName === node && metadata.labels?.['app'] !== 'sidecar')
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    const captured = mesh.status(node).pods.filter(({ phase }) => phase === 'captured');
    t.strictSame(captured.map(({ pod }) => pod).sort(), own.sort(), `the agent of ${node} has its own pods`);
  }
});

t.test('probes of every kind reach the application itself', async (t) => {
  const probe = { periodSeconds: 1, failureThreshold: 1 };
  const probes = {
    http: { httpGet: { path: '/ready', port: 8080 } },
    tcp: { tcpSocket: { port: 9000 } },
    grpc: { grpc: { port: 9001 } },
    exec: { exec: { command: ['node', '--eval', 'fetch("http://127.0.0.1:8080/ready").then((r) => process.exit(r.ok ? 0 : 1))'] } },
  };
  const servers = Object.entries(probes).map(([name, kind]) => {
    const more = {
      readinessProbe: { ...kind, ...probe, timeoutSeconds: 5 },
      livenessProbe: { ...kind, ...probe, timeoutSeconds: 10, failureThreshold: 3 },
    };
    return serverObject({ namespace: NAMESPACE, name: `by-${name}`, node: 'node2', more });
  });
  await mesh.kube.apply(...servers, serviceObject(NAMESPACE, 'by-http'));
  await mesh.settled(NAMESPACE);
  const client = await mesh.pod(NAMESPACE, 'client');
  const { probe: latest } = await seen(client, 'http://by-http/');
  t.equal(latest?.from, '::ffff:10.244.2.1', 'from the address of the node');
  t.notOk(latest?.headers['x-request-id'], 'and not through the mesh');
  const restarts = (await mesh.pods(NAMESPACE, '')).map(({ status }) => status.containerStatuses?.[0]?.restartCount);
  t.ok(
    restarts.every((count) => count === 0),
    'no liveness probe has failed',
  );
});

t.test('an annotation on an owner of any kind enrols its pods, and none is restarted', async (t) => {
  const { kube } = mesh;
  const namespace = 'owners';
  const owners = ownedObjects(namespace, { TARGET: `http://near.${NAMESPACE}/` });
  await kube.apply(namespaceObject(namespace), programsObject(namespace), ...owners);
  // As its controller would at new year.
  const cronJob = (await kube.get(`/apis/batch/v1/namespaces/${namespace}/cronjobs/cronjob`)) as CronJobObject;
  const { uid, name } = cronJob.metadata;
  const metadata = {
    name: `${name}-29000000`,
    namespace,
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name, uid, controller: true }],
  };
  await kube.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: cronJob.spec.jobTemplate.spec });
  // One for each owner, and one more of the DaemonSet.
  const wanted = owners.length + 1;
  const running = async (): Promise<readonly PodObject[]> =>
    (await mesh.pods(namespace, '')).filter(({ status }) => status.containerStatuses?.every(({ ready }) => ready) === true);
  await mesh.until('all pods run', async () => (await running()).length === wanted);
  const before = await running();
  const captured = (): string[] =>
    ['node1', 'node2'].flatMap((node) =>
      mesh.status(node).pods.flatMap(({ pod, phase }) => (phase === 'captured' && pod.startsWith(`${namespace}/`) ? [pod] : [])),
    );
  t.strictSame(captured(), []);
  for (const { kind } of owners) {
    const annotate = (value: string): Promise<string> =>
      kube.kubectl('annotate', `--namespace=${namespace}`, `${kind}/${kind.toLowerCase()}`, `nodeway.io/enroll${value}`);
    await annotate('=true');
    const own = before
      .filter(({ metadata }) => metadata.labels?.['app'] === kind.toLowerCase())
      .map(({ metadata }) => `${namespace}/${metadata.name}`);
    await mesh.until(`the pods of the ${kind} are captured`, async () => captured().sort().join() === own.sort().join());
    t.equal(own.length, kind === 'DaemonSet' ? 2 : 1, `the pods of the ${kind}, and no other`);
    await annotate('-');
    await mesh.until(`the pods of the ${kind} are let go`, async () => captured().length === 0);
  }
  const after = await running();
  t.strictSame(
    new Set(after.map(({ metadata }) => metadata['uid'])),
    new Set(before.map(({ metadata }) => metadata['uid'])),
    'the same pods',
  );
  t.ok(after.every(({ status }) => status.containerStatuses?.every(({ restartCount }) => restartCount === 0)));
  for (const pod of after) t.strictSame((await mesh.counts(pod)).failures, {}, `${pod.metadata.name} has noticed nothing`);
});
