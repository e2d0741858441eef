/** A faulty release of the logic: tried on copies, then on one request in five, then with patience that ends. */
import { setTimeout as delay } from 'node:timers/promises';
import { SHARES } from '../../services/logic/draws.ts';
import { type Reply } from '../traffic.ts';
import { analysis, times } from '../calls.ts';
import { same, share, within } from '../checks.ts';
import { outcomes, slowest, withStatus } from '../replies.ts';
import type { Walk } from '../walk.ts';
import type { Step } from './step.ts';

const REQUESTS = 600;
/** Far from what the pods can take, also on a slow machine. */
const PER_SECOND = 100;
const CANARY_WEIGHT = 0.2;
/** For what the pods write down to be read. */
const LOGGED_LIMIT_MS = 60_000;

const { success: ok, 'slow error': slow } = SHARES;
const bad = 1 - ok;
const WITHOUT_RETRIES = 1 - CANARY_WEIGHT * bad;
/** Four attempts fit in 8 s as long as at most two of them last 3 s: all outcomes of the first three are bad, but not all three slow. */
const RETRIED = 1 - CANARY_WEIGHT * (1 - ok * (1 + bad + bad ** 2 + bad ** 3 - slow ** 3));

export const shadowing: Step = {
  title: 'Shadowing: the faulty release gets copies, and nobody notices',
  why: 'Of v2 one request in three fails, one in three takes 30 s and fails then. It works on copies of the traffic; its answers are thrown away.',
  prepare: (walk) => walk.apply('subsets', 'shadowing', 'faulty release'),
  async walk(walk) {
    const [v1, v2] = [analysed(walk, 'v1'), analysed(walk, 'v2')];
    walk.report.sent('100 sentences, 50 a second');
    const replies = await walk.fromOutside(sentences(walk, 100), { perSecond: 50 });
    const logged = (): boolean => analysed(walk, 'v1') - v1 >= 100 && analysed(walk, 'v2') - v2 >= 100;
    for (const deadline = performance.now() + LOGGED_LIMIT_MS; !logged() && performance.now() < deadline;) await delay(100);
    await walk.check(
      same('what users got', '200 × 100', outcomes(replies)),
      same('requests at v1', 100, analysed(walk, 'v1') - v1),
      same('copies at v2', 100, analysed(walk, 'v2') - v2),
      within('longest wait', margin(walk), slowest(replies)),
    );
  },
};

export const canary: Step = {
  title: 'Canary: one request in five meets the faulty release',
  why: 'Without patience set, users of v2 wait 30 s for nothing, which is also what this step takes. The next one cures it.',
  prepare: (walk) => walk.apply('canary'),
  async walk(walk) {
    const v2 = analysed(walk, 'v2');
    const replies = await measured(walk);
    const failed = replies.filter(({ status }) => status !== 200);
    const waited = replies.filter(({ seconds }) => seconds >= walk.sleepSeconds);
    await walk.check(
      share('requests that met v2', CANARY_WEIGHT, analysed(walk, 'v2') - v2, replies.length),
      share('answered 200', WITHOUT_RETRIES, withStatus(replies, 200).length, replies.length),
      same('all others', `500 × ${failed.length}`, outcomes(failed)),
      share(`waited for ${walk.sleepSeconds} s`, CANARY_WEIGHT * slow, waited.length, replies.length),
    );
  },
};

export const retries: Step = {
  title: 'Timeouts and retries',
  why: 'Today’s Istio retries no answer of an application unless `retryOn` asks for it: waiting ends after 3 s, success stays. With the default policy that Istio 1.0 had, a failed or slow attempt is repeated, on the same version.',
  prepare: (walk) => walk.apply('timeouts and retries'),
  async walk(walk) {
    const today = await measured(walk);
    await walk.check(
      share('answered 200, in today’s profile', WITHOUT_RETRIES, withStatus(today, 200).length, today.length),
      within('longest wait', 3 + margin(walk), slowest(today)),
    );
    await walk.apply('retry policy');
    const article = await measured(walk);
    await walk.check(
      share('answered 200, with 5xx retried', RETRIED, withStatus(article, 200).length, article.length),
      within('longest wait', 8 + margin(walk), slowest(article)),
    );
  },
};

/** Seconds that a busy machine may add to a limit of the mesh: far less than what users wait without that limit. */
function margin({ sleepSeconds }: Walk): number {
  return sleepSeconds / 3;
}

function measured(walk: Walk): Promise<Reply[]> {
  walk.report.sent(`${REQUESTS} sentences, ${PER_SECOND} a second, whether answered or not`);
  return walk.fromOutside(sentences(walk, REQUESTS), { perSecond: PER_SECOND });
}

function sentences(walk: Walk, count: number): ReturnType<typeof analysis>[] {
  return times(count, () => analysis(walk.gateway));
}

function analysed(walk: Walk, version: string): number {
  const pods = walk.cluster.pods.filter(({ place }) => place.labels['app'] === 'sa-logic' && place.labels['version'] === version);
  return pods.reduce((total, pod) => total + pod.received('/analyse'), 0);
}
