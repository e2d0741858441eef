/** The example application as its README applies it, with the rules of its chapters, on a cluster whose kube-proxy uses iptables. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { AGENT_NAMESPACE } from '../agent-rights.ts';
import type { KubeObject } from '../kube-api.ts';
import { Mesh, type PodObject } from './mesh.ts';
import { clientObject, namespaceObject, programsObject } from './objects.ts';

const EXAMPLE = 'examples/sentiment';
const NAMESPACE = 'default';
/** Enough for shares to be told apart: of five standard deviations. */
const REQUESTS = 400;
const AT_ONCE = 50;

const mesh = await Mesh.start({ proxyMode: 'iptables' });
t.teardown(() => mesh.close());
const { kube } = mesh;

/** As `kubectl apply -f` of files of the example. */
async function apply(...files: readonly string[]): Promise<void> {
  await kube.kubectl('apply', ...files.map((file) => `--filename=${EXAMPLE}/${file}.yaml`));
  for (const node of ['node1', 'node2']) await mesh.agentAtRest(node);
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** From outside, at the port of the Gateway on a node. */
async function visit(path: string, init: RequestInit = {}, node = '10.78.0.1'): Promise<Reply> {
  const response = await fetch(`http://${node}${path}`, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const analyse = (sentence: string): Promise<Reply> =>
  visit('/sentiment', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sentence }) });

async function analyses(count: number): Promise<Reply[]> {
  const replies: Reply[] = [];
  const worker = async (): Promise<void> => {
    while (count-- > 0) replies.push(await analyse('I love it.'));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return replies;
}

const failures = (replies: readonly Reply[]): number => replies.filter(({ status }) => status !== 200).length;

/** Requests that the pods of a version of the logic have written down. */
async function received(version: string): Promise<number> {
  const pods = await mesh.pods(NAMESPACE, `app=sa-logic,version=${version}`);
  const logs = await Promise.all(pods.map(({ metadata }) => kube.kubectl('logs', metadata.name)));
  return logs
    .join('\n')
    .split('\n')
    .filter((line) => line.includes('"event":"received"')).length;
}

t.test('the application is reached through the Gateway, and everything in it is in the mesh', async (t) => {
  const volume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'feedback' } },
    spec: {
      capacity: { storage: '100Mi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/var/lib/feedback', type: 'DirectoryOrCreate' },
    },
  };
  await kube.kubectl('apply', `--filename=${EXAMPLE}/istio/gateway.yaml`);
  await kube.apply(volume);
  await apply('kube/namespace', 'kube/frontend', 'kube/web-app', 'kube/logic', 'kube/feedback', 'istio/external-routes');
  await mesh.settled(NAMESPACE);
  for (const node of ['node1', 'node2']) await mesh.agentAtRest(node);
  for (const node of ['10.78.0.1', '10.78.0.2']) {
    const page = await visit('/', {}, node);
    t.equal(page.status, 200);
    t.match(page.body, /How does it sound/);
  }
  t.equal((await visit('/elsewhere')).status, 404);
  const reply = await analyse('I love it.');
  t.equal(reply.status, 200, reply.body);
  t.ok((JSON.parse(reply.body) as { polarity: number }).polarity > 0);
  const given = { sentence: 'I love it.', polarity: 0.5, correct: true };
  const sent = await visit('/feedback', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(given) });
  t.equal(sent.status, 201);
  t.match(JSON.parse((await visit('/feedback')).body), [given]);
  const captured = ['node1', 'node2'].flatMap((node) => mesh.status(node).pods).filter(({ phase }) => phase === 'captured');
  t.equal(captured.length, (await mesh.pods(NAMESPACE, '')).length);
});

t.test("a Service in front of the nodes' Gateway, as the chart makes it", async (t) => {
  const values = ['gateway.service.enabled=true', 'gateway.service.type=NodePort'].flatMap((value) => ['--set', value]);
  const words = ['template', 'nodeway', 'deploy/helm/nodeway', `--namespace=${AGENT_NAMESPACE}`, '--kube-version=1.34.0', ...values];
  const { stdout } = await promisify(execFile)('scripts/helm', [...words, '--show-only=templates/gateway-service.yaml']);
  const service = parse(stdout) as KubeObject;
  await kube.apply(service);
  const { spec } = (await kube.get(`/api/v1/namespaces/${AGENT_NAMESPACE}/services/${service.metadata.name}`)) as {
    readonly spec: { readonly ports: readonly { readonly name: string; readonly nodePort: number }[] };
  };
  const port = spec.ports.find(({ name }) => name === 'http2')?.nodePort;
  for (const node of ['10.78.0.1', '10.78.0.2']) {
    const answered = (): Promise<number> =>
      visit('/', {}, `${node}:${port}`).then(
        ({ status }) => status,
        () => 0,
      );
    await mesh.until(`${node} serves the Gateway at the Service's port`, async () => (await answered()) === 200);
    t.pass(`${node} serves the Gateway at the Service's port`);
  }
});

