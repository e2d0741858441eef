/** Watches that come and go with what is needed, by what the store has. */
import t, { type Test } from 'tap';
import type { Needs } from '../../../../src/agent/model/needs.ts';
import { openRig, type Rig } from './rig.ts';

const PODS_IN_A = '/api/v1/namespaces/a/pods';
const DEPLOYMENTS_IN_A = '/apis/apps/v1/namespaces/a/deployments';
const NOTHING: Needs = { pods: [], owners: [], places: false };
const deployments: Needs = { ...NOTHING, owners: [{ kind: 'Deployment', namespace: 'a' }] };
const pods = (...apps: readonly string[]): Needs => ({ ...NOTHING, pods: apps.map((app) => ({ namespace: 'a', selector: { app } })) });
const podNamed = (name: string) => ({ metadata: { name, namespace: 'a', labels: { app: name, version: 'v1' } } });

async function synced(t: Test, prepare: (api: Rig['api']) => void = () => {}): Promise<Rig> {
  const rig = await openRig(t, (api) => {
    api.serve(PODS_IN_A);
    api.serve(DEPLOYMENTS_IN_A);
    prepare(api);
  });
  await rig.untilLater('synced', () => rig.store.synced);
  return rig;
}

const podNames = (rig: Rig): string[] =>
  rig.store
    .list('Pod')
    .map(({ metadata }) => metadata.name)
    .sort();
const watching = (rig: Rig, path: string, count: number): Promise<void> =>
  rig.untilLater(`${count} watches of ${path}`, () => rig.api.watches(path) === count);

