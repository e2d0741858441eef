/** The source against a real HTTP server, by what the store has in the end. */
import t from 'tap';
import { ANSWER_MS, BETA_RULES, CONFIG_MAPS, openRig, PODS, POLICIES, type Rig, rule, RULES, service, SERVICES, WATCH_MS } from './rig.ts';

const watched = (rig: Rig, path: string, times = 1): Promise<void> =>
  rig.untilLater(`watch ${times} of ${path} is open`, () => rig.watches(path).length >= times && rig.api.watches(path) > 0);

t.test('lists, then follows', async (t) => {
  const rig = await openRig(t, (api) => {
    api.put(SERVICES, service('one'));
    api.put(RULES, rule('r'));
  });
  await rig.until('synced', () => rig.store.synced);
  t.strictSame([rig.services(), rig.rules()], [['one'], ['r']]);
  t.strictSame(rig.lists(SERVICES)[0]?.query, { limit: '500', resourceVersion: '0' });
  await watched(rig, SERVICES);
  const watch = rig.watches(SERVICES)[0]?.query;
  t.match(watch, { allowWatchBookmarks: 'true', resourceVersion: '102', timeoutSeconds: '597' });
  rig.api.put(SERVICES, service('two'));
  rig.api.put(SERVICES, service('one', 81));
  await rig.until('both events', () => rig.store.list('Service').some(({ spec }) => spec?.ports?.[0]?.port === 81));
  t.strictSame(rig.services(), ['one', 'two']);
  rig.api.delete(SERVICES, 'one');
  await rig.until('the deletion', () => rig.services().length === 1);
  t.equal(rig.store.origin({ group: '', kind: 'Service', namespace: 'a', name: 'two' })?.trusted, false);
  t.strictSame(rig.told, []);
});

