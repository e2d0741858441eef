/** What a real API server lets through, to an agent in a process of its own: wrong, large, unknown, long, and a lot of it. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { agentRights, customResources } from '../agent-rights.ts';
import { ApiServer } from '../api-server.ts';
import { type KubeObject, RULES } from '../kube-api.ts';
import { LocalAgent } from '../local-agent.ts';

const NAMESPACE = 'input';
const NETWORKING = 'networking.istio.io/v1';
/** etcd takes requests up to 1.5 MiB, of which the object as the API server stores it is the most. */
const LARGE_BYTES = 1_400_000;
const SERVICES = 100;
/** Rounds of one change of each. */
const ROUNDS = 50;

const api = await ApiServer.start();
t.teardown(() => api.close());
const { kube } = api;
await kube.apply(...customResources(), ...agentRights(), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
await kube.serves(...RULES, '/apis/networking.istio.io/v1/gateways', '/apis/telemetry.istio.io/v1/telemetries');

const object = (kind: string, name: string, spec: object, namespace = NAMESPACE): KubeObject => ({
  ...{ apiVersion: NETWORKING, kind, metadata: { name, namespace }, spec },
});
const service = (name: string, namespace = NAMESPACE): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace } },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});
const slice = (name: string, address: string, namespace = NAMESPACE): KubeObject => ({
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
  metadata: { name: `slice-of-${name}`.slice(0, 63), namespace, labels: { 'kubernetes.io/service-name': name } },
  ...{ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints: [{ addresses: [address], conditions: { ready: true } }] },
});
interface SliceObject extends KubeObject {
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}
const clusterOf = (name: string, namespace = NAMESPACE): string => `outbound|80||${name}.${namespace}.svc.cluster.local`;
const to = (host: string): object => ({ route: [{ destination: { host } }] });
const virtualHosts = async (): Promise<string> => JSON.stringify((await agent.snapshot())['virtualHosts']);

const start = async (): Promise<LocalAgent> =>
  LocalAgent.start({ nodeName: 'n1', kubeconfig: await api.agentKubeconfig(), directory: api.directory });

const agent = await start();
t.teardown(() => agent.stop());

/** A rule of its own for something that is in effect, which other objects could have broken. */
async function worksOn(name: string): Promise<void> {
  await kube.apply(service(name), slice(name, '10.1.0.1'), object('VirtualService', name, { hosts: [name], http: [to(name)] }));
  await agent.until(`${name} is known`, async () => (await agent.endpoints(clusterOf(name))).join() === '10.1.0.1:8080');
}

t.test('objects that are wrong are told of, each by itself, and nothing else is lost', async (t) => {
  const wrong = [
    object('VirtualService', 'list', { hosts: ['a'], http: 'every request' }),
    object('VirtualService', 'number', { hosts: ['a'], http: [{ ...to('a'), timeout: 'soon' }] }),
    object('DestinationRule', 'nameless', { host: 'a', subsets: [{ labels: { version: 'v1' } }] }),
    object('Gateway', 'port', { selector: { istio: 'ingressgateway' }, servers: [{ port: { number: 99_999 }, hosts: ['*'] }] }),
    object('ServiceEntry', 'hostless', { ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] }),
    { ...object('VirtualService', 'empty', {}), spec: null },
  ];
  await kube.apply(...wrong);
  const told = async (): Promise<Set<string>> => new Set((await agent.status()).problems.map(({ object }) => object));
  for (const { kind, metadata } of wrong) {
    const name = `${kind} ${NAMESPACE}/${metadata.name}`;
    await agent.until(`${name} is told of`, async () => (await told()).has(name));
    t.pass(`${name} is told of`);
  }
  await worksOn('beside-wrong');
  await kube.remove(...wrong);
  await agent.until('what was told is taken back', async () => (await told()).size === 0);
});

t.test('objects of nearly 1.5 MB', async (t) => {
  const routes: object[] = [];
  for (let bytes = 0; bytes < LARGE_BYTES;) {
    const route = { name: `route-${routes.length}`, match: [{ uri: { exact: `/${'x'.repeat(900)}/${routes.length}` } }], ...to('large') };
    bytes += JSON.stringify(route).length + 1;
    routes.push(route);
  }
  const large = object('VirtualService', 'large', { hosts: ['large'], http: routes });
  await kube.apply(service('large'), slice('large', '10.1.0.2'), large);
  const last = `"route-${routes.length - 1}"`;
  await agent.until('the last of its routes is in effect', async () => (await virtualHosts()).includes(last));
  await kube.apply(
    object('VirtualService', 'large', { hosts: ['large'], http: [...routes.slice(1), { name: 'another', ...to('large') }] }),
  );
  await agent.until('a change of it is in effect', async () => (await virtualHosts()).includes('"another"'));
  await worksOn('beside-large');
  await kube.remove(large);
  await agent.until('it is gone', async () => !(await virtualHosts()).includes('"another"'));
  t.strictSame((await agent.status()).problems, []);
});

