/**
 * Prometheus watches the demonstration's application under a steady load: the edges of Kiali's graph are there from both reporters with all
 * labels, counts are what was sent, rates what was sent a second, and each panel of our own dashboards has an answer. Then so are edges of
 * gRPC and of bytes (prometheus-protocols.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { analysis, times } from '../../examples/sentiment/demo/calls.ts';
import { sendAll } from '../../examples/sentiment/demo/traffic.ts';
import { freePorts } from '../base/free-ports.ts';
import { until } from '../node/pod-network.ts';
import { dashboardExpressions } from './dashboards.ts';
import { graphQueries, lackingLabels } from './kiali.ts';
import { tryProtocols } from './prometheus-protocols.ts';
import { type Query, startPrometheus } from './prometheus-server.ts';
import { type Sentiment, startSentiment } from './sentiment.ts';

const DASHBOARDS = fileURLToPath(new URL('../../deploy/grafana/', import.meta.url));
const PER_SECOND = 20;
const SECONDS = 20;
/** Prometheus extrapolates from its scrapes to the ends of the window. */
const TOLERANCE = 0.15;
const WINDOW_SECONDS = 10;

type Check = (holds: boolean, fault: string) => void;

/** Needs root. @param directory for Prometheus. */
export async function watchPods(directory: string, check: Check): Promise<void> {
  const sentiment = await startSentiment();
  try {
    const [port = 0] = await freePorts(1);
    const query = await startPrometheus(directory, port, sentiment.metricsPort);
    await until(async () => (await query('nodeway_ready == 1')).length === 1, 'the agent is scraped');
    await compareRates(sentiment, query, check);
    await tryGraph(query, check);
    await tryOwnDashboards(query, check);
    await tryProtocols(sentiment, query, check);
  } finally {
    await sentiment.close();
  }
}

const asked = (reporter: string, service: string): string =>
  `istio_requests_total{reporter="${reporter}",destination_service="${service}.default.svc.cluster.local",response_code="200"}`;
const PAIRS = ['source', 'destination'].flatMap((reporter) => ['sa-web-app', 'sa-logic'].map((service) => asked(reporter, service)));

async function compareRates(sentiment: Sentiment, query: Query, check: Check): Promise<void> {
  // The series are there before they are compared: what Prometheus has not seen at zero has no increase.
  await sendAll([analysis(sentiment.url)], { perSecond: 1 });
  await until(async () => (await Promise.all(PAIRS.map(query))).every((samples) => samples.length > 0), 'all series are scraped');
  const ends: number[] = [];
  const onReply = (): void => void ends.push(Date.now());
  const sending = sendAll(
    times(PER_SECOND * SECONDS, () => analysis(sentiment.url)),
    { perSecond: PER_SECOND, onReply },
  );
  await until(() => ends.length >= PER_SECOND * (WINDOW_SECONDS + 3), 'the load is steady');
  const seen = await Promise.all(PAIRS.map(async (series) => (await query(`sum(rate(${series}[${WINDOW_SECONDS}s]))`))[0]));
  PAIRS.forEach((series, index) => {
    const [at = 0, rate = '0'] = seen[index]?.value ?? [];
    const sent = ends.filter((end) => end <= at * 1000 && end > (at - WINDOW_SECONDS) * 1000).length / WINDOW_SECONDS;
    const holds = Math.abs(Number(rate) - sent) <= TOLERANCE * sent;
    check(holds, `rate of ${series}: ${rate}, and ${sent} a second were answered`);
  });
  const replies = await sending;
  check(
    replies.every(({ status }) => status === 200),
    'not all requests were answered',
  );
  const total = 1 + replies.length;
  const counts = (): Promise<number[]> => Promise.all(PAIRS.map(async (series) => Number((await query(`sum(${series})`))[0]?.value[1])));
  await until(async () => (await counts()).every((count) => count === total), `all series count ${total}`).catch(async () => {
    check(false, `${PAIRS.join(' ')} count ${(await counts()).join(' ')}, and ${total} is true`);
  });
  console.log(`${total} requests at ${PER_SECOND} a second: counted by both reporters of both services`);
}

async function tryGraph(query: Query, check: Check): Promise<void> {
  const { unserved, incoming, outgoing } = graphQueries('default', '60s');
  const edges = new Set<string>();
  for (const [reporter, expression] of Object.entries({ destination: incoming, source: outgoing, unserved })) {
    for (const { metric } of await query(expression)) {
      const lacking = lackingLabels(metric);
      check(lacking.length === 0, `Kiali needs ${lacking.join(', ')} of ${JSON.stringify(metric)}`);
      edges.add(`${reporter}: ${metric['source_workload']} to ${metric['destination_workload']}`);
    }
  }
  const expected = [
    'destination: istio-ingressgateway to sa-web-app',
    'destination: sa-web-app to sa-logic',
    'source: sa-web-app to sa-logic',
  ];
  check(JSON.stringify([...edges].sort()) === JSON.stringify(expected), `Kiali's edges are ${[...edges].join(', ')}`);
  console.log(`edges for Kiali: ${[...edges].join(', ')}`);
}

async function tryOwnDashboards(query: Query, check: Check): Promise<void> {
  for (const file of readdirSync(DASHBOARDS).filter((name) => name.endsWith('.json'))) {
    const expressions = dashboardExpressions(readFileSync(`${DASHBOARDS}${file}`, 'utf8'), 'sa-logic.default.svc.cluster.local');
    for (const expression of expressions) check((await query(expression)).length > 0, `deploy/grafana/${file}: no answer to ${expression}`);
    console.log(`deploy/grafana/${file}: ${expressions.length} expressions have an answer`);
  }
}
