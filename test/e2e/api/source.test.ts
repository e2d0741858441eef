/** The source against the real API server, by what the store has in the end. */
import t, { type Test } from 'tap';
import { until } from '../until.ts';
import { agentRole, agentRights, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import { type KubeObject, RULES } from '../kube-api.ts';
import { Relay } from '../relay.ts';
import { NODE, Watching } from './watching.ts';

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
await kube.apply(...customResources(), ...agentRights());
await kube.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=240s');
await kube.serves(...RULES);

/** A namespace of the test's own. */
async function place(name: string): Promise<string> {
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

const service = (namespace: string, name: string, port = 80): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
  spec: { selector: { app: name }, ports: [{ name: 'http', port }] },
});

const pod = (namespace: string, name: string, nodeName: string): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { app: name } } },
  spec: { nodeName, containers: [{ name: 'app', image: 'app' }] },
});

const rule = (namespace: string, name: string, version = 'v1'): KubeObject => ({
  ...{ apiVersion: `networking.istio.io/${version}`, kind: 'VirtualService', metadata: { name, namespace } },
  spec: { hosts: [name], http: [{ route: [{ destination: { host: name } }] }] },
});

/** A source behind a relay. */
async function behindRelay(t: Test): Promise<{ relay: Relay; source: Watching }> {
  const relay = await Relay.open(kube.server);
  t.teardown(() => relay.close());
  const source = await Watching.start(t, await api.agentKubeconfig(relay.url));
  await source.synced();
  return { relay, source };
}

t.test('lists, then follows', async (t) => {
  const a = await place('follow');
  await kube.apply(service(a, 'one'), pod(a, 'here', NODE), pod(a, 'there', 'n2'), rule(a, 'v1'), rule(a, 'beta', 'v1beta1'));
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  t.strictSame(source.names('Service', a), ['one']);
  t.strictSame(source.names('Pod', a), ['here'], 'of this node only');
  t.strictSame(source.names('VirtualService', a), ['beta', 'v1']);
  await kube.apply(service(a, 'two'), pod(a, 'here-too', NODE), pod(a, 'there-too', 'n2'));
  await kube.apply(service(a, 'one', 81));
  await source.has('Service', a, 'one', 'two');
  await source.has('Pod', a, 'here', 'here-too');
  const ports = (): unknown => source.store.list('Service').find(({ metadata }) => metadata.name === 'one')?.spec?.ports?.[0]?.port;
  await until(() => ports() === 81, 'the change of a Service');
  await kube.remove(service(a, 'one'), rule(a, 'v1'), pod(a, 'here', NODE));
  await source.has('Service', a, 'two');
  await source.has('VirtualService', a, 'beta');
  await source.has('Pod', a, 'here-too');
  t.strictSame(source.told, []);
});

t.test('a client certificate is as good as a token', async (t) => {
  const a = await place('certificate');
  const source = await Watching.start(t, api.kubeconfig('admin'));
  await source.synced();
  await kube.apply(service(a, 'one'));
  await source.has('Service', a, 'one');
  t.strictSame(source.told, []);
});

t.test('more than a page', async (t) => {
  const a = await place('pages');
  const names = Array.from({ length: 1100 }, (_, index) => `s${String(index).padStart(4, '0')}`);
  for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map((name) => kube.apply(rule(a, name))));
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  t.equal(source.names('VirtualService', a).length, names.length);
  for (let at = 0; at < names.length; at += 50) await Promise.all(names.slice(at, at + 50).map((name) => kube.remove(rule(a, name))));
  await source.has('VirtualService', a);
});

