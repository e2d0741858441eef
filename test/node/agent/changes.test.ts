/** What changes while the agent serves: manifests, good and bad, and pods. Needs root. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { monotonicNow, startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess, istioObject, type KubeObject, podObject, serviceObject } from './agent-process.ts';
import { Requester } from './load.ts';

const WEB = '10.96.0.10';
/** Outlasts the changes. It is left to end by itself: a signal may reach another thread than the one of wrk that waits. */
const WRK_SECONDS = 10;
const CHANGES = 12;
/** Between two files that belong together: read at once, one after the other, and as by somebody who takes his time. */
const PAUSES_MS = [0, 30, 150];

function toVersion(version: string, prefix = ''): KubeObject {
  return istioObject('VirtualService', 'web', {
    hosts: ['web'],
    http: [
      {
        route: [{ destination: { host: 'web', subset: `${prefix}${version}` } }],
        headers: { request: { set: { 'x-version': `${prefix}${version}` } } },
      },
    ],
  });
}

/** @param prefix of the subsets' names. */
const subsets = (prefix = ''): KubeObject =>
  istioObject('DestinationRule', 'web', {
    host: 'web',
    subsets: ['v1', 'v2'].map((version) => ({ name: `${prefix}${version}`, labels: { version } })),
  });

t.test('changes', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('changes');
  const agent = await AgentProcess.create(network);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, web1, web2] = ['client', 'web1', 'web2'].map((pod) => network.addPod(pod)) as [Pod, Pod, Pod];
  for (const pod of [web1, web2]) await startNginx(pod, (task) => t.teardown(task), `${pod.name} $http_x_version`);
  await agent.apply('pods.json', podObject(client, 'client'), podObject(web1, 'web'), podObject(web2, 'web', { version: 'v2' }));
  await agent.apply('web.json', serviceObject('web', WEB, { http: 80 }));
  await agent.apply('subsets.json', subsets());
  await agent.apply('route.json', toVersion('v1'));
  await agent.start();
  const ask = async (): Promise<string> =>
    (await client.run(['curl', '-sS', '-m', '60', '-H', 'Host: web.shop', `http://${WEB}/`])).stdout.trim();

  await t.test('manifests changed under load: every change takes effect, and no request fails', async (t) => {
    const load = client.start(['wrk', '-t1', '-c16', `-d${WRK_SECONDS}s`, '--timeout', '60s', '-H', 'Host: web.shop', `http://${WEB}:80/`]);
    const fresh = new Requester(client, WEB, 'web.shop');
    let output = '';
    load.stdout?.on('data', (chunk) => (output += String(chunk)));
    const ended = new Promise((resolve) => load.once('close', resolve));
    await until(() => fresh.exchanged.length > 10, 'requests');
    for (let change = 1; change <= CHANGES; change++) {
      const version = change % 2 === 0 ? 'v1' : 'v2';
      await agent.apply('route.json', toVersion(version));
      t.equal(await ask(), `${change % 2 === 0 ? 'web1' : 'web2'} ${version}`, 'new requests go the new way');
    }
    await agent.apply('other.json', serviceObject('other', '10.96.0.11', { http: 80 }));
    const since = monotonicNow();
    await until(() => fresh.since(since).length > 10, 'more requests');
    await fresh.stop();
    t.same(fresh.failedSince(0), []);
    await ended;
    t.match(output, /[1-9]\d* requests in/);
    t.notMatch(output, /Socket errors|Non-2xx/, 'kept connections lose nothing either');
  });

  await t.test('a rule and what it names go, come and get another name, file after file in both orders: no request fails', async (t) => {
    const fresh = new Requester(client, WEB, 'web.shop');
    await until(() => fresh.exchanged.length > 10, 'requests');
    const files = { 'route.json': toVersion('v1'), 'subsets.json': subsets() };
    const others = { 'route.json': toVersion('v1', 'other-'), 'subsets.json': subsets('other-') };
    const names = Object.keys(files) as readonly (keyof typeof files)[];
    for (const pauseMs of PAUSES_MS) {
      for (const order of [names, names.toReversed()]) {
        const each = async (change: (file: keyof typeof files) => void): Promise<void> => {
          for (const file of order) {
            change(file);
            await delay(pauseMs);
          }
        };
        await each((file) => agent.remove(file));
        await until(async () => !(await ask()).includes('v1'), 'the rule is gone');
        await each((file) => agent.write(file, JSON.stringify(files[file])));
        await until(async () => (await ask()) === 'web1 v1', 'the rule is back');
        await each((file) => agent.write(file, JSON.stringify(others[file])));
        await until(async () => (await ask()) === 'web1 other-v1', 'the subsets have another name');
        await each((file) => agent.write(file, JSON.stringify(files[file])));
        await until(async () => (await ask()) === 'web1 v1', 'and their first name again');
        t.same(fresh.failedSince(0), [], `${order.join(', ')}, ${pauseMs} ms`);
      }
    }
    await fresh.stop();
  });

  await t.test('bad YAML keeps the last good version in effect, and is told', async (t) => {
    agent.write('route.json', 'kind: VirtualService\nmetadata: {name: web\nspec: [');
    await until(async () => (await agent.status()).problems.length > 0, 'the problem is told');
    const { problems } = await agent.status();
    t.match(problems[0], { severity: 'error', where: /route\.json:\d+/ });
    const { code, stdout } = await agent.statusText();
    t.equal(code, 0);
    t.match(stdout, /route\.json:\d+/);
    t.equal(await ask(), 'web1 v1', 'the last good version');
    t.equal(await agent.metric('nodeway_config_problems', { severity: 'error' }), problems.length);
    await agent.apply('extra.json', serviceObject('extra', '10.96.0.12', { http: 80 }));
    t.equal(await ask(), 'web1 v1', 'other files go on to be read');
    await agent.apply('route.json', toVersion('v2'));
    t.same((await agent.status()).problems, []);
    t.equal(await ask(), 'web2 v2');
  });

  await t.test('a field of a wrong type keeps that object as it was, and is told by its path', async (t) => {
    const wrong = istioObject('VirtualService', 'web', { hosts: 'web', http: [] });
    agent.write('route.json', JSON.stringify(wrong));
    await until(async () => (await agent.status()).problems.length > 0, 'the problem is told');
    const problem = (await agent.status()).problems.find(({ path }) => path === 'spec.hosts');
    t.match(problem, { severity: 'error', object: 'VirtualService shop/web', where: /route\.json:1:\d+/ });
    t.equal(await ask(), 'web2 v2');
    await agent.apply('route.json', toVersion('v1'));
    t.equal(await ask(), 'web1 v1');
  });

  await t.test('an endpoint that is gone gets no more requests', async (t) => {
    agent.write('route.json', '');
    await until(async () => (await Promise.all([ask(), ask(), ask(), ask()])).includes('web2'), 'both are asked without a route');
    await agent.apply('pods.json', podObject(client, 'client'), podObject(web2, 'web', { version: 'v2' }));
    await network.removePod(web1);
    for (let i = 0; i < 10; i++) t.equal(await ask(), 'web2');
    const known = async (): Promise<boolean> => (await agent.status()).pods.some(({ pod }) => pod === 'shop/web1');
    await until(async () => !(await known()), 'the pod is forgotten');
  });
});
