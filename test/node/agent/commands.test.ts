/** Each command that asks the agent, over its socket, about real traffic of real programs in pods. Needs root. */
import { statSync } from 'node:fs';
import t from 'tap';
import type { ClustersView } from '../../../src/agent/admin/cluster-view.ts';
import type { ExplainView } from '../../../src/agent/admin/explain-view.ts';
import type { GraphView, PodsView } from '../../../src/agent/admin/mesh-view.ts';
import type { ToldRequest } from '../../../src/l7/tap/told-request.ts';
import { startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess, istioObject, podObject, serviceObject } from './agent-process.ts';

const WEB = '10.96.0.10';
const HOST = 'web.shop.svc.cluster.local';

t.test('the commands', { skip: needsRoot }, async (t) => {
  const network = await PodNetwork.create('commands');
  const agent = await AgentProcess.create(network, ['--workers', '2']);
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await agent.close();
    await network.close();
  });
  const [client, v1, v2] = ['client', 'v1', 'v2'].map((name) => network.addPod(name)) as [Pod, Pod, Pod];
  for (const pod of [v1, v2]) await startNginx(pod, (task) => t.teardown(task), pod.name);
  const subset = (name: string) => ({ destination: { host: 'web', subset: name } });
  await agent.apply(
    'rules.json',
    istioObject('VirtualService', 'web', {
      hosts: ['web'],
      http: [
        { name: 'jason', match: [{ uri: { prefix: '/v' }, headers: { 'end-user': { exact: 'jason' } } }], route: [subset('v2')] },
        {
          name: 'broken',
          match: [{ uri: { exact: '/broken' } }],
          fault: { abort: { httpStatus: 555, percentage: { value: 100 } } },
          route: [subset('v1')],
        },
        {
          name: 'rest',
          timeout: '3s',
          route: [
            { ...subset('v1'), weight: 75 },
            { ...subset('v2'), weight: 25 },
          ],
        },
      ],
    }),
    istioObject('DestinationRule', 'web', {
      host: 'web',
      trafficPolicy: { connectionPool: { tcp: { maxConnections: 50 } } },
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    }),
  );
  const webPods = [v1, v2].map((pod) => podObject(pod, 'web', { version: pod.name }));
  await agent.apply('pods.json', podObject(client, 'client'), ...webPods);
  await agent.apply('services.json', serviceObject('web', WEB, { http: 80 }));
  await agent.start();
  const curl = (path: string, ...words: string[]) =>
    client.run(['curl', '-sS', '-m', '60', '-H', `Host: ${HOST}`, ...words, `http://${WEB}${path}`]);
  const asked = async <T>(name: string, ...words: string[]): Promise<T> => {
    const { stdout, stderr, code } = await agent.ask(name, ...words, '-o', 'json');
    t.equal(code, 0, `${name}: ${stderr}`);
    return JSON.parse(stdout) as T;
  };

  t.equal(statSync(agent.socket).mode & 0o777, 0o600, 'nobody else may ask at the socket');

  await t.test('explain says what then happens', async (t) => {
    const jason = await asked<ExplainView>('explain', 'shop/client', 'GET', 'http://web/v', '-H', 'end-user: jason');
    t.match(jason, {
      verdict: 'route',
      matched: 0,
      request: { address: `${WEB}:80`, isAddressKnown: true },
      destinations: [{ share: 1, endpoints: [{ address: v2.ipv4, chance: 1 }] }],
    });
    t.equal((await curl('/v', '-H', 'end-user: jason')).stdout.trim(), 'v2');
    const rest = await asked<ExplainView>('explain', 'shop/client', 'GET', 'web/v', '-H', 'end-user: other; x');
    t.match(rest, { matched: 2, timeoutMs: 3000, destinations: [{ share: 0.75 }, { share: 0.25 }] });
    t.strictSame(
      rest.routes[0]?.conditions.map(({ holds }) => holds),
      [true, false],
    );
    const { stdout } = await agent.ask('explain', 'shop/client', 'GET', 'http://web/broken');
    t.match(stdout, /=> broken: applies/);
    t.match(stdout, /NO {2}path \^ \/v/);
    t.match(stdout, /abort 100% with 555/);
    t.match(await agent.ask('explain', 'shop/nobody', 'GET', 'http://web/'), { code: 1, stderr: /knows no pod shop\/nobody/ });
    t.match(await agent.ask('explain', 'shop/client', 'GET', 'https://web/'), { code: 1, stderr: /is not like http:/ });
  });

  await t.test('tap shows requests as they end, and requests keeps those that failed', async (t) => {
    const tapping = agent.ask('tap', '--pod', 'shop/client', '--path', '/seen', '--count', '2', '-o', 'json');
    let over = false;
    void tapping.then(() => (over = true));
    await until(async () => {
      await curl('/unseen');
      await curl('/seen?id=1');
      return over;
    }, 'the tap has seen two requests');
    const { stdout, code } = await tapping;
    t.equal(code, 0);
    const told = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ToldRequest);
    t.equal(told.length, 2);
    for (const one of told) {
      t.match(one, { path: '/seen?id=1', method: 'GET', route: 'rest', status: 200, attempts: 1, side: 'outbound' });
      t.match(one, { source: { pod: 'shop/client' }, destination: { namespace: 'shop' }, service: HOST, target: `${WEB}:80` });
    }
    await curl('/broken');
    const recent = async () => (await asked<{ failed: ToldRequest[] }>('requests', '--failed')).failed;
    await until(async () => (await recent()).length > 0, 'the failed request is kept');
    t.match((await recent())[0], { path: '/broken', status: 555, flags: 'FI', route: 'broken', endpoint: '' });
    t.match((await agent.ask('requests')).stdout, /555 FI fault_filter_abort .*shop\/client -> nobody {2}GET .*\/broken {2}route broken/);
  });

  await t.test('pods, clusters and top show it', async (t) => {
    const { pods, cpuCores } = await asked<PodsView>('pods');
    const byName = new Map(pods.map((pod) => [pod.pod, pod]));
    t.match(byName.get('shop/client'), { phase: 'captured', identity: { workload: 'client' }, cpuShare: 1 });
    t.ok((byName.get('shop/client')?.sent ?? 0) > 3);
    t.ok((byName.get('shop/v2')?.received ?? 0) > 0);
    t.ok(cpuCores > 0);
    t.match((await agent.ask('pods')).stdout, /shop\/client +captured +\d+[smh] /);

    const { clusters } = await asked<ClustersView>('clusters', 'shop/client', '--service', 'web');
    const one = clusters.find(({ name }) => name.includes('|v1|'));
    t.match(one, { pool: { maxConnections: 50 }, endpoints: [{ address: v1.ipv4, ejected: [] }] });
    t.ok((one?.clients[0]?.connections ?? 0) >= 0);
    t.match((await agent.ask('clusters', 'shop/client')).stdout, /limits {2}maxConnections 50/);
    t.match(await agent.ask('clusters', 'shop/none'), {
      code: 1,
      stderr: /shop\/none is not enrolled on this node; enrolled: shop\/client/,
    });

    const { edges } = await asked<GraphView>('top', '--count', '1');
    t.ok(
      edges.some(
        ({ source, service, requestsPerSecond }) => source.workload === 'client' && service.host === HOST && requestsPerSecond > 0,
      ),
    );
    t.match((await agent.ask('top', '--count', '1')).stdout, /client\.shop +v1\.shop +web\.shop +http/);
    t.match((await agent.ask('status')).stdout, /shop\/client +captured/);
    t.match((await agent.ask('routes', 'shop/client')).stdout, /timeout 3000ms/);
  });

  await t.test('the level of the log changes while it runs', async (t) => {
    t.equal((await agent.ask('log-level')).stdout, 'info\n');
    t.equal((await agent.ask('log-level', 'debug')).stdout, 'debug\n');
    t.equal((await agent.ask('log-level')).stdout, 'debug\n');
    t.match(await agent.ask('log-level', 'shout'), { code: 1, stderr: /"shout" is not one of trace, / });
  });

  await t.test('a socket that was left behind is replaced', async (t) => {
    await agent.kill();
    t.match(await agent.ask('status'), { code: 1, stderr: /no agent at .*admin\.sock \(nothing listens there\).*--admin-socket/s });
    await agent.start();
    t.equal((await agent.ask('log-level')).stdout, 'info\n');
  });
});