t.test('a watch that was closed, also in the middle of an event, goes on where it was', async (t) => {
  const a = await place('closed');
  const { relay, source } = await behindRelay(t);
  await kube.apply(service(a, 'one'), service(a, 'two'));
  await source.has('Service', a, 'one', 'two');
  relay.cut();
  await kube.remove(service(a, 'one'));
  await kube.apply(service(a, 'three'));
  relay.restore();
  await source.has('Service', a, 'three', 'two');
  relay.cutAfter(100_000);
  const large = { ...rule(a, 'large'), metadata: { name: 'large', namespace: a, annotations: { filling: 'x'.repeat(200_000) } } };
  await kube.apply(large);
  await until(() => relay.isCut, 'half of the event has passed');
  t.strictSame(source.names('VirtualService', a), []);
  relay.restore();
  await source.has('VirtualService', a, 'large');
  await source.well();
});

t.test('versions that the server no longer has', async (t) => {
  const a = await place('compacted');
  const { relay, source } = await behindRelay(t);
  await kube.apply(service(a, 'goes'), service(a, 'stays'));
  await source.has('Service', a, 'goes', 'stays');
  relay.cut();
  await kube.remove(service(a, 'goes'));
  await kube.apply(service(a, 'comes'));
  // The server's own memory of events goes with it, and that of its store by compaction.
  await api.stopServer();
  await api.compact();
  await api.startServer();
  const versions = source.store.list('Service').map(({ metadata }) => metadata.name);
  t.ok(versions.includes('goes'), 'nothing is taken away because the server cannot be read');
  relay.restore();
  await source.has('Service', a, 'comes', 'stays');
  await source.well();
});

t.test('the API server is restarted, and hangs', async (t) => {
  const a = await place('restart');
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  await kube.apply(service(a, 'one'));
  await source.has('Service', a, 'one');
  await api.stopServer();
  await until(() => source.told.length > 0, 'it is told that the server is away');
  // A server that is ending may answer, break off or refuse.
  t.match(source.told[0], /^https:.*; what it said last stays in effect$/);
  t.strictSame(source.names('Service', a), ['one']);
  await api.startServer();
  await source.well();
  await kube.apply(service(a, 'two'));
  await source.has('Service', a, 'one', 'two');
  api.signalServer('SIGSTOP');
  const sent = kube.apply(service(a, 'three'));
  api.signalServer('SIGCONT');
  await sent;
  await source.has('Service', a, 'one', 'three', 'two');
  await source.well();
});

t.test('rights are withdrawn, and given back', async (t) => {
  const a = await place('rights');
  const { relay, source } = await behindRelay(t);
  await kube.apply(service(a, 'one'), pod(a, 'p', NODE));
  await source.has('Service', a, 'one');
  await kube.apply(agentRole('services'));
  // A watch that is open stays open: rights count when one is asked for.
  relay.cut();
  relay.restore();
  await until(() => source.problems().length === 1 && source.problems()[0]?.includes('may not') === true, 'it is told, and nothing else');
  t.match(source.problems(), [
    /the agent may not watch services: services is forbidden: User "system:serviceaccount:nodeway-system:nodeway"/,
  ]);
  t.strictSame(source.names('Service', a), ['one']);
  await kube.apply(service(a, 'two'), pod(a, 'q', NODE));
  await source.has('Pod', a, 'p', 'q');
  await kube.apply(agentRole());
  await source.has('Service', a, 'one', 'two');
  await source.well();
});

t.test('custom resources are removed, and come back', async (t) => {
  const a = await place('removed');
  const source = await Watching.start(t, await api.agentKubeconfig());
  await source.synced();
  await kube.apply(rule(a, 'one'), service(a, 's'));
  await source.has('VirtualService', a, 'one');
  const definitions = customResources();
  // One that is written anew while the server still removes it goes with what it was.
  await kube.removed(...definitions);
  await source.has('VirtualService', a);
  t.strictSame(source.names('Service', a), ['s']);
  t.strictSame(source.problems(), [], 'a server without them is in order');
  await kube.apply(...definitions);
  await kube.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=240s');
  await kube.serves(...RULES);
  await kube.apply(rule(a, 'again'));
  await source.has('VirtualService', a, 'again');
  await source.well();
});
