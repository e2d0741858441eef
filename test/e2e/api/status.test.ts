/** What users see of the agent at the real API server: marks on pods, conditions, Events. With the agent's own rights. */
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { LocalPod } from '../../../src/agent/model/compile/index.ts';
import { ownMarks } from '../../../src/agent/model/own-marks.ts';
import type { ObjectRef, Problem } from '../../../src/agent/model/problem.ts';
import { ApiClient } from '../../../src/agent/sources/kubernetes/api-client.ts';
import { KubeConfigAccess } from '../../../src/agent/sources/kubernetes/kube-config.ts';
import { StatusWriter } from '../../../src/agent/status/status-writer.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { until } from '../until.ts';
import { AGENT_NAMESPACE, agentRights, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import type { KubeObject } from '../kube-api.ts';

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
await kube.apply(...customResources(), ...agentRights(), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
await kube.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=240s');

const pod = (name: string): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } },
  spec: { nodeName: 'n1', containers: [{ name: 'app', image: 'app:1' }] },
});
const rule = (name: string): KubeObject => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name, namespace: 'shop' } },
  spec: { hosts: [name], http: [] },
});
const REF: ObjectRef = { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'shop', name: 'r' };
const problem = (message: string, object = REF, severity: Problem['severity'] = 'error'): Problem => {
  return { severity, object, path: 'spec.http[0]', message, file: '', line: 0, column: 0 };
};

interface Seen {
  readonly metadata: { annotations?: Record<string, string>; labels?: Record<string, string>; resourceVersion: string; uid: string };
  readonly spec?: unknown;
  readonly status?: { conditions?: { type: string; status: string; reason: string; message: string }[]; observedGeneration?: number };
}

const podNamed = async (name: string): Promise<Seen> => (await kube.get(`/api/v1/namespaces/shop/pods/${name}`)) as Seen;
const ruleNamed = async (name: string): Promise<Seen> =>
  (await kube.get(`/apis/networking.istio.io/v1/namespaces/shop/virtualservices/${name}`)) as Seen;

class Writing {
  pods: LocalPod[] = [];
  captured = true;
  problems: Problem[] = [];
  readonly writer: StatusWriter;

  constructor(client: ApiClient, node = 'n1') {
    this.writer = new StatusWriter({
      ...{ api: client, clock: systemClock(), random: Math.random, log: pino({ level: 'silent' }), nodeName: node },
      ...{ agentNamespace: AGENT_NAMESPACE, version: '1.0.0', ambientAnnotation: true },
      localPods: () => this.pods,
      captures: () =>
        this.pods.map(({ key }) => ({ key, phase: this.captured ? 'captured' : 'absent', capturedAt: null, cookie: '', error: '' })),
      problems: () => this.problems,
    });
  }

  /** As the agent sees it after its watch has told it. */
  async see(name: string, more: Partial<LocalPod> = {}): Promise<void> {
    const { metadata } = await podNamed(name);
    const marks = ownMarks(metadata.annotations, metadata.labels);
    const base = {
      netns: null,
      addresses: [],
      failClosed: false,
      enrolled: true,
      reason: '',
      asked: true,
      ended: false,
      fromCluster: true,
    };
    this.pods = [{ ...base, key: `shop/${name}`, uid: metadata.uid, marks, ...more }];
    this.writer.changed();
  }

  blame(...problems: Problem[]): void {
    this.problems = problems;
    this.writer.changed();
  }
}

async function start(t: Test, node = 'n1'): Promise<Writing> {
  const access = await KubeConfigAccess.open(await api.agentKubeconfig());
  const writing = new Writing(new ApiClient(access, systemClock(), 'nodeway/test'), node);
  writing.writer.start();
  t.teardown(() => writing.writer.stop());
  return writing;
}