t.test('a pod that is in no mesh reaches a Service by kube-proxy', async (t) => {
  const namespace = 'outside';
  await kube.apply(namespaceObject(namespace), programsObject(namespace), clientObject({ namespace, name: 'client', node: 'node2' }));
  await mesh.settled(namespace);
  const client = await mesh.pod(namespace, 'client');
  const call = `fetch('http://sa-web-app.default/sentiment', { method: 'POST', body: '{"sentence":"bad"}' }).then((r) => console.log(r.status))`;
  t.equal((await mesh.exec(client, 'node', '--eval', call)).trim(), '200');
});

t.test('two builds of the page: each visitor stays with one', async (t) => {
  await apply('kube/frontend-green', 'istio/frontend-by-header');
  await mesh.settled(NAMESPACE);
  for (const node of ['node1', 'node2']) await mesh.agentAtRest(node);
  const pods = new Set<string>();
  for (let user = 0; user < 20; user++) {
    const replies = await Promise.all([1, 2, 3].map(() => visit('/', { headers: { version: `user-${user}` } })));
    const met = new Set(replies.map(({ headers }) => headers.get('x-served-by') ?? ''));
    t.equal(met.size, 1);
    for (const pod of met) pods.add(pod);
  }
  t.ok(pods.size >= 2, 'and they are spread');
  await apply('istio/frontend-by-cookie');
  const first = await visit('/');
  const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
  t.match(cookie, /^visitor=/);
  for (let time = 0; time < 5; time++) {
    t.equal((await visit('/', { headers: { cookie } })).headers.get('x-served-by'), first.headers.get('x-served-by'));
  }
});

t.test('a faulty release: on copies, on one request in five, with patience', async (t) => {
  await apply('istio/logic-subsets', 'istio/logic-shadowing', 'kube/logic-buggy');
  // Longer than a try may take, and not as long as in the example.
  await kube.kubectl('set', 'env', 'deployment/sa-logic-buggy', 'SLEEP_SECONDS=8');
  await mesh.settled(NAMESPACE);
  for (const node of ['node1', 'node2']) await mesh.agentAtRest(node);
  const before = await received('v1');
  const shadowed = await analyses(100);
  t.equal(failures(shadowed), 0, 'nobody notices the copies');
  t.equal((await received('v1')) - before, 100);
  await mesh.until('v2 has had all copies', async () => (await received('v2')) === 100);

  await apply('istio/logic-canary');
  const canary = failures(await analyses(REQUESTS));
  t.ok(canary > 0 && canary < REQUESTS / 3, `${canary} of ${REQUESTS} have met the faulty release`);
  t.ok((await received('v2')) > 100);

  await kube.apply(namespaceObject('istio-system'));
  await apply('istio/mesh-retry-5xx', 'istio/logic-timeouts-retries');
  const patient = failures(await analyses(REQUESTS));
  t.ok(patient < canary, `with retries ${patient} instead of ${canary}`);
});

t.test('the rules are gone, and the application works on', async (t) => {
  const pods: readonly PodObject[] = await mesh.pods(NAMESPACE, 'app=sa-logic,version=v1');
  await kube.kubectl('delete', `--filename=${EXAMPLE}/kube/logic-buggy.yaml`, '--wait');
  await kube.kubectl('delete', 'virtualservice/sa-logic', 'destinationrule/sa-logic');
  await mesh.settled(NAMESPACE);
  for (const node of ['node1', 'node2']) await mesh.agentAtRest(node);
  const replies = await analyses(100);
  t.equal(failures(replies), 0);
  const by = new Set(replies.map(({ headers }) => headers.get('x-analysed-by') ?? ''));
  t.strictSame(by, new Set(pods.map(({ metadata }) => metadata.name)), 'both pods are called');
});
