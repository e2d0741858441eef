/** The senders against HTTP and gRPC servers: what is on the wire is read with the protocols' own definitions. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import type { ExporterConfig } from '../../../src/agent/model/compile/index.ts';
import { collectorAddress } from '../../../src/agent/telemetry/export/collector-address.ts';
import { openSpanSender } from '../../../src/agent/telemetry/export/sender.ts';
import type { Span } from '../../../src/l7/tracing/span.ts';
import { SpanLine } from '../../../src/l7/tracing/span-line.ts';
import { writeSpan } from '../../l7/tracing/write-span.ts';

const SPAN: Span[] = [
  {
    traceId: '463ac35c9f6413ad48485a3953bb6124',
    spanId: 'a2fb4a1d1a96d312',
    parentId: '0020000000000001',
    kind: 'server',
    name: 'web.default.svc.cluster.local:80/*',
    service: 'web.default',
    startMs: 1_700_000_000_123.5,
    durationMs: 2.25,
    tags: [
      ['http.method', 'GET'],
      ['user_agent', '"\u00e9'],
      ['error', 'true'],
    ],
    failed: true,
  },
];

/** Without its end. */
function lineOf(span: Span): Buffer {
  const line = new SpanLine();
  writeSpan(line, span);
  return Buffer.from(line.bytes.subarray(0, line.length - 1));
}

const SPANS = SPAN.map(lineOf);

const config = (protocol: ExporterConfig['protocol'], path = '/v1/traces'): ExporterConfig => ({
  name: 'p',
  protocol,
  host: 'collector.tools',
  port: 1,
  path,
  headers: [['x-key', 'secret']],
  timeoutMs: 60_000,
});

interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

async function collector(t: Test, status = 200) {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return { got, address: { ip: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}

t.test('Zipkin', async (t) => {
  const { got, address } = await collector(t, 202);
  const sender = await openSpanSender(config('zipkin', '/api/v2/spans'), address);
  t.teardown(() => sender.close());
  await sender.send(SPANS);
  t.equal(got[0]?.path, '/api/v2/spans');
  t.equal(got[0]?.headers['content-type'], 'application/json');
  t.equal(got[0]?.headers.host, 'collector.tools:1');
  t.same(JSON.parse(String(got[0]?.body)), [
    {
      traceId: '463ac35c9f6413ad48485a3953bb6124',
      id: 'a2fb4a1d1a96d312',
      parentId: '0020000000000001',
      kind: 'SERVER',
      name: 'web.default.svc.cluster.local:80/*',
      timestamp: 1_700_000_000_123_500,
      duration: 2250,
      localEndpoint: { serviceName: 'web.default' },
      tags: { 'http.method': 'GET', user_agent: '"\u00e9', error: 'true' },
    },
  ]);
});

t.test('a collector that refuses, and one that is not there', async (t) => {
  const { address } = await collector(t, 500);
  const refused = await openSpanSender(config('zipkin'), address);
  await t.rejects(refused.send(SPANS), { message: /answered 500/ });
  refused.close();
  const gone = await openSpanSender(config('zipkin'), { ip: '127.0.0.1', port: 1 });
  await t.rejects(gone.send(SPANS), { code: 'ECONNREFUSED' });
  gone.close();
});

/** A field of a protobuf message by its number, of type bytes. */
function fields(message: Buffer, wanted: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const type = tag & 7;
    if (type === 2) {
      const length = varint();
      if (tag >> 3 === wanted) found.push(message.subarray(at, at + length));
      at += length;
    } else if (type === 0) varint();
    else at += type === 1 ? 8 : 4;
  }
  return found;
}

/** ExportTraceServiceRequest → ResourceSpans → ScopeSpans → Span (opentelemetry-proto, trace/v1). */
function spanIn(request: Buffer) {
  const [resourceSpans = Buffer.alloc(0)] = fields(request, 1);
  const [scopeSpans = Buffer.alloc(0)] = fields(resourceSpans, 2);
  const [span = Buffer.alloc(0)] = fields(scopeSpans, 2);
  return {
    service: String(fields(resourceSpans, 1)[0]),
    traceId: fields(span, 1)[0]?.toString('hex'),
    spanId: fields(span, 2)[0]?.toString('hex'),
    parentId: fields(span, 4)[0]?.toString('hex'),
    name: String(fields(span, 5)[0]),
  };
}

const EXPECTED = {
  service: /service\.name[^]*web\.default/,
  traceId: '463ac35c9f6413ad48485a3953bb6124',
  spanId: 'a2fb4a1d1a96d312',
  parentId: '0020000000000001',
  name: 'web.default.svc.cluster.local:80/*',
};

t.test('OTLP by HTTP', async (t) => {
  const { got, address } = await collector(t);
  const sender = await openSpanSender(config('otlp-http'), address);
  t.teardown(() => sender.close());
  await sender.send(SPANS);
  t.equal(got[0]?.path, '/v1/traces');
  t.equal(got[0]?.headers['x-key'], 'secret');
  t.match(spanIn(got[0]?.body ?? Buffer.alloc(0)), EXPECTED);
});

t.test('OTLP by gRPC', async (t) => {
  const got: { readonly request: Buffer; readonly key: string }[] = [];
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  server.addService(
    {
      Export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      Export: (call: { request: Buffer; metadata: { get(key: string): unknown[] } }, done: (error: null, response: Buffer) => void) => {
        got.push({ request: call.request, key: String(call.metadata.get('x-key')[0]) });
        done(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((done, failed) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? done(bound) : failed(error)));
  });
  t.teardown(() => server.forceShutdown());
  const sender = await openSpanSender(config('otlp-grpc'), { ip: '127.0.0.1', port });
  t.teardown(() => sender.close());
  await sender.send(SPANS);
  t.equal(got[0]?.key, 'secret');
  t.match(spanIn(got[0]?.request ?? Buffer.alloc(0)), EXPECTED);
});

t.test('where a collector is', async (t) => {
  const endpoint = { address: '10.0.0.5', port: 19411 };
  const endpoints = new Map([['outbound|9411||zipkin.tools.svc.cluster.local', [endpoint]]]);
  const means = {
    snapshot: () => ({ endpoints }) as never,
    clusterDomain: 'cluster.local',
    lookup: async (name: string) => ({ addresses: name === 'known.example' ? ['192.0.2.1', '192.0.2.2'] : [], ttlSeconds: 1 }),
  };
  for (const host of ['zipkin.tools.svc.cluster.local', 'zipkin.tools.svc', 'zipkin.tools']) {
    t.same(await collectorAddress(means, host, 9411), { ip: '10.0.0.5', port: 19411 }, host);
  }
  t.same(await collectorAddress(means, 'known.example', 9411), { ip: '192.0.2.1', port: 9411 });
  t.same(await collectorAddress(means, '2001:db8::1', 9411), { ip: '2001:db8::1', port: 9411 });
  t.equal(await collectorAddress(means, 'unknown.example', 9411), null);
  t.equal(await collectorAddress({ ...means, snapshot: () => null }, 'zipkin.tools', 9411), null);
});
