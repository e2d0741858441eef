/** What is read only where it is needed, from the real API server: labels of pods elsewhere, and owners. */
import t from 'tap';
import type { Needs } from '../../../src/agent/model/needs.ts';
import { agentRights, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import type { KubeObject } from '../kube-api.ts';
import { NODE, Watching } from './watching.ts';

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
await kube.apply(...customResources(), ...agentRights());
await kube.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=240s');

const NOTHING: Needs = { pods: [], owners: [], places: false };
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

const pod = (namespace: string, name: string, nodeName: string, labels: Record<string, string>): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels } },
  spec: { nodeName, containers: [{ name: 'app', image: 'app' }] },
});

const deployment = (namespace: string, name: string, annotations: Record<string, string> = {}): KubeObject => ({
  ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace, annotations } },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: 'app' }] } },
  },
});

t.test('labels of pods elsewhere', async (t) => {
  for (const name of ['labels', 'other']) await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await kube.apply(
    pod('labels', 'here', NODE, { app: 'a', version: 'v1' }),
    pod('labels', 'there', 'n2', { app: 'a', version: 'v2' }),
    pod('labels', 'neither', 'n2', { app: 'c' }),
    pod('other', 'elsewhere', 'n2', { app: 'a' }),
  );
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  t.strictSame(source.names('Pod', 'labels'), ['here']);
  const needs: Needs = { ...NOTHING, pods: ['a', 'b'].map((app) => ({ namespace: 'labels', selector: { app } })) };
  await source.require(needs);
  t.strictSame(source.names('Pod', 'labels'), ['here', 'there']);
  t.strictSame(source.names('Pod', 'other'), []);
  const there = (): unknown => source.store.list('Pod').find(({ metadata }) => metadata.name === 'there')?.metadata.labels?.['version'];
  t.equal(there(), 'v2');
  const here = source.store.list('Pod').find(({ metadata }) => metadata.name === 'here');
  t.equal(here?.spec?.nodeName, NODE, 'the whole of it, not its metadata');
  await kube.apply(pod('labels', 'later', 'n3', { app: 'b' }));
  await source.has('Pod', 'labels', 'here', 'later', 'there');
  await kube.remove(pod('labels', 'here', NODE, {}), pod('labels', 'there', 'n2', {}));
  await source.has('Pod', 'labels', 'later');
  // The same name again on this node: both watches tell of it, in whatever order.
  await kube.apply(pod('labels', 'there', NODE, { app: 'a' }));
  await source.has('Pod', 'labels', 'later', 'there');
  await kube.remove(pod('labels', 'there', NODE, {}));
  await kube.apply(pod('labels', 'there', 'n2', { app: 'a', version: 'v3' }));
  await source.has('Pod', 'labels', 'later', 'there');
  await source.until(() => there() === 'v3', 'the version of the pod that is there now');
  t.equal(source.require(NOTHING), null);
  await source.has('Pod', 'labels');
  t.strictSame(source.told, []);
});

t.test('where other nodes are', async (t) => {
  const node = (name: string, zone: string): KubeObject => ({
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } } },
  });
  await kube.apply(node(NODE, 'a'), node('n2', 'b'));
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  const names = (): string[] => source.store.list('Node').map(({ metadata }) => metadata.name);
  t.strictSame(names(), [NODE]);
  await source.require({ ...NOTHING, places: true });
  t.strictSame(names().sort(), [NODE, 'n2'].sort());
  await kube.apply(node('n3', 'c'));
  await source.until(() => names().includes('n3'), 'a node that comes');
  await kube.remove(node('n2', 'b'));
  await source.until(() => !names().includes('n2'), 'a node that goes');
  t.strictSame(source.told, []);
});

t.test('owners by their metadata', async (t) => {
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'owners' } });
  await kube.apply(deployment('owners', 'one', { [LAST_APPLIED]: 'x'.repeat(1000) }));
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  t.strictSame(source.names('Deployment', 'owners'), []);
  await source.require({ ...NOTHING, owners: [{ kind: 'Deployment', namespace: 'owners' }] });
  const annotations = (): unknown => source.store.list('Deployment')[0]?.metadata.annotations;
  t.strictSame(source.names('Deployment', 'owners'), ['one']);
  t.equal(annotations(), undefined, 'nothing that nobody reads');
  await kube.patch(deployment('owners', 'one'), { metadata: { annotations: { 'nodeway.io/enroll': 'true' } } });
  await source.until(() => annotations() !== undefined, 'the annotation');
  t.strictSame(annotations(), { 'nodeway.io/enroll': 'true' });
  await kube.remove(deployment('owners', 'one'));
  await source.has('Deployment', 'owners');
  t.strictSame(source.told, []);
});