t.test('a version of a kind that nobody knows is as none, until one that is known is served', async (t) => {
  const telemetries = customResources().find(({ metadata }) => metadata.name.startsWith('telemetries.')) as KubeObject;
  const spec = telemetries['spec'] as { readonly versions: readonly [object] };
  const unknown = { ...telemetries, spec: { ...spec, versions: [{ ...spec.versions[0], name: 'v9' }] } };
  await kube.removed(telemetries);
  await kube.apply(unknown);
  await kube.serves('/apis/telemetry.istio.io/v9/telemetries');
  const state = async (): Promise<string | undefined> =>
    (await agent.status()).sources.find(({ resource }) => resource.startsWith('telemetries.'))?.state;
  await agent.until('the agent says that there are none', async () => (await state()) === 'absent');
  t.strictSame((await agent.status()).problems, []);
  const another = await start();
  t.pass('an agent that starts now is ready all the same');
  await another.stop();
  await kube.removed(unknown);
  await kube.apply(telemetries);
  await agent.until('they are followed', async () => (await state()) === 'followed');
});

t.test('names as long as they may be', async (t) => {
  const [namespace, name, rule] = ['n'.repeat(63), 's'.repeat(63), 'r'.repeat(253)];
  const host = `${name}.${namespace}.svc.cluster.local`;
  const subset = 'v'.repeat(63);
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await kube.apply(service(name, namespace), slice(name, '10.1.0.3', namespace));
  await kube.apply(object('DestinationRule', rule, { host, subsets: [{ name: subset, labels: { version: subset } }] }, namespace));
  const route = { route: [{ destination: { host, subset } }] };
  await kube.apply(object('VirtualService', rule, { hosts: [name], http: [route] }, namespace));
  await agent.until('the Service is known', async () => (await agent.endpoints(clusterOf(name, namespace))).join() === '10.1.0.3:8080');
  await agent.until('and its rule', async () => (await virtualHosts()).includes(`outbound|80|${subset}|${host}`));
  t.strictSame((await agent.status()).problems, []);
});

t.test('many changes, also while the agent is not able to follow: the last one counts', async (t) => {
  const names = Array.from({ length: SERVICES }, (_, index) => `churn-${index}`);
  const address = (version: number): string => `10.2.${version >> 8}.${version & 255}`;
  for (const name of names) await kube.apply(service(name), slice(name, address(0)));
  const path = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`;
  const slices = async (): Promise<readonly SliceObject[]> => {
    const { items } = (await kube.get(path)) as { readonly items: readonly SliceObject[] };
    return items.filter(({ metadata }) => metadata.name.startsWith('slice-of-churn-'));
  };
  const kept = await slices();
  t.equal(kept.length, SERVICES);
  /** More than the API server takes requests for: written where it reads. */
  const churn = async (first: number): Promise<void> => {
    for (let round = first; round < first + ROUNDS; round++) {
      const changed = kept.map((object, index) => ({
        ...{ ...object, apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
        metadata: { ...object.metadata, resourceVersion: undefined },
        endpoints: [{ addresses: [address(round * SERVICES + index)], conditions: { ready: true } }],
      }));
      await Promise.all(changed.map((object) => api.store('endpointslices', object)));
    }
  };
  const wanted = async (): Promise<string> =>
    (await slices())
      .map(({ metadata, endpoints }) => `${metadata.name.slice(9)}=${endpoints[0]?.addresses[0]}:8080`)
      .sort()
      .join();
  const known = async (): Promise<string> => {
    const { endpoints } = await agent.snapshot();
    const all = names.map(
      (name) => `${name}=${(endpoints[clusterOf(name)] ?? []).map(({ address, port }) => `${address}:${port}`).join()}`,
    );
    return all.sort().join();
  };
  /** Events of EndpointSlices that the agent has taken in. */
  const events = async (): Promise<number> =>
    (await agent.status()).sources.find(({ resource }) => resource.startsWith('endpointslices'))?.events ?? 0;
  const memory = (): string => /VmRSS:.*/.exec(readFileSync(`/proc/${agent.daemon.pid}/status`, 'utf8'))?.[0] ?? '';
  t.comment(memory());
  const heard = await events();
  const began = performance.now();
  await churn(1);
  const written = performance.now();
  const first = await wanted();
  await agent.until('the last state', async () => (await known()) === first);
  const took = performance.now();
  const perSecond = (ms: number): number => Math.round((ROUNDS * SERVICES) / (ms / 1000));
  t.comment(`${perSecond(written - began)} changes a second were made, ${perSecond(took - began)} taken in`);
  t.comment(`${(await events()) - heard} events of ${ROUNDS * SERVICES} changes; ${memory()}`);
  agent.daemon.signal('SIGSTOP');
  await churn(1 + ROUNDS);
  const second = await wanted();
  t.not(second, first);
  const continued = performance.now();
  agent.daemon.signal('SIGCONT');
  await agent.until('the last state after it stood still', async () => (await known()) === second);
  t.comment(`${ROUNDS * SERVICES} changes caught up with after ${Math.round(performance.now() - continued)} ms; ${memory()}`);
  t.strictSame((await agent.status()).problems, []);
});

t.test('after all of it, the agent knows what one that starts now knows', async (t) => {
  const fresh = await start();
  t.teardown(() => fresh.stop());
  t.strictSame(await agent.snapshot(), await fresh.snapshot());
});
