/**
 * A request through the demonstration's application, whose web-app passes the headers of a trace on: a real Zipkin server has the complete
 * trace client → gateway → sa-web-app → sa-logic with the right parents, and so has a receiver of OTLP made from the official protobuf
 * definitions, over HTTP and over gRPC, which also gets the access logs of both sides. Needs root.
 */
import { fileURLToPath } from 'node:url';
import { analysis } from '../../examples/sentiment/demo/calls.ts';
import type { KubeObject } from '../../examples/sentiment/demo/manifests.ts';
import { sendOne } from '../../examples/sentiment/demo/traffic.ts';
import { freePorts } from '../base/free-ports.ts';
import { until } from '../node/pod-network.ts';
import { type CollectedSpan, COMPLETE, otlpLogs, otlpSpans, placesOf, traceOf, zipkinSpans } from './collected-spans.ts';
import { canMakePods } from './places.ts';
import { start, stopAll } from './processes.ts';
import { meshObject, type Sentiment, startSentiment, telemetryObject } from './sentiment.ts';

const RECEIVER = fileURLToPath(new URL('otlp-receiver.py', import.meta.url));
/** A client that traces by itself. */
const CLIENT = { trace: '463ac35c9f6413ad48485a3953bb6124', span: 'a2fb4a1d1a96d312' };

interface Collector {
  readonly provider: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly spans: () => Promise<CollectedSpan[]>;
}

/** What is applied for one of them. */
type Settings = (provider: string) => readonly KubeObject[];

interface Heard {
  readonly wire: string;
  readonly request: unknown;
}

let passed = 0;
let failed = 0;

function check(what: string, expected: unknown, seen: unknown): void {
  const [wanted, found] = [JSON.stringify(expected), JSON.stringify(seen)];
  if (wanted === found) passed++;
  else failed++;
  console.log(wanted === found ? `ok     ${what}` : `FAILED ${what}\n       expected ${wanted}\n       seen     ${found}`);
}

async function get(url: string): Promise<unknown> {
  const response = await fetch(url, { headers: { connection: 'close' } }).catch(() => null);
  return response?.ok === true ? response.json() : null;
}

/** Of a client without a trace, whose trace begins at the gateway, and of one with a trace, which goes on. */
async function tryCollector(sentiment: Sentiment, settings: Settings, { provider, headers, spans }: Collector): Promise<void> {
  await sentiment.apply(...settings(provider));
  for (const [kind, own] of Object.entries({ new: {}, known: headers })) {
    const call = analysis(sentiment.url);
    const url = `/sentiment?by=${provider}-${kind}`;
    const { status } = await sendOne({ ...call, url: sentiment.url + url, headers: { ...call.headers, ...own } });
    check(`${provider}, ${kind}: answered`, 200, status);
    let chain: CollectedSpan[] = [];
    const collected = until(async () => (chain = traceOf(await spans(), url)).length >= COMPLETE.length, `the trace at ${provider}`);
    await collected.catch(() => {}); // what is missing is said below
    check(`${provider}, ${kind}: every hop is the child of the one before`, COMPLETE, placesOf(chain));
    const [first] = chain;
    if (kind === 'new') check(`${provider}, ${kind}: the gateway begins it`, '', first?.parentId);
    else check(`${provider}, ${kind}: the client's goes on`, CLIENT, { trace: first?.traceId, span: first?.parentId });
  }
}

