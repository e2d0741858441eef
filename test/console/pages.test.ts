/** The console in a real browser, with 200 services: every view, in light and dark, by mouse and by keyboard, and without its agent. */
import t, { type Test } from 'tap';
import type { Page } from 'playwright-core';
import { violations } from './accessibility.ts';
import { keepScreenshot, type Look, noBrowser, TestBrowser } from './browser.ts';
import { SyntheticAgent } from './synthetic-agent.ts';

const SERVICES = 200;
const VIEWS = ['Service graph', 'Workloads', 'Requests', 'Configuration', 'Agent'] as const;

t.test('the console', { skip: noBrowser }, async (t) => {
  const browser = await TestBrowser.open();
  const agent = new SyntheticAgent(SERVICES);
  await agent.start();
  t.teardown(async () => {
    await browser.close();
    await agent.stop();
  });
  const faults: string[] = [];
  const open = async (t: Test, look: Look, hash = ''): Promise<Page> => {
    const page = await browser.visit(`${agent.url}${hash}`, look, (fault) => faults.push(fault));
    t.teardown(() => page.context().close());
    await page.getByRole('heading', { level: 1 }).waitFor();
    return page;
  };

  for (const theme of ['light', 'dark'] as const) {
    await t.test(`every view, ${theme}`, async (t) => {
      const page = await open(t, { theme });
      for (const view of VIEWS) {
        await page.getByRole('navigation').getByRole('link', { name: view }).click();
        await page.getByRole('heading', { level: 1, name: view }).waitFor();
        await page.locator('table tbody tr, .canvas a.node').first().waitFor();
        t.strictSame(await violations(page), [], view);
        t.match(await page.title(), `${view} · worker-7 · Nodeway`);
        await keepScreenshot(page, `${view.toLowerCase().replace(' ', '-')}-${SERVICES}-${theme}`);
      }
    });
  }

  await t.test('of many services the graph shows some, around one its neighbours, and the table all', async (t) => {
    const page = await open(t, { theme: 'light' });
    const boxes = page.locator('.canvas a.node');
    await boxes.first().waitFor();
    const some = await boxes.count();
    t.ok(some > 10 && some < 100, `${some} boxes`);
    await page.getByLabel('Find a service').fill('core/price-store-32');
    await page.getByRole('region', { name: 'price-store-32' }).waitFor();
    t.ok((await boxes.count()) < some);
    t.strictSame(await violations(page), []);
    await keepScreenshot(page, `service-${SERVICES}-light`);
    await page.getByRole('link', { name: 'Close' }).click();
    await page.getByRole('button', { name: `Draw all ${SERVICES}` }).click();
    await page.waitForFunction(`document.querySelectorAll('.canvas a.node').length === ${SERVICES}`);
    await page.getByRole('button', { name: 'Whole' }).click();
    await keepScreenshot(page, `whole-graph-${SERVICES}-light`);
    await page.getByRole('button', { name: 'Table' }).click();
    const rows = page.getByRole('row');
    await page.getByRole('columnheader', { name: 'Errors' }).getByRole('button').click();
    t.equal(await page.getByRole('columnheader', { name: 'Errors' }).getAttribute('aria-sort'), 'descending');
    t.ok((await rows.count()) > SERVICES, 'a row for each call');
    await keepScreenshot(page, `table-${SERVICES}-light`);
  });

  await t.test('a pod has its routes, clusters and endpoints with their health', async (t) => {
    const page = await open(t, { theme: 'light' }, '#/workloads');
    await page.getByLabel('Search by name').fill('cart-api-0');
    await page.getByRole('link', { name: 'shop/cart-api-0-7d9c' }).click();
    await page.getByText('ejected until').first().waitFor();
    await page.locator('.tag.bad', { hasText: 'no endpoint' }).nth(0).waitFor();
    t.equal(await page.locator('.tag.bad', { hasText: 'no endpoint' }).count(), 1);
    await page.getByRole('table').nth(1).waitFor();
    t.equal(await page.getByRole('table').count(), 2);
    t.strictSame(await violations(page), []);
    await keepScreenshot(page, `workload-${SERVICES}-light`);
  });

  await t.test('where nothing has happened yet, each view says so', async (t) => {
    const idle = new SyntheticAgent(0);
    await idle.start();
    t.teardown(() => idle.stop());
    const page = await browser.visit(idle.url, { theme: 'light' }, (fault) => faults.push(fault));
    t.teardown(() => page.context().close());
    for (const [view, words] of [
      ['Service graph', 'No request has passed this agent yet'],
      ['Workloads', 'There is no pod on this node'],
      ['Requests', 'No request has failed'],
    ] as const) {
      await page.getByRole('navigation').getByRole('link', { name: view }).click();
      await page.getByText(words).waitFor();
      t.strictSame(await violations(page), [], view);
      await keepScreenshot(page, `${view.toLowerCase().replace(' ', '-')}-0-light`);
    }
  });

  await t.test('a request tells its story, and no secret', async (t) => {
    const page = await open(t, { theme: 'dark' }, '#/requests');
    await page.getByRole('button', { expanded: false }).first().click();
    await page.getByText('the connection to the endpoint could not be made').waitFor();
    await page.getByText('10.1.0.4:5000').nth(0).waitFor();
    t.equal(await page.getByText('10.1.0.4:5000').count(), 1, 'what was tried before');
    t.notMatch(await page.locator('main').innerHTML(), /s3cret/u);
    t.strictSame(await violations(page), []);
    await keepScreenshot(page, `request-${SERVICES}-dark`);
  });

  await t.test('by keyboard: past the navigation, through the graph, and into a service', async (t) => {
    const page = await open(t, { theme: 'light' });
    await page.locator('.canvas a.node').first().waitFor();
    await page.keyboard.press('Tab');
    t.equal(await focused(page), 'Skip to the content');
    await page.keyboard.press('Enter');
    t.equal(await focused(page), 'Service graph');
    const reached: string[] = [];
    while (!reached.some((name) => name.includes('requests a second')) && reached.length < 30) {
      await page.keyboard.press('Tab');
      reached.push(await focused(page));
    }
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'Close' }).waitFor();
    t.match(await focused(page), /^Service graph\w+\/[\w-]+$/u, 'the new heading has the focus');
  });

  await t.test('without its agent it says since when, keeps what it knows, and goes on when the agent is back', async (t) => {
    const faults: string[] = [];
    const page = await browser.visit(`${agent.url}#/configuration`, { theme: 'light' }, (fault) => faults.push(fault));
    t.teardown(() => page.context().close());
    await page.getByText('weights must add up to 100').waitFor();
    await agent.stop();
    await page.getByText('The agent does not answer since').waitFor();
    await page.getByText('weights must add up to 100').nth(0).waitFor();
    t.equal(await page.getByText('weights must add up to 100').count(), 1);
    t.strictSame(await violations(page), []);
    await keepScreenshot(page, 'agent-gone-light');
    await agent.start();
    await page.getByText('The agent does not answer since').waitFor({ state: 'detached' });
    t.ok(
      faults.every((fault) => fault.includes('ERR_CONNECTION_REFUSED')),
      faults.join(),
    );
  });

  await t.test('a refresh moves nothing, and a pause asks nothing', async (t) => {
    const page = await open(t, { theme: 'light' }, '#/workloads');
    await page.locator('table tbody tr').first().waitFor();
    const boxes = (): Promise<unknown> =>
      page.locator('h1, table, tbody tr').evaluateAll((all) => all.map((each) => JSON.stringify(each.getBoundingClientRect())));
    const before = await boxes();
    for (let answers = 0; answers < 2; answers++) await page.waitForResponse((response) => response.url().endsWith('/pods'));
    t.strictSame(await boxes(), before);
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByText('Paused').waitFor();
    const asked: string[] = [];
    page.on('request', (request) => request.url().endsWith('icon.svg') || asked.push(request.url()));
    await page.getByRole('navigation').getByRole('link', { name: 'Agent' }).click();
    await page.getByRole('heading', { level: 1, name: 'Agent' }).waitFor();
    t.strictSame(asked, [], 'what is known is shown');
    const next = page.waitForResponse((response) => response.url().endsWith('/status'));
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    t.equal((await next).status(), 200);
  });

  await t.test('on a narrow screen nothing is wider than it', async (t) => {
    const page = await open(t, { theme: 'light', width: 390, height: 800 });
    for (const view of VIEWS) {
      await page.getByRole('navigation').getByRole('link', { name: view }).click();
      await page.locator('table tbody tr, .canvas a.node').first().waitFor();
      const excess = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      t.ok(Number(excess) <= 0, `${view}: ${String(excess)} pixels too wide`);
    }
    await keepScreenshot(page, 'narrow-light');
  });

  t.strictSame(faults, [], 'there was no fault in a page, and nothing that its policy refuses');
});

function focused(page: Page): Promise<string> {
  return page.evaluate(`(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()`);
}
