/** An agent in a process of its own, on a real API server that fails in every way: it ends with what an agent has that starts then. */
import t, { type Test } from 'tap';
import { agentRights, agentRole, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import { sameAsFresh } from '../fresh-agent.ts';
import { type KubeObject, RULES } from '../kube-api.ts';
import { LocalAgent } from '../local-agent.ts';
import { Relay } from '../relay.ts';

const NAMESPACE = 'recovery';
const HOST = 'server';
/** Characters of an annotation, which the relay cuts off in the middle. */
const LARGE = 200_000;

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
const relay = await Relay.open(kube.server);
t.teardown(() => relay.close());
await kube.apply(...customResources(), ...agentRights(), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
await kube.serves(...RULES);

const service: KubeObject = {
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: HOST, namespace: NAMESPACE } },
  spec: { selector: { app: HOST }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
};
const slice = (address: string): KubeObject => ({
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
  metadata: { name: HOST, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': HOST } },
  ...{ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints: [{ addresses: [address], conditions: { ready: true } }] },
});
const rule = (edit: string, filling = ''): KubeObject => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' },
  metadata: { name: HOST, namespace: NAMESPACE, annotations: { filling } },
  spec: { hosts: [HOST], http: [{ headers: { request: { set: { 'x-edit': edit } } }, route: [{ destination: { host: HOST } }] }] },
});

await kube.apply(service, slice('10.3.0.1'), rule('first'));
const place = { nodeName: 'n1', directory: api.directory };
const agent = await LocalAgent.start({ ...place, kubeconfig: await api.agentKubeconfig(relay.url) });
t.teardown(() => agent.stop());

const has = (edit: string): Promise<void> =>
  agent.until(`${edit} is in effect`, async () => JSON.stringify((await agent.snapshot())['virtualHosts']).includes(`"${edit}"`));
const tells = (what: string): Promise<void> =>
  agent.until(`it says: ${what}`, async () => (await agent.status()).problems.some(({ message }) => message.includes(what)));

/** It has nothing to complain of any more, and nothing of the past. */
async function recovered(t: Test): Promise<void> {
  await agent.until('all is in order', async () => (await agent.status()).problems.length === 0);
  await sameAsFresh(t, () => agent.snapshot(), { ...place, kubeconfig: kube.kubeconfig });
}

t.test('a watch that is cut off in the middle of an event', async (t) => {
  await has('first');
  relay.cutAfter(LARGE / 2);
  await kube.apply(rule('cut', 'x'.repeat(LARGE)));
  await agent.until('half of it has passed', () => Promise.resolve(relay.isCut));
  await kube.apply(slice('10.3.0.2'));
  relay.restore();
  await has('cut');
  await recovered(t);
});

t.test('a server that is away, and forgets', async (t) => {
  await api.stopServer();
  await tells('what it said last stays in effect');
  await has('cut');
  await api.compact();
  await api.startServer();
  await kube.apply(rule('after'), slice('10.3.0.3'));
  await has('after');
  await recovered(t);
});

t.test('a server that hangs', async (t) => {
  relay.freeze();
  await kube.apply(rule('meanwhile'), slice('10.3.0.4'));
  await has('after');
  relay.restore();
  await has('meanwhile');
  await recovered(t);
});

t.test('rights that are withdrawn, and given back', async (t) => {
  await kube.apply(agentRole('endpointslices.discovery.k8s.io'));
  // They count when a watch begins.
  relay.cut();
  relay.restore();
  await tells('the agent may not watch endpointslices');
  await kube.apply(rule('others'), slice('10.3.0.5'));
  await has('others');
  t.same(await agent.endpoints(`outbound|80||${HOST}.${NAMESPACE}.svc.cluster.local`), ['10.3.0.4:8080'], 'what it knew stays');
  await kube.apply(agentRole());
  await recovered(t);
});

t.test('custom resources that are deleted, and made again', async (t) => {
  await kube.removed(...customResources());
  await agent.until('no rule is left', async () => !JSON.stringify((await agent.snapshot())['virtualHosts']).includes('"others"'));
  await recovered(t);
  await kube.apply(...customResources());
  await kube.serves(...RULES);
  await kube.apply(rule('again'));
  await has('again');
  await recovered(t);
});
