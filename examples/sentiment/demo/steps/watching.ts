/** What there is to see without a change to the application: metrics, a trace, lines of the access log, and the agent's own answers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { analysis, times } from '../calls.ts';
import { same } from '../checks.ts';
import { DIRECTORY } from '../leftovers.ts';
import { outcomes } from '../replies.ts';
import { SpanCollector } from '../span-collector.ts';
import type { Walk } from '../walk.ts';
import type { Step } from './step.ts';

const SENTENCES = 20;
/** Gateway, and client and server of each hop behind it; the gateway has a span of its own for each side. */
const SPANS = 5;
/** Of each sentence: both sides of both hops. */
const LINES = 4;
const LOG = join(DIRECTORY, 'logs', 'access.log');
const PATIENCE_MS = 20_000;
const PAUSE_MS = 100;

export const watching: Step = {
  title: 'See it: metrics, a trace, the access log, and answers to "why?"',
  why: "Istio's metrics for both sides of each hop are there all the time. Two objects turn on access logs and traces. And the agent answers what none of them says: what happens now, who talks to whom, and what would become of a request.",
  async prepare(walk) {
    await walk.delete('slow logic', 'bulkhead');
    await walk.apply('telemetry');
  },
  async walk(walk) {
    const collector = await SpanCollector.open();
    try {
      await tapped(walk);
      const requestId = await logged(walk);
      await traced(walk, collector, requestId);
      await asked(walk);
    } finally {
      collector.close();
    }
  },
};

/** Sentences are sent until the tap has seen what it was to see: it says nothing when it begins to look. */
async function tapped(walk: Walk): Promise<void> {
  const tap = { done: false };
  const shown = walk.nodeway('tap', '--path', '/analyse', '--count', '1').finally(() => (tap.done = true));
  while (!tap.done) await walk.fromOutside([analysis(walk.gateway)], { perSecond: 1 });
  await walk.check(same('tap: a request of the web app', 'there', seen(/sa-web-app-\d+ -> default\/sa-logic-\d+/, await shown)));
}

/** Resolves with the id of the last request. */
async function logged(walk: Walk): Promise<string> {
  const counted = await requests(walk);
  const since = new Date().toISOString();
  walk.report.sent(`${SENTENCES} sentences at the gateway address`);
  const replies = await walk.fromOutside(
    times(SENTENCES, () => analysis(walk.gateway)),
    { perSecond: 50 },
  );
  await until(async () => (await lines(since)).length >= LINES * SENTENCES);
  const own = await lines(since);
  const last = own.at(-1) ?? '';
  walk.report.command(`tail -n 1 ${LOG}`);
  walk.report.output(last);
  const metrics = await requests(walk);
  walk.report.sent('istio_requests_total in /metrics, by some of its labels');
  for (const [series, count] of metrics) walk.report.output(`${String(count).padStart(4)} ${series}`);
  const grown = [...metrics].map(([series, count]) => count - (counted.get(series) ?? 0));
  await walk.check(
    same('answered', `200 × ${SENTENCES}`, outcomes(replies)),
    same('lines: both sides of both hops', LINES * SENTENCES, own.length),
    same('counted by each of the four', Array(LINES).fill(SENTENCES).join(' '), grown.filter((count) => count > 0).join(' ')),
  );
  return /"([0-9a-f-]{36})"/.exec(last)?.[1] ?? '';
}

async function traced(walk: Walk, collector: SpanCollector, requestId: string): Promise<void> {
  await until(async () => collector.trace(requestId).length >= SPANS);
  const trace = collector.trace(requestId);
  walk.report.sent("the trace of that request, as a collector of Zipkin's format got it");
  for (const { span, depth } of trace) {
    const { kind, localEndpoint, name, duration } = span;
    const milliseconds = (duration / 1000).toFixed(1);
    walk.report.output(`${'  '.repeat(depth)}${milliseconds} ms ${kind.toLowerCase()} ${localEndpoint.serviceName}: ${name}`);
  }
  await walk.check(same('spans, each the child of the one before', '0 1 2 3 4', trace.map(({ depth }) => depth).join(' ')));
}

async function asked(walk: Walk): Promise<void> {
  const explained = await walk.nodeway('explain', 'default/sa-web-app-1', 'POST', 'http://sa-logic/analyse/sentiment');
  const top = await walk.nodeway('top', '--count', '1');
  await walk.check(
    same(
      'explain: chances of the pods of the logic',
      '50% 50%',
      [...explained.matchAll(/^ +(\d+%)/gm)].map(([, chance]) => chance).join(' '),
    ),
    same('top: its calls of the logic', 'there', seen(/sa-web-app\.default +sa-logic\.default/, top)),
  );
}

const seen = (pattern: RegExp, text: string): string => (pattern.test(text) ? 'there' : 'not there');

/** Of requests that came since then; those of earlier ones may still be on their way to the file. */
async function lines(since: string): Promise<string[]> {
  const all = (await readFile(LOG, 'utf8').catch(() => '')).split('\n');
  return all.filter((line) => line !== '' && line.slice(1, 1 + since.length) >= since);
}

/** Of the web app and the logic, by reporter and both peers. */
async function requests(walk: Walk): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const [, labels = '', value] of (await walk.agent.metrics()).matchAll(/^istio_requests_total\{(.*)\} (\d+)$/gm)) {
    const shown = ['reporter', 'source_workload', 'destination_workload', 'response_code'].map(
      (label) => new RegExp(`(?:^|,)(${label}="[^"]*")`).exec(labels)?.[1] ?? '',
    );
    if (!/destination_workload="sa-(logic|web-app)"/.test(labels) || !labels.includes('response_code="200"')) continue;
    const series = shown.join(' ');
    counts.set(series, (counts.get(series) ?? 0) + Number(value));
  }
  return counts;
}

/** What is not there in time is told by the check that follows. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end && !(await condition());) await delay(PAUSE_MS);
}
