/** Two builds of the page at once: broken, then stable by a header, then stable for browsers. */
import type { Call, Reply } from '../traffic.ts';
import { times } from '../calls.ts';
import { same } from '../checks.ts';
import type { Walk } from '../walk.ts';
import type { Step } from './step.ts';

interface Visit {
  readonly build: string;
  readonly pods: readonly string[];
  readonly missing: number;
}

const USERS = 20;
const VISITS_EACH = 3;

export const abTest: Step = {
  title: 'A/B test: two builds of the page at once',
  why: 'Each build knows only its own assets. When page and assets come from different builds, visitors see a broken page; a consistent hash cures it.',
  async prepare(walk) {
    await walk.apply('green release');
    if (walk.quiet) await walk.apply('stable by cookie');
  },
  async walk(walk) {
    await mixedBuilds(walk);
    await stableByHeader(walk);
    await stableByCookie(walk);
  },
};

async function mixedBuilds(walk: Walk): Promise<void> {
  walk.report.sent('40 visits: the page, then the stylesheet and the script that it names');
  const visits = await Promise.all(times(40, () => visit(walk, () => ({}))));
  const builds = new Set(visits.map(({ build }) => build));
  const missing = sum(visits);
  await walk.check(same('builds of the page seen', 'green, white', [...builds].sort().join(', ')), {
    what: 'assets answered 404',
    expected: '> 0 (the problem)',
    seen: `${missing} of ${visits.length * 2}`,
    held: missing > 0,
  });
}

async function stableByHeader(walk: Walk): Promise<void> {
  await walk.apply('stable by header');
  walk.report.sent(`${USERS} users, each with a \`version\` header of their own, ${VISITS_EACH} visits each`);
  const users = await Promise.all(times(USERS, (user) => visits(walk, () => ({ version: `user-${user}` }))));
  const pods = users.map((of) => new Set(of.flatMap((one) => one.pods)));
  const used = new Set(pods.flatMap((of) => [...of]));
  await walk.check(
    same('assets answered 404', 0, sum(users.flat())),
    same('users who met one pod only', USERS, pods.filter(({ size }) => size === 1).length),
    { what: 'pods that users are spread over', expected: '≥ 2 of 3', seen: `${used.size} of 3`, held: used.size >= 2 },
  );
}

async function stableByCookie(walk: Walk): Promise<void> {
  await walk.apply('stable by cookie');
  walk.report.sent(`${USERS} browsers, which keep cookies, ${VISITS_EACH} visits each`);
  const users = await Promise.all(times(USERS, () => browser(walk)));
  const missing = users.reduce((total, { all }) => total + sum(all), 0);
  await walk.check(
    same('browsers that were given a cookie', USERS, users.filter(({ cookie }) => cookie !== '').length),
    same('assets answered 404', 0, missing),
  );
}

async function browser(walk: Walk): Promise<{ cookie: string; all: Visit[] }> {
  let cookie = '';
  const headers = (): Record<string, string> => (cookie === '' ? {} : { cookie });
  const keep = (reply: Reply): void => {
    cookie = reply.headers['set-cookie']?.split(';', 1)[0] ?? cookie;
  };
  return { all: await visits(walk, headers, keep), cookie };
}

async function visits(walk: Walk, headers: () => Record<string, string>, keep?: (reply: Reply) => void): Promise<Visit[]> {
  const all: Visit[] = [];
  for (let count = 0; count < VISITS_EACH; count++) all.push(await visit(walk, headers, keep));
  return all;
}

async function visit(walk: Walk, headers: () => Record<string, string>, keep: (reply: Reply) => void = () => {}): Promise<Visit> {
  const get = (path: string): Call => ({ url: walk.gateway + path, headers: headers() });
  const [page] = (await walk.fromOutside([get('/')], { perSecond: 1 })) as [Reply];
  keep(page);
  const named = [...page.body.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, path]) => path as string);
  const assets = await walk.fromOutside(named.map(get), { perSecond: 1000 });
  return {
    build: /<strong id="build">(\w+)</.exec(page.body)?.[1] ?? `status ${page.error || page.status}`,
    pods: [page, ...assets].map((reply) => reply.headers['x-served-by'] ?? 'nobody'),
    missing: named.length === 0 ? 1 : assets.filter(({ status }) => status !== 200).length,
  };
}

function sum(all: readonly Visit[]): number {
  return all.reduce((total, { missing }) => total + missing, 0);
}