/** Both sides of both hops of the last request, each with the span of who tells of it. */
async function tryLogs(heard: () => Promise<readonly Heard[]>): Promise<void> {
  const expected = [
    '/sentiment?by=grpc-known 200 outbound|80||sa-web-app.default.svc.cluster.local',
    '/sentiment?by=grpc-known 200 inbound|8080||',
    '/analyse/sentiment 200 outbound|80||sa-logic.default.svc.cluster.local',
    '/analyse/sentiment 200 inbound|5000||',
  ].sort();
  let seen: string[] = [];
  const collected = until(async () => {
    const requests = (await heard()).filter(({ wire }) => wire === 'grpc').map(({ request }) => request);
    // Requests before this one were of the same trace, and their spans went elsewhere.
    const spans = new Set(requests.flatMap((request) => otlpSpans(request)).map(({ id }) => id));
    const records = requests.flatMap((request) => otlpLogs(request));
    const own = records.filter(({ traceId, spanId }) => traceId === CLIENT.trace && spans.has(spanId));
    seen = [...new Set(own.map(({ body, attributes }) => `${body} ${attributes['code']} ${attributes['to']}`))].sort();
    return expected.every((line) => seen.includes(line));
  }, 'records of access logs');
  await collected.catch(() => {}); // what is missing is said below
  check(
    'access logs: each side of each hop, with the trace and its own span',
    expected,
    seen.filter((line) => !line.includes('-known') || line.includes('grpc-known')),
  );
}

async function tryAll(sentiment: Sentiment): Promise<void> {
  const [zipkin = 0, http = 0, grpc = 0] = await freePorts(3);
  start('java', ['-Xmx256m', '-jar', process.env['ZIPKIN'] ?? ''], { QUERY_PORT: String(zipkin), STORAGE_TYPE: 'mem' });
  start('python3', [RECEIVER, String(http), String(grpc)], { PYTHONPATH: process.env['OTLP_PACKAGES'] ?? '' });
  const zipkinUrl = `http://127.0.0.1:${zipkin}`;
  const heardUrl = `http://127.0.0.1:${http}/heard`;
  await until(async () => (await get(`${zipkinUrl}/health`)) !== null, 'Zipkin is up', 180_000);
  await until(async () => (await get(heardUrl)) !== null, 'the receiver of OTLP is up');
  const service = '127.0.0.1';
  const extensionProviders = [
    { name: 'zipkin', zipkin: { service, port: zipkin } },
    { name: 'http', opentelemetry: { service, port: http, http: { path: '/v1/traces' } } },
    { name: 'grpc', opentelemetry: { service, port: grpc } },
    {
      name: 'logs',
      envoyOtelAls: {
        service,
        port: grpc,
        logFormat: { text: '%REQ(:PATH)%', labels: { code: '%RESPONSE_CODE%', to: '%UPSTREAM_CLUSTER%' } },
      },
    },
  ];
  const settings: Settings = (name) => [
    meshObject({ extensionProviders }),
    telemetryObject({
      tracing: [{ providers: [{ name }], randomSamplingPercentage: 100 }],
      accessLogging: [{ providers: [{ name: 'logs' }] }],
    }),
  ];
  const heard = async (wire: string): Promise<CollectedSpan[]> => {
    const messages = (await get(heardUrl)) as readonly Heard[];
    return messages.filter((message) => message.wire === wire).flatMap(({ request }) => otlpSpans(request));
  };
  const traceparent = `00-${CLIENT.trace}-${CLIENT.span}-01`;
  const b3 = { 'x-b3-traceid': CLIENT.trace, 'x-b3-spanid': CLIENT.span, 'x-b3-sampled': '1' };
  const fromZipkin = async (): Promise<CollectedSpan[]> => zipkinSpans(await get(`${zipkinUrl}/api/v2/traces?limit=100`));
  await tryCollector(sentiment, settings, { provider: 'zipkin', headers: b3, spans: fromZipkin });
  await tryCollector(sentiment, settings, { provider: 'http', headers: { traceparent }, spans: () => heard('http') });
  await tryCollector(sentiment, settings, { provider: 'grpc', headers: { traceparent }, spans: () => heard('grpc') });
  await tryLogs(async () => (await get(heardUrl)) as readonly Heard[]);
  const dropped = /^nodeway_exporter_(?:spans|log_records)_total\{.*result="(?:dropped|failed)"\} [^0]/m.exec(
    await sentiment.agent.metrics(),
  );
  check('no span and no record was lost', null, dropped);
}

if (canMakePods()) {
  const sentiment = await startSentiment();
  try {
    await tryAll(sentiment);
  } finally {
    stopAll();
    await sentiment.close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}