t.test('labels of pods elsewhere, by the selectors of services', async (t) => {
  const rig = await synced(t, (api) => api.put(PODS_IN_A, podNamed('x')));
  t.equal(rig.source.require(NOTHING), null);
  const read = rig.source.require(pods('x'));
  t.not(read, null);
  t.strictSame(podNames(rig), []);
  await read;
  t.match(rig.store.list('Pod'), [{ metadata: { name: 'x', labels: { version: 'v1' } } }]);
  const [list] = rig.lists(PODS_IN_A);
  t.match(list?.query, { labelSelector: 'app=x', fieldSelector: 'spec.nodeName!=n1', resourceVersion: '0' });
  t.equal(list?.accept, 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
  t.equal(rig.source.require(pods('x')), null, 'it is there');
  await watching(rig, PODS_IN_A, 1);
  rig.api.put(PODS_IN_A, podNamed('x2'));
  await rig.until('the event', () => podNames(rig).includes('x2'));
});

t.test('other nodes, beside the own one', async (t) => {
  const nodes = '/api/v1/nodes';
  const rig = await synced(t, (api) => api.put(nodes, { metadata: { name: 'n2' } }));
  const own = rig.lists(nodes);
  t.match(own, [{ query: { fieldSelector: 'metadata.name=n1' } }]);
  await rig.source.require({ ...NOTHING, places: true });
  t.match(rig.lists(nodes).at(-1)?.query, { fieldSelector: 'metadata.name!=n1', resourceVersion: '0' });
  const scopes = (): string => JSON.stringify(rig.source.report().flatMap(({ resource, scope }) => (resource === 'nodes' ? [scope] : [])));
  t.equal(scopes(), '["","other nodes"]');
  t.equal(rig.source.require(NOTHING), null);
  await rig.untilLater('it is not read any more', () => scopes() === '[""]');
  t.pass('as long as somebody asks for it');
});

t.test('one that is replaced stays until its successor was read', async (t) => {
  const rig = await synced(t, (api) => api.put(PODS_IN_A, podNamed('x')));
  await rig.source.require(pods('x'));
  await watching(rig, PODS_IN_A, 1);
  rig.api.fault = ({ path, isWatch }) => (path === PODS_IN_A && !isWatch ? { code: 503 } : null);
  const read = rig.source.require(pods('x', 'y'));
  await rig.untilLater('attempts', () => rig.lists(PODS_IN_A).length > 3);
  t.strictSame(podNames(rig), ['x'], 'what is known stays known');
  rig.api.fault = () => null;
  await rig.untilLater('read', () => rig.lists(PODS_IN_A).at(-1)?.query['labelSelector'] === 'app in (x,y)' && rig.problems().length === 0);
  await read;
  await rig.untilLater(
    'one of them is watched',
    () => rig.api.asked.filter(({ path, isWatch }) => path === PODS_IN_A && isWatch).length === 2,
  );
  t.strictSame(podNames(rig), ['x']);
  t.equal(rig.source.require(pods('y')), null, 'more than is needed is kept');
  const scopes = (): string[] => rig.source.report().flatMap(({ scope }) => (scope === '' ? [] : [scope]));
  await rig.until('the first is closed', () => scopes().length === 1);
  t.strictSame(scopes(), ['a: app in (x,y)']);
  t.equal(rig.source.require(NOTHING), null);
  await rig.until('none is left', () => scopes().length === 0 && podNames(rig).length === 0);
});

t.test('owners of the pods of this node, for as long as there are such pods', async (t) => {
  const annotations = { 'nodeway.io/enroll': 'true', 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(1000) };
  const deployment = { metadata: { name: 'd', namespace: 'a', annotations, managedFields: [{ manager: 'x' }] } };
  const rig = await synced(t, (api) => api.put(DEPLOYMENTS_IN_A, deployment));
  await rig.source.require(deployments);
  t.strictSame(rig.store.list('Deployment')[0]?.metadata.annotations, { 'nodeway.io/enroll': 'true' }, 'nothing that nobody reads');
  await watching(rig, DEPLOYMENTS_IN_A, 1);
  t.equal(rig.source.require(NOTHING), null);
  rig.clock.advance(59_000);
  t.equal(rig.source.require(deployments), null, 'the next pod came');
  t.equal(rig.source.require(NOTHING), null);
  rig.clock.advance(59_000);
  t.equal(rig.store.list('Deployment').length, 1);
  rig.clock.advance(1_000);
  await rig.until('closed', () => rig.store.list('Deployment').length === 0);
});

t.test('one that may not be read is told, and holds nothing up', async (t) => {
  const rig = await synced(t, (api) => {
    api.fault = ({ path }) => (path === DEPLOYMENTS_IN_A ? { code: 403, status: { message: 'no' } } : null);
  });
  await rig.source.require(deployments);
  t.match(rig.problems(), ['the agent may not list deployments.apps (a): no']);
  t.equal(rig.source.require(NOTHING), null);
  rig.clock.advance(60_000);
  await rig.until('nobody needs it', () => rig.problems().length === 0);
});

t.test('needs that change while the server is away leave no watches behind', async (t) => {
  const rig = await synced(t);
  rig.api.fault = () => ({ code: 503 });
  const waits = Array.from({ length: 50 }, (_, index) => rig.source.require(pods('x', `y${index}`)));
  const scopes = rig.source.report().filter(({ scope }) => scope !== '');
  t.equal(scopes.length, 1);
  for (const wait of waits.slice(0, -1)) await wait;
  rig.api.fault = () => null;
  await rig.untilLater('the last is read', () => rig.lists(PODS_IN_A).at(-1)?.query['labelSelector'] === 'app in (x,y49)');
  await waits.at(-1);
});

t.test('what is needed is looked at when it is another', async (t) => {
  const rig = await synced(t);
  let looks = 0;
  const { pods: selections } = pods('x');
  const needs: Needs = { get pods() { return (looks++, selections); }, owners: [], places: false }; // prettier-ignore
  await rig.source.require(needs);
  t.equal(looks, 1);
  t.equal(rig.source.require(needs), null);
  t.equal(looks, 1);
});

t.test('a report says since when changes may have been missed', async (t) => {
  const rig = await synced(t);
  const services = () => rig.source.report().find(({ resource }) => resource === 'services');
  await rig.untilLater('followed', () => services()?.state === 'followed');
  t.match(services(), { staleSeconds: 0, error: '', lists: 1 });
  await rig.api.close();
  await rig.untilLater('it is noticed', () => services()?.state === 'unreachable');
  rig.clock.advance(7_000);
  t.ok((services()?.staleSeconds ?? 0) >= 7);
  t.match(services()?.error, /ECONN/);
  await rig.api.open();
  await rig.untilLater('followed again', () => services()?.state === 'followed');
  t.equal(services()?.staleSeconds, 0);
});
