/** A rule and its subsets come and go while the watches that tell of them are broken, and do not come back together: no request fails. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { freePorts } from '../../base/free-ports.ts';
import { agentRights, agentRole, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import { type KubeObject, RULES } from '../kube-api.ts';
import { LocalAgent } from '../local-agent.ts';
import { Relay } from '../relay.ts';

const NAMESPACE = 'together';
const HOST = 'upstream.test';
/** So long that the waits of watches have grown. */
const AWAY_MS = 10_000;
/** Longer than a change is held while all is followed, and not so long that it takes effect all the same. */
const APART_MS = 2500;

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
const relay = await Relay.open(kube.server);
t.teardown(() => relay.close());
const upstream = createServer((request, response) => void response.end(request.headers['x-subset'] ?? 'none')).listen(0, '127.0.0.1');
await once(upstream, 'listening');
t.teardown(() => upstream.close());
const [port = 0] = await freePorts(1);

const object = (kind: string, name: string, spec: object): KubeObject => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: NAMESPACE }, spec },
});
const entry = object('ServiceEntry', 'upstream', {
  ...{ hosts: [HOST], location: 'MESH_EXTERNAL', resolution: 'STATIC', ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] },
  endpoints: [{ address: '127.0.0.1', ports: { http: (upstream.address() as AddressInfo).port }, labels: { version: 'v1' } }],
});
const servers = [{ port: { number: port, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
const gateway = object('Gateway', 'web', { selector: { istio: 'ingressgateway' }, servers });
const policy = (subset: string): KubeObject =>
  object('DestinationRule', 'upstream', { host: HOST, subsets: [{ name: subset, labels: { version: 'v1' } }] });
const rule = (subset: string): KubeObject =>
  object('VirtualService', 'upstream', {
    ...{ hosts: ['*'], gateways: ['web'] },
    http: [{ headers: { request: { set: { 'x-subset': subset } } }, route: [{ destination: { host: HOST, subset } }] }],
  });

await kube.apply(...customResources(), ...agentRights(), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
await kube.serves(...RULES, ...['gateways', 'serviceentries'].map((plural) => `/apis/networking.istio.io/v1/${plural}`));
await kube.apply(entry, gateway, policy('first'), rule('first'));
const kubeconfig = await api.agentKubeconfig(relay.url);
const agent = await LocalAgent.start({ nodeName: 'n1', kubeconfig, directory: api.directory });
t.teardown(() => agent.stop());

const visit = async (): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const text = await response.text();
  return response.status === 200 ? text : String(response.status);
};

/** What a client got meanwhile, each answer once. */
async function answersDuring(change: () => Promise<void>): Promise<string[]> {
  const answers = new Set<string>();
  let isOver = false;
  const asking = (async () => {
    for (; !isOver; await delay(2)) answers.add(await visit().catch((error: Error) => error.message));
  })();
  await change();
  isOver = true;
  await asking;
  return [...answers];
}

const answers = (answer: string): Promise<void> => agent.until(`the answer is ${answer}`, async () => (await visit()) === answer);
const followed = (): Promise<void> =>
  agent.until('all is followed', async () => (await agent.status()).sources.every(({ state }) => state === 'followed'));

/** One kind is not followed while another tells of its part. @param without the former. */
async function apart(without: string, change: () => Promise<void>): Promise<void> {
  await kube.apply(agentRole(`${without}.networking.istio.io`));
  relay.cut();
  relay.restore();
  await agent.until('it says so', async () => (await agent.status()).problems.some(({ message }) => message.includes(`watch ${without}`)));
  await change();
  await agent.until('the one half is held', async () => (await agent.status()).propagation.pending === 1);
  await delay(APART_MS);
  await kube.apply(agentRole());
}

const sides: readonly ['virtualservices' | 'destinationrules', string][] = [
  ['virtualservices', 'the rule comes late'],
  ['destinationrules', 'the subsets come late'],
];
for (const [late, title] of sides) {
  t.test(`the subsets get another name, and ${title}`, async (t) => {
    await answers('first');
    const seen = await answersDuring(async () => {
      await apart(late, () => kube.apply(policy('second'), rule('second')));
      await answers('second');
    });
    t.same(seen, ['first', 'second']);
    await followed();
    await renamedBack(t);
  });
}

async function renamedBack(t: Test): Promise<void> {
  const seen = await answersDuring(async () => {
    await kube.apply(rule('first'), policy('first'));
    await answers('first');
  });
  t.same(seen, ['second', 'first']);
}

t.test('they are deleted while the server is out of reach', async (t) => {
  await answers('first');
  const seen = await answersDuring(async () => {
    relay.cut();
    await kube.remove(policy('first'), rule('first'));
    await delay(AWAY_MS);
    relay.restore();
    await answers('404');
  });
  t.same(seen, ['first', '404']);
  await followed();
});

t.test('they come while the server restarts', async (t) => {
  const seen = await answersDuring(async () => {
    await api.stopServer();
    await delay(AWAY_MS);
    await api.startServer();
    await kube.apply(rule('first'), policy('first'));
    await answers('first');
  });
  t.same(seen, ['404', 'first']);
});
