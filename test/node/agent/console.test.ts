/** The console of a real agent, in a real browser, while real programs talk to each other in five pods. Needs root. */
import t from 'tap';
import { keepScreenshot, noBrowser, TestBrowser } from '../../console/browser.ts';
import { startNginx } from '../capture/programs.ts';
import { needsRoot, type Pod, PodNetwork } from '../pod-network.ts';
import { AgentProcess, istioObject, podObject, serviceObject } from './agent-process.ts';

const NAMES = ['shop', 'cart', 'price', 'stock', 'mail'] as const;
/** Who calls whom. */
const CALLS = [
  ['shop', 'cart'],
  ['shop', 'mail'],
  ['cart', 'price'],
  ['cart', 'stock'],
] as const;
const SLOW = { delay: { percentage: { value: 100 }, fixedDelay: '1.1s' } };
const BROKEN = { abort: { percentage: { value: 100 }, httpStatus: 503 } };

t.test('the console of an agent', { skip: needsRoot || noBrowser }, async (t) => {
  const network = await PodNetwork.create('console');
  const agent = await AgentProcess.create(network, ['--workers', '2']);
  const browser = await TestBrowser.open();
  t.teardown(async () => {
    if (!t.passing()) t.comment(agent.log);
    await browser.close();
    await agent.close();
    await network.close();
  });
  const pods = new Map(NAMES.map((name): [string, Pod] => [name, network.addPod(name)]));
  const place = (name: string): string => `10.96.0.${10 + NAMES.findIndex((other) => other === name)}`;
  for (const pod of pods.values()) await startNginx(pod, (task) => t.teardown(task));
  await agent.apply('pods.json', ...[...pods].map(([name, pod]) => podObject(pod, name, { enrolled: name !== 'mail' })));
  await agent.apply('services.json', ...NAMES.map((name) => serviceObject(name, place(name), { http: 80 })));
  const faulty = (path: string, fault: unknown) => ({
    match: [{ uri: { prefix: path } }],
    fault,
    route: [{ destination: { host: 'cart' } }],
  });
  const http = [faulty('/broken', BROKEN), faulty('/slow', SLOW), { route: [{ destination: { host: 'cart' } }] }];
  await agent.apply('routes.json', istioObject('VirtualService', 'cart', { hosts: ['cart'], http }));
  agent.write('wrong.json', JSON.stringify(istioObject('VirtualService', 'wrong', { hosts: ['cart'], http: [{ route: 'nowhere' }] })));
  await agent.start();

  const call = (from: string, to: string, path = '/'): Promise<unknown> =>
    (pods.get(from) as Pod).run(['curl', '-sS', '-m', '60', '-o', '/dev/null', '-H', `Host: ${to}.shop`, `http://${place(to)}${path}`]);
  for (let round = 0; round < 10; round++) for (const [from, to] of CALLS) await call(from, to);
  for (const path of ['/broken?token=s3cret', '/broken', '/slow']) await call('shop', 'cart', path);

  const faults: string[] = [];
  const page = await browser.visit(agent.adminUrl, { theme: 'light' }, (fault) => faults.push(fault));
  const view = async (name: string): Promise<void> => {
    await page.getByRole('navigation').getByRole('link', { name }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
  };

  await t.test('the graph has the services that talked, and a call its numbers', async (t) => {
    for (const name of NAMES)
      await page
        .locator('.canvas')
        .getByRole('link', { name: `shop/${name}` })
        .waitFor();
    await keepScreenshot(page, 'graph-5-light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await keepScreenshot(page, 'graph-5-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.locator('.canvas').getByRole('link', { name: 'shop/cart' }).click();
    const panel = page.getByRole('region', { name: 'cart' });
    t.match(
      await panel.innerText(),
      /Called by\s+shop\/shop\s+HTTP\s+[\d.<]+\/s\s+15\.4 %[\s\S]*Calls[\s\S]*shop\/price[\s\S]*shop\/stock/u,
    );
    await keepScreenshot(page, 'service-5-light');
    await page.getByRole('button', { name: 'Table' }).click();
    await page.getByRole('table').getByRole('row').nth(3).waitFor();
    t.equal(await page.getByRole('table').getByRole('row').count(), 1 + 3, 'the calls of that service');
  });

  await t.test('workloads say why they are captured, and what they see', async (t) => {
    await view('Workloads');
    const row = (name: string) => page.getByRole('row', { name: `shop/${name}` });
    t.match(await row('cart').innerText(), /captured\s+annotation[\s\S]*%/u);
    t.match(await row('mail').innerText(), /not enrolled/u);
    await keepScreenshot(page, 'workloads-5-light');
    await page.getByRole('link', { name: 'shop/shop' }).click();
    await page.getByText('abort 100% with 503').waitFor();
    await page.getByText('in use').first().waitFor();
    await keepScreenshot(page, 'workload-5-light');
  });

  await t.test('a failed request tells what was done to it, and a slow one too', async (t) => {
    await view('Requests');
    await page.getByRole('row', { name: '503 FI' }).nth(1).waitFor();
    t.equal(await page.getByRole('row', { name: '503 FI' }).count(), 2);
    await page.getByRole('row', { name: '503 FI' }).first().getByRole('button').click();
    await page.getByText('a fault rule answered it').waitFor();
    await page.getByRole('button', { name: 'Slow' }).click();
    await page.getByRole('row', { name: '/slow' }).first().getByRole('button').click();
    await page.getByText('a fault rule delayed it').waitFor();
    await keepScreenshot(page, 'requests-5-light');
    t.notMatch(await page.content(), /s3cret/u);
  });

  await t.test('an object that is wrong says where and why, and others are in effect', async (t) => {
    await view('Configuration');
    t.match(await page.getByRole('row', { name: 'shop/wrong' }).innerText(), /Refused[\s\S]*spec\.http\[0\]\.route[\s\S]*wrong\.json:1/u);
    t.match(await page.getByRole('row', { name: 'shop/cart' }).innerText(), /In effect/u);
    await keepScreenshot(page, 'configuration-5-light');
  });

  await t.test('the agent has its workers, and when it is killed the page says so and keeps what it knows', async (t) => {
    await view('Agent');
    await page.getByRole('row', { name: 'worker' }).nth(2).waitFor();
    t.equal(await page.getByRole('row', { name: 'worker' }).count(), 2 + 1, 'with the heading');
    await keepScreenshot(page, 'agent-5-light');
    t.strictSame(faults, []);
    await agent.kill();
    await page.getByText('The agent does not answer since').waitFor();
    await page.getByText('worker 1').nth(0).waitFor();
    t.equal(await page.getByText('worker 1').count(), 1);
    await agent.start();
    await page.getByText('The agent does not answer since').waitFor({ state: 'detached' });
  });
});
