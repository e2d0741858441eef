/** What keeps a fault where it is: a circuit breaker, which leaves pods alone that fail, and a bulkhead, which limits who waits. */
import { analysis, times } from '../calls.ts';
import { same, within } from '../checks.ts';
import { outcomes, slowest, withStatus } from '../replies.ts';
import type { Reply } from '../traffic.ts';
import type { Walk } from '../walk.ts';
import type { Step } from './step.ts';

const SENTENCES = 200;
const PER_SECOND = 50;
const BURST = 30;
/** Two connections and one request that waits. */
const SERVED = 3;
const DELAY_SECONDS = 3;

export const circuitBreaker: Step = {
  title: 'Circuit breaker: a pod that fails is left alone',
  why: 'Half of the pods of the logic are of the faulty release now, and all get their share. With detection of outliers the first error of a pod is the last one that users see of it for a minute.',
  async prepare(walk) {
    await walk.delete('timeouts and retries', 'retry policy');
    await walk.apply('all releases');
  },
  async walk(walk) {
    const before = await sentences(walk, SENTENCES);
    const failed = SENTENCES - withStatus(before, 200).length;
    await walk.check({
      what: 'sentences that failed',
      expected: '> 20 (the problem)',
      seen: `${failed} of ${SENTENCES}`,
      held: failed > 20,
    });
    await walk.apply('circuit breaker');
    // Every faulty pod has to fail once.
    await sentences(walk, SENTENCES / 2);
    const after = await sentences(walk, SENTENCES);
    await walk.check(
      same('once each faulty pod has failed', `200 × ${SENTENCES}`, outcomes(after)),
      within('longest wait', 1 + walk.sleepSeconds / 3, slowest(after)),
    );
  },
};

export const bulkhead: Step = {
  title: 'Bulkhead: one slow service does not take the others with it',
  why: 'The logic takes three seconds for everything. Without limits whoever asks waits; with them two sentences are on their way and one waits, whatever worker of the agent they come to, and the rest is refused at once. The page is not concerned.',
  async prepare(walk) {
    await walk.delete('all releases', 'circuit breaker', 'faulty release');
    await walk.apply('slow logic');
  },
  async walk(walk) {
    const before = await burst(walk);
    const waiting = before.filter(({ seconds }) => seconds >= DELAY_SECONDS).length;
    await walk.check(same(`who waited for ${DELAY_SECONDS} s (the problem)`, BURST, waiting));
    await walk.apply('bulkhead');
    const [after, page] = await Promise.all([burst(walk), pages(walk)]);
    const refused = withStatus(after, 503);
    const told = refused.filter(({ headers }) => headers['x-envoy-overloaded'] === 'true').length;
    await walk.check(
      same('answered', SERVED, withStatus(after, 200).length),
      same('refused, with x-envoy-overloaded', BURST - SERVED, told),
      within('longest wait of those', walk.sleepSeconds / 10, slowest(refused)),
      same('the page, meanwhile', '200 × 20', outcomes(page)),
      within('longest wait for it', walk.sleepSeconds / 10, slowest(page)),
    );
  },
};

function sentences(walk: Walk, count: number): Promise<Reply[]> {
  walk.report.sent(`${count} sentences, ${PER_SECOND} a second`);
  return walk.fromOutside(
    times(count, () => analysis(walk.gateway)),
    { perSecond: PER_SECOND },
  );
}

function burst(walk: Walk): Promise<Reply[]> {
  walk.report.sent(`${BURST} sentences within a third of a second`);
  return walk.fromOutside(
    times(BURST, () => analysis(walk.gateway)),
    { perSecond: 100 },
  );
}

function pages(walk: Walk): Promise<Reply[]> {
  walk.report.sent('the page, 20 times');
  return walk.fromOutside(
    times(20, () => ({ url: walk.gateway })),
    { perSecond: 50 },
  );
}