t.test('asks for what a node needs only', async (t) => {
  const settings = (namespace: string) => ({ metadata: { name: 'istio', namespace }, data: { mesh: '{}' } });
  const NAMESPACES = '/api/v1/namespaces';
  const rig = await openRig(t, (api) => {
    for (const namespace of ['istio-system', 'nodeway-system', 'a']) api.put(CONFIG_MAPS, settings(namespace));
    api.put(NAMESPACES, { metadata: { name: 'a', labels: { team: 'x' } } });
    api.put(PODS, { metadata: { name: 'p', namespace: 'a', labels: { app: 'p' } }, spec: { nodeName: 'n1' } });
  });
  await rig.until('synced', () => rig.store.synced);
  await Promise.all([watched(rig, PODS), watched(rig, NAMESPACES), watched(rig, CONFIG_MAPS)]);
  t.equal(rig.lists(PODS)[0]?.query['fieldSelector'], 'spec.nodeName=n1');
  t.equal(rig.watches(PODS)[0]?.query['fieldSelector'], 'spec.nodeName=n1');
  t.equal(rig.lists(CONFIG_MAPS)[0]?.query['fieldSelector'], 'metadata.name=istio');
  const namespaces = new Set(rig.store.list('ConfigMap').map(({ metadata }) => metadata.namespace));
  t.strictSame(namespaces, new Set(['istio-system', 'nodeway-system']));
  t.equal(rig.lists(NAMESPACES)[0]?.accept, 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
  t.equal(rig.watches(NAMESPACES)[0]?.accept, 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  t.match(rig.store.list('Namespace'), [{ kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'a', labels: { team: 'x' } } }]);
  t.equal(rig.store.origin({ group: '', kind: 'Namespace', namespace: '', name: 'a' })?.metadataOnly, true);
  t.match(rig.store.list('Pod'), [{ metadata: { labels: { app: 'p' } }, spec: { nodeName: 'n1' } }]);
});

t.test('reads lists in pages, and in one piece when it took too long for pages', async (t) => {
  const names = ['s1', 's2', 's3', 's4', 's5'];
  const fill = (api: Rig['api']): void => {
    api.pageItems = 2;
    for (const name of names) api.put(SERVICES, service(name));
  };
  const rig = await openRig(t, fill);
  await rig.until('synced', () => rig.store.synced);
  t.strictSame(rig.services(), names);
  t.strictSame(
    rig.lists(SERVICES).map(({ query }) => query['continue']),
    [undefined, '2@105', '4@105'],
  );
  const late = await openRig(t, (api) => {
    fill(api);
    api.onNextPage = () => {
      api.pass();
      api.compact();
    };
  });
  await late.until('synced', () => late.store.synced);
  t.strictSame(late.services(), names);
  t.strictSame(late.lists(SERVICES).at(-1)?.query, {});
  t.strictSame(late.told, []);
});

t.test('a watch is resumed', async (t) => {
  const rig = await openRig(t, (api) => api.put(SERVICES, service('one')));
  await watched(rig, SERVICES);
  rig.api.put(SERVICES, service('two'));
  await rig.until('the event', () => rig.services().length === 2);
  rig.api.breakWatches(SERVICES);
  rig.api.put(SERVICES, service('three'));
  await rig.untilLater('what came in between', () => rig.services().length === 3);
  t.equal(rig.watches(SERVICES)[1]?.query['resourceVersion'], '102', 'from the last event');
  rig.api.pass();
  const revision = rig.api.bookmark(SERVICES);
  rig.api.endWatches(SERVICES);
  rig.api.put(SERVICES, service('four'));
  await rig.untilLater('what came after the bookmark', () => rig.services().length === 4);
  t.equal(rig.watches(SERVICES)[2]?.query['resourceVersion'], revision, 'from the bookmark');
  rig.api.send(SERVICES, '{"type":"MODIFIED","object":{"metadata":{"na');
  rig.api.breakWatches(SERVICES);
  rig.api.delete(SERVICES, 'one');
  await rig.untilLater('the deletion after half an event', () => rig.services().length === 3);
  t.equal(rig.lists(SERVICES).length, 1);
  t.strictSame(rig.told, [], 'nobody needs to hear of this');
});

t.test('a version that is too old leads to a new list', async (t) => {
  const rig = await openRig(t, (api) => {
    api.put(SERVICES, service('stays'));
    api.put(SERVICES, service('goes'));
  });
  const missed = (name: string): void => {
    rig.api.breakWatches(SERVICES);
    rig.api.delete(SERVICES, name);
    rig.api.put(SERVICES, service(`after-${name}`));
    rig.api.compact();
  };
  await watched(rig, SERVICES);
  missed('goes');
  await rig.untilLater('the list after an event', () => rig.services().includes('after-goes'));
  t.strictSame(rig.services(), ['after-goes', 'stays']);
  t.equal(rig.lists(SERVICES)[1]?.query['resourceVersion'], undefined, 'as it is now');
  await watched(rig, SERVICES, 3);

  rig.api.fault = ({ path, isWatch, query }) => (path === SERVICES && isWatch && query['resourceVersion'] === '104' ? { code: 410 } : null);
  missed('after-goes');
  await rig.untilLater('the list after an answer', () => rig.services().includes('after-after-goes'));
  t.strictSame(rig.services(), ['after-after-goes', 'stays']);

  await rig.untilLater('watched again', () => rig.api.watches(SERVICES) > 0);
  const causes = [{ reason: 'ResourceVersionTooLarge' }];
  const lists = rig.lists(SERVICES).length;
  rig.api.fault = ({ path, isWatch }) =>
    path === SERVICES && isWatch && rig.lists(SERVICES).length === lists ? { code: 504, status: { details: { causes } } } : null;
  missed('after-after-goes');
  await rig.untilLater('the list of a server that was put back', () => rig.services().includes('after-after-after-goes'));
  t.strictSame(rig.told, []);
});

t.test('the API server is away', async (t) => {
  const rig = await openRig(t, (api) => {
    api.put(SERVICES, service('one'));
    api.put(SERVICES, service('two'));
  });
  await watched(rig, SERVICES);
  await rig.api.close();
  await rig.untilLater('it is told', () => rig.told.length > 0);
  await rig.untilLater('some more attempts', () => rig.clock.now() > 200_000);
  t.strictSame(rig.services(), ['one', 'two']);
  t.match(rig.told, [/127\.0\.0\.1:\d+: .*ECONN.*; what it said last stays in effect/]);
  rig.api.delete(SERVICES, 'one');
  await rig.api.open();
  await rig.untilLater('it is taken back', () => rig.problems().length === 0);
  await rig.untilLater('what has happened is known', () => rig.services().length === 1);
  t.equal(rig.told.length, 2);
});

t.test('the first that finds the server calls the others, whose waits had grown while it was away', async (t) => {
  const rig = await openRig(t);
  await Promise.all([watched(rig, SERVICES), watched(rig, POLICIES)]);
  await rig.api.close();
  const began = rig.clock.now();
  await rig.untilLater('waits are long', () => rig.clock.now() - began > 200_000);
  // As a server that has just started: it does not know of rights yet, and then of what is custom.
  const faults = [{ code: 403 }, { code: 503 }, { code: 401 }, { code: 401 }, { code: 403 }];
  rig.api.fault = ({ path }) => (path === POLICIES ? (faults.shift() ?? null) : null);
  await rig.api.open();
  await rig.untilLater('services are watched', () => rig.api.watches(SERVICES) > 0);
  const back = rig.clock.now();
  await rig.untilLater('so are policies', () => rig.api.watches(POLICIES) > 0);
  t.strictSame(faults, []);
  t.ok(rig.clock.now() - back < 25_000, `${rig.clock.now() - back} ms, where a single wait was 30 s`);
});

t.test('waits of watches that broke at once are forgotten when one has lasted', async (t) => {
  const rig = await openRig(t);
  await watched(rig, RULES);
  /** How long it takes until it is watched again. */
  const broken = async (): Promise<number> => {
    const { length } = rig.watches(RULES);
    rig.api.breakWatches(RULES);
    const began = rig.clock.now();
    await watched(rig, RULES, length + 1);
    return rig.clock.now() - began;
  };
  let waited = 0;
  while (waited < 15_000) waited = await broken();
  rig.clock.advance(2000);
  const after = await broken();
  t.ok(after < 8000, `${after} ms after ${waited}`);
});

t.test('the API server is away at the start, and is slow to come', async (t) => {
  const rig = await openRig(t, (api) => {
    api.fault = () => ({ code: 503 });
    api.put(SERVICES, service('one'));
  });
  await rig.until('it is told', () => rig.told.length > 0);
  t.match(rig.told, [/status 503/]);
  t.equal(rig.store.synced, false);
  rig.api.fault = ({ path }) => (path === PODS ? 'broken' : null);
  await rig.untilLater('services are read', () => rig.services().length === 1);
  await rig.untilLater('attempts at pods', () => rig.lists(PODS).length > 3);
  t.equal(rig.store.synced, false, 'a part is not everything');
  rig.api.fault = () => null;
  await rig.untilLater('synced', () => rig.store.synced);
  await rig.untilLater('it is taken back', () => rig.problems().length === 0);
});

t.test('a server that names a time is not asked sooner', async (t) => {
  const rig = await openRig(t, (api) => {
    api.fault = ({ path }) => (path === SERVICES ? { code: 429, retryAfter: 20 } : null);
  });
  await rig.untilLater('four attempts', () => rig.lists(SERVICES).length === 4);
  t.ok(rig.clock.now() >= 60_000);
  t.match(rig.told, [/status 429/]);
  rig.api.fault = () => null;
  await rig.untilLater('synced', () => rig.store.synced && rig.problems().length === 0);
});

t.test('a connection that is half open is given up', async (t) => {
  let isGone = true;
  const prepare = (api: Rig['api']): void => {
    api.put(SERVICES, service('one'));
    api.fault = ({ path, isWatch }) => (path === SERVICES && isWatch && isGone ? 'silent-watch' : null);
  };
  const rig = await openRig(t, prepare, { limits: [WATCH_MS] });
  await rig.until('the watch is asked for', () => rig.watches(SERVICES).length === 1);
  isGone = false;
  rig.api.put(SERVICES, service('two'));
  await rig.untilLater('another watch brings it', () => rig.services().length === 2);
  t.ok(rig.clock.now() >= WATCH_MS, 'a minute of silence is in order: bookmarks come as often');
  t.equal(rig.lists(SERVICES).length, 1);
  t.strictSame(rig.told, []);
});

t.test('a server that accepts and does not answer', async (t) => {
  const prepare = (api: Rig['api']): void => {
    api.fault = ({ path }) => (path === SERVICES ? 'silent' : null);
  };
  const rig = await openRig(t, prepare, { limits: [ANSWER_MS] });
  await rig.untilLater('it is told', () => rig.told.length > 0);
  t.match(rig.told[0], /nothing came from the API server for 30 s/);
  rig.api.fault = () => null;
  await rig.untilLater('synced', () => rig.store.synced && rig.problems().length === 0);
});

t.test('a custom resource comes, goes and comes back', async (t) => {
  const rig = await openRig(t, (api) => api.unserve(RULES));
  await rig.until('synced without it', () => rig.store.synced);
  t.strictSame(rig.told, []);
  rig.api.serve(BETA_RULES);
  rig.api.put(BETA_RULES, rule('r'));
  await rig.untilLater('an older version is read', () => rig.rules().length === 1);
  await watched(rig, BETA_RULES);
  rig.api.unserve(BETA_RULES);
  const looks = rig.lists(BETA_RULES).length;
  await rig.untilLater('one look', () => rig.lists(BETA_RULES).length === looks + 1);
  t.strictSame(rig.rules(), ['r'], 'one look may be wrong');
  await rig.untilLater('a second look', () => rig.rules().length === 0);
  rig.api.serve(RULES);
  rig.api.put(RULES, rule('again'));
  await rig.untilLater('it is back', () => rig.rules().includes('again'));
  t.strictSame(rig.told, []);
});

t.test('custom resources that come together are read together, and rules when what they name is known', async (t) => {
  const rig = await openRig(t, (api) => [RULES, POLICIES].forEach((path) => api.unserve(path)));
  await rig.until('synced without them', () => rig.store.synced);
  const looks = (path: string): number => rig.lists(path).length;
  await rig.untilLater('waits are long', () => looks(RULES) > 6 && looks(POLICIES) > 6);
  const before = looks(POLICIES);
  // They are there from the moment at which the rules are asked for; the others were asked for before.
  let early = 0;
  let asked = Infinity;
  rig.api.fault = ({ path }) => (path === POLICIES && looks(RULES) <= asked ? (early++, { code: 404, status: {} }) : null);
  rig.api.serve(POLICIES);
  await rig.untilLater('the others are asked for', () => early > 0);
  asked = looks(RULES);
  rig.api.serve(RULES);
  rig.api.put(RULES, rule('r'));
  rig.api.put(POLICIES, { metadata: { name: 'p', namespace: 'a' }, spec: { host: 'r' } });
  rig.listed.length = 0;
  await rig.untilLater('the rules are asked for', () => looks(RULES) > asked);
  await rig.until('both are read', () => rig.rules().length === 1 && rig.store.list('DestinationRule').length === 1);
  t.strictSame(rig.listed.slice(-2), ['DestinationRule', 'VirtualService']);
  t.ok(looks(POLICIES) - before >= 2, 'it was called');
  t.strictSame(rig.told, []);
});

t.test('a kind that may not be read', async (t) => {
  const status = { message: 'pods is forbidden: User "agent" cannot list resource "pods"' };
  const rig = await openRig(t, (api) => {
    api.fault = ({ path }) => (path === PODS ? { code: 403, status } : null);
  });
  await rig.until('it is told', () => rig.told.length > 0);
  t.match(rig.told, [/the agent may not list pods: pods is forbidden: User "agent"/]);
  await rig.untilLater('some more attempts', () => rig.lists(PODS).length > 3);
  t.equal(rig.told.length, 1);
  t.equal(rig.store.synced, false, 'rules that are missing may forbid something');
  rig.api.fault = ({ path, isWatch }) => (path === PODS && isWatch ? { code: 403, status } : null);
  await rig.untilLater('the other verb', () => rig.told.length === 3);
  t.equal(rig.store.synced, true);
  t.match(rig.told[2], /the agent may not watch pods/);
  rig.api.fault = () => null;
  await rig.untilLater('it is taken back', () => rig.problems().length === 0);
});

t.test('a resource of Kubernetes that the server does not have', async (t) => {
  const rig = await openRig(t, (api) => api.unserve(SERVICES));
  await rig.until('it is told', () => rig.told.length > 0);
  t.strictSame(rig.told, ['the API server has no services']);
  t.equal(rig.store.synced, false);
});

t.test('an answer that is not of an API server', async (t) => {
  const rig = await openRig(t);
  await watched(rig, SERVICES);
  const before = rig.watches(SERVICES).length;
  rig.api.send(SERVICES, '<html>\n');
  await watched(rig, SERVICES, before + 1);
  rig.api.send(SERVICES, '{"type":"ADDED","object":null}\n');
  await watched(rig, SERVICES, before + 2);
  rig.api.put(SERVICES, service('one'));
  await rig.until('the event', () => rig.services().length === 1);
});