t.test('a pod is marked once, and the marks go with its enrolment', async (t) => {
  await kube.apply(pod('p'));
  const writing = await start(t);
  await writing.see('p');
  const label = async (): Promise<string | undefined> => (await podNamed('p')).metadata.labels?.['nodeway.io/captured'];
  await until(async () => (await label()) === 'true', 'the pod is marked');
  const marked = await podNamed('p');
  t.match(marked.metadata.annotations?.['nodeway.io/status'], /^{"captured":"\d{4}-.*Z","agent":"1\.0\.0","ambient":true}$/);
  t.equal(marked.metadata.annotations?.['ambient.istio.io/redirection'], 'enabled');
  const columns = await kube.kubectl('get', 'pods', '-n', 'shop', '-L', 'nodeway.io/captured');
  t.match(columns, /CAPTURED\n[^]*p .* true\n/);
  await writing.see('p');
  await writing.see('p', { enrolled: false, asked: true, reason: 'it has a linkerd-proxy container, of Linkerd' });
  writing.captured = false;
  await until(async () => (await label()) === 'false', 'the pod is marked as left alone');
  const left = (await podNamed('p')).metadata.annotations ?? {};
  t.match(left['nodeway.io/status'], /"reason":"it has a linkerd-proxy container/);
  t.notOk('ambient.istio.io/redirection' in left, "Istio's annotation has gone with the capture");
  await writing.see('p', { enrolled: false, asked: false });
  await until(async () => (await label()) === undefined, 'the marks are gone');
  t.strictSame((await podNamed('p')).spec, marked.spec, 'nothing else was touched');
  const another = await podNamed('p');
  await writing.see('p', { uid: 'of-another-pod' });
  // What is told after it is written after it.
  writing.blame(problem('e', { ...REF, group: '', kind: 'Pod', name: 'p' }));
  await until(async () => (await kube.kubectl('get', 'events', '-n', 'shop')).includes('pod/p'), 'an event of the pod');
  t.equal((await podNamed('p')).metadata.resourceVersion, another.metadata.resourceVersion, 'of another pod with that name');
});

t.test('kubectl describe says why a rule does not work, and that it works again', async (t) => {
  await kube.apply(rule('r'), rule('fine'));
  const fine = (await ruleNamed('fine')).metadata.resourceVersion;
  const writing = await start(t);
  writing.blame(problem('"route" is missing'));
  const reason = async (): Promise<string | undefined> => (await ruleNamed('r')).status?.conditions?.[0]?.reason;
  await until(async () => (await reason()) === 'Refused', 'the condition');
  t.match((await ruleNamed('r')).status, {
    conditions: [{ type: 'Reconciled', status: 'False', message: 'spec.http[0]: "route" is missing', observedGeneration: 1 }],
    observedGeneration: 1,
  });
  const described = (): Promise<string> => kube.kubectl('describe', '-n', 'shop', 'virtualservice', 'r');
  await until(async () => /Warning +Refused/.test(await described()), 'the event');
  t.match(await described(), /Warning +Refused .* spec\.http\[0\]: "route" is missing/);
  const { resourceVersion } = (await ruleNamed('r')).metadata;
  writing.blame(problem('"route" is missing'));
  writing.blame();
  await until(async () => (await reason()) === 'Accepted', 'it is in order');
  t.not((await ruleNamed('r')).metadata.resourceVersion, resourceVersion);
  await until(async () => /Normal +Accepted/.test(await described()), 'the event that it is in order');
  t.equal((await ruleNamed('fine')).metadata.resourceVersion, fine, 'one without problems is left alone');
});

t.test('one agent of several tells, and the next one after it', async (t) => {
  await kube.apply(rule('shared'));
  const about = (message: string): Problem => problem(message, { ...REF, name: 'shared' });
  const [first, second] = [await start(t, 'n1'), await start(t, 'n2')];
  for (const writing of [first, second]) writing.blame(about('one'));
  const status = async () => (await ruleNamed('shared')).status?.conditions?.[0];
  await until(async () => (await status())?.message === 'spec.http[0]: one', 'one of them has told');
  const events = (await kube.kubectl('get', 'events', '-n', 'shop', '-o', 'name')).split('\n').filter((name) => name.includes('shared'));
  t.equal(events.length, 1);
  await Promise.all([first.writer.stop(), second.writer.stop()]);
  const lease = (await kube.get(`/apis/coordination.k8s.io/v1/namespaces/${AGENT_NAMESPACE}/leases/nodeway-status`)) as {
    readonly spec: { readonly holderIdentity: string };
  };
  t.equal(lease.spec.holderIdentity, '', 'given back');
  // The rule was mended while there was no agent.
  await start(t, 'n3');
  await until(async () => (await status())?.reason === 'Accepted', 'the next one takes back what was told');
});

t.test('a condition of another controller is left alone', async (t) => {
  await kube.apply(rule('other'));
  const theirs = { type: 'Reconciled', status: 'True', reason: 'Theirs', message: 'x' };
  await kube.applyStatus({ ...rule('other'), spec: undefined, status: { conditions: [theirs] } });
  const writing = await start(t);
  writing.blame(problem('e', { ...REF, name: 'other' }));
  const events = async (): Promise<string> => kube.kubectl('get', 'events', '-n', 'shop', '-o', 'name');
  await until(async () => (await events()).includes('/other.'), 'the event is written anyway');
  t.match((await ruleNamed('other')).status?.conditions, [theirs]);
});

t.test('what istiod writes of its analysis stays, and what the agent says of the rule goes on', async (t) => {
  await kube.apply(rule('both'));
  const writing = await start(t);
  const told = async (message: string): Promise<void> => {
    writing.blame(problem(message, { ...REF, name: 'both' }));
    const ours = async () => (await ruleNamed('both')).status?.conditions?.find(({ type }) => type === 'Reconciled');
    await until(async () => (await ours())?.message === `spec.http[0]: ${message}`, `the condition says ${message}`);
  };
  await told('one');
  // The whole status, as it was read, with more in it.
  const path = '/apis/networking.istio.io/v1/namespaces/shop/virtualservices/both';
  const analysis = { type: 'PassedAnalysis', status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z' };
  const validationMessages = [{ type: { code: 'IST0101', name: 'ReferencedResourceNotFound' }, level: 'WARNING' }];
  const { status, ...object } = await ruleNamed('both');
  const written = { ...object, status: { ...status, conditions: [...(status?.conditions ?? []), analysis], validationMessages } };
  t.equal((await kube.request('PUT', `${path}/status?fieldManager=pilot-discovery`, written)).status, 200);
  await told('two');
  t.match((await ruleNamed('both')).status, { validationMessages });
  t.match(
    (await ruleNamed('both')).status?.conditions?.find(({ type }) => type === 'PassedAnalysis'),
    analysis,
  );
});
