import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { LineRing } from '../../../src/base/line-ring.ts';
import type { AccessLogConfig, LogCommand, LogLine, TracingConfig } from '../../../src/l7/config/telemetry.ts';
import type { Span } from '../../../src/l7/tracing/span.ts';
import { spanOf } from '../../../src/l7/tracing/span-line.ts';
import { endpointOf, get, identityOf, ok, OUTBOUND, podOf, Rig, route } from './rig.ts';

const ALWAYS = 10_000;

function tracing(more: Partial<TracingConfig> = {}): TracingConfig {
  return {
    provider: 'zipkin',
    propagation: 'b3',
    sampling: ALWAYS,
    useRequestId: true,
    report: true,
    propagate: true,
    maxPathLength: 256,
    fixedTags: [['istio.namespace', 'default']],
    headerTags: [],
    ...more,
  };
}

/** Has each span as soon as it is told. */
class SpanReader extends LineRing {
  readonly #spans: Span[];

  constructor(provider: string, spans: Span[]) {
    super();
    t.equal(provider, 'zipkin');
    this.#spans = spans;
  }

  override write(line: Buffer, length: number): boolean {
    const written = super.write(line, length);
    this.read((told) => this.#spans.push(spanOf(told)));
    return written;
  }
}

interface Setup {
  readonly caller?: TracingConfig | null;
  /** Of `web`, which is on the same node; undefined: it is not enrolled. */
  readonly callee?: TracingConfig | null;
  readonly ring?: LineRing;
  readonly accessLogs?: readonly AccessLogConfig[];
}

/** The enrolled pod `default/app` calls `web`. */
function podRig({ caller = tracing(), callee, ring, accessLogs = [] }: Setup = {}) {
  const spans: Span[] = [];
  const rig = new Rig({
    openSpanRing: (provider) => new SpanReader(provider, spans),
    ...(ring !== undefined && { openLogRing: () => ring }),
  }).cluster('web', []);
  const local = callee === undefined ? null : 'default/web';
  rig.apply({ endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', local), identity: identityOf('web') }] } });
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web', 'shop'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } },
  );
  const both = (config: TracingConfig | null) => ({
    telemetry: { outbound: { tracing: config, accessLogs }, inbound: { tracing: config, accessLogs } },
  });
  rig.apply({
    workloads: {
      'default/app': { ...podOf(), ...both(caller) },
      ...(callee === undefined
        ? {}
        : { 'default/web': { ...podOf(), addresses: ['10.0.0.1'], identity: identityOf('web'), ...both(callee) } }),
    },
  });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const log = rig.serve('10.0.0.1:8080', () => ok('web'));
  const ask = (headers = '', path = '/') => {
    rig.destinations.push({ ip: '10.96.0.1', port: 80 });
    rig.ask(get(path, headers), OUTBOUND);
    rig.advance(100);
    return headersOf(log.requests.at(-1) ?? '');
  };
  return { rig, spans, ask };
}

function headersOf(request: string): Record<string, string> {
  const lines = request
    .split('\r\n')
    .slice(1)
    .filter((line) => line.includes(': '));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]));
}

const TRACE = '463ac35c9f6413ad48485a3953bb6124';
const SPAN = 'a2fb4a1d1a96d312';
const PARENT = '0020000000000001';
const ID = '00000000-89ab-4def-8123-456789abcdef';

t.test('without a policy no header of a trace is touched', async (t) => {
  const { ask, spans } = podRig({ caller: null });
  const headers = ask(`x-b3-traceid: ${TRACE}\r\nb3: anything\r\n`);
  t.equal(headers['x-b3-traceid'], TRACE);
  t.equal(headers['b3'], 'anything');
  t.equal(headers['x-b3-spanid'], undefined);
  t.strictSame(spans, []);
});

t.test('a new trace: the span is its root, and the upstream gets it', async (t) => {
  const { ask, spans } = podRig();
  const headers = ask('user-agent: probe\r\n', '/things?x=1');
  const [span] = spans;
  t.equal(spans.length, 1);
  t.match(span, {
    kind: 'client',
    name: 'web.default.svc.cluster.local:80/*',
    service: 'app.default',
    parentId: '',
    failed: false,
  });
  t.equal(headers['x-b3-traceid'], span?.traceId);
  t.equal(headers['x-b3-spanid'], span?.spanId);
  t.equal(headers['x-b3-sampled'], '1');
  t.notOk(headers['x-b3-parentspanid']);
  const tags = Object.fromEntries(span?.tags ?? []);
  t.match(tags, {
    component: 'proxy',
    'http.method': 'GET',
    'http.url': 'http://shop/things?x=1',
    'http.status_code': '200',
    'http.protocol': 'HTTP/1.1',
    user_agent: 'probe',
    response_flags: '-',
    upstream_cluster: 'outbound|80||web.default.svc.cluster.local',
    upstream_address: '10.0.0.1:8080',
    'istio.namespace': 'default',
  });
  t.equal(tags['guid:x-request-id'], headers['x-request-id']);
  t.equal(headers['x-request-id']?.[14], '9', 'the decision stands in the id');
});

t.test('a B3 context goes on, and its decision holds', async (t) => {
  for (const [sampled, spansMade] of [
    ['1', 1],
    ['0', 0],
  ] as const) {
    const { ask, spans } = podRig({ caller: tracing({ sampling: sampled === '1' ? 0 : ALWAYS }) });
    const headers = ask(`x-b3-traceid: ${TRACE}\r\nx-b3-spanid: ${SPAN}\r\nx-b3-parentspanid: ${PARENT}\r\nx-b3-sampled: ${sampled}\r\n`);
    t.equal(headers['x-b3-traceid'], TRACE);
    t.equal(headers['x-b3-parentspanid'], SPAN);
    t.match(headers['x-b3-spanid'], /^[0-9a-f]{16}$/);
    t.not(headers['x-b3-spanid'], SPAN);
    t.equal(headers['x-b3-sampled'], sampled);
    t.equal(spans.length, spansMade);
    if (spansMade > 0) t.match(spans[0], { traceId: TRACE, parentId: SPAN });
  }
});

const NAMES = ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags', 'traceparent', 'tracestate'];

t.test('one header for all of B3 goes on as one, as with Envoy 1.40', async (t) => {
  const { ask, spans } = podRig();
  const headers = ask(`b3: ${TRACE}-${SPAN}-1-${PARENT}\r\n`);
  t.equal(headers['b3'], `${TRACE}-${spans[0]?.spanId}-1-${SPAN}`);
  t.strictSame(
    NAMES.filter((name) => name in headers),
    ['b3'],
    'two contexts would name two parents',
  );
  t.match(spans, [{ traceId: TRACE, parentId: SPAN }]);
  t.match(podRig().ask(`b3: ${SPAN}-${PARENT}-d\r\n`)['b3'], new RegExp(`^${SPAN}-[0-9a-f]{16}-1-${PARENT}$`), '64 bits, for debugging');
  t.match(podRig().ask('b3: 0\r\n')['b3'], /^[0-9a-f]{16}([0-9a-f]{16})-\1-0$/, 'a decision without a trace, whose span has no parent');
  const after = podRig();
  after.ask('b3: 1\r\n');
  t.equal(after.ask()['b3'], undefined, 'the next request of the connection has its own');
});

t.test('a callee of this node has its span in the one header, sampled or not', async (t) => {
  for (const sampling of [ALWAYS, 0]) {
    const { ask, spans } = podRig({ caller: tracing({ sampling }), callee: tracing({ sampling }) });
    const headers = ask(`b3: ${TRACE}-${SPAN}\r\n`);
    const [, span, parent] = new RegExp(`^${TRACE}-([0-9a-f]{16})-${sampling > 0 ? 1 : 0}-([0-9a-f]{16})$`).exec(headers['b3'] ?? '') ?? [];
    t.ok(span !== undefined && parent !== undefined && parent !== SPAN, 'its parent is its caller’s span');
    if (sampling > 0)
      t.match(spans, [
        { spanId: span, parentId: parent },
        { spanId: parent, parentId: SPAN },
      ]);
  }
});

t.test('ids of 64 bits stay so', async (t) => {
  const { ask, spans } = podRig();
  t.equal(ask(`x-b3-traceid: ${SPAN}\r\nx-b3-spanid: ${PARENT}\r\n`)['x-b3-traceid'], SPAN);
  t.equal(spans[0]?.traceId, SPAN);
});

t.test('W3C contexts: read, continued, tracestate kept', async (t) => {
  const { ask, spans } = podRig({ caller: tracing({ propagation: 'w3c', sampling: 0 }) });
  const headers = ask(`traceparent: 00-${TRACE}-${SPAN}-01\r\ntracestate: vendor=1\r\n`);
  t.match(headers['traceparent'], new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  t.equal(headers['tracestate'], 'vendor=1');
  t.match(spans, [{ traceId: TRACE, parentId: SPAN }]);
  t.match(ask(`traceparent: 00-${TRACE}-${SPAN}-00\r\n`)['traceparent'], /-00$/);
});

t.test('what is no context begins a new trace, and is replaced', async (t) => {
  const zero = '0'.repeat(32);
  for (const bad of [
    'x',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${zero}-${SPAN}-01`,
    `00-${TRACE}-${zero.slice(16)}-01`,
    `00-${TRACE.replace('4', 'g')}-${SPAN}-01`,
    `00_${TRACE}-${SPAN}-01`,
    ' ',
    '-'.repeat(5000),
  ]) {
    const { ask, spans } = podRig({ caller: tracing({ propagation: 'w3c' }) });
    const headers = ask(`traceparent: ${bad}\r\n`);
    t.match(headers['traceparent'], /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/, bad.slice(0, 20));
    t.not(spans[0]?.traceId, TRACE);
    t.equal(spans[0]?.parentId, '');
  }
  const later = podRig({ caller: tracing({ propagation: 'w3c' }) });
  t.match(later.ask(`traceparent: cc-${TRACE}-${SPAN}-01-what-comes\r\n`)['traceparent'], new RegExp(`^00-${TRACE}-`), 'a later version');
});

t.test('hostile B3 headers', async (t) => {
  for (const bad of [
    '',
    'x',
    '-',
    TRACE,
    `${TRACE}-`,
    `${TRACE}-${SPAN.slice(1)}`,
    `${'z'.repeat(32)}-${SPAN}-1`,
    '1-1-1-1',
    '\u00e9'.repeat(40),
  ]) {
    const { ask, rig } = podRig();
    t.match(ask(`b3: ${bad}\r\n`)['x-b3-traceid'], /^[0-9a-f]{32}$/, bad);
    t.strictSame(rig.log, []);
  }
});

const isSingle = (value: string, decision = '[01]'): boolean =>
  new RegExp(`^(?!0+-)([0-9a-f]{16}|[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-${decision}(-(?!0{16})[0-9a-f]{16})?$`).test(value);
const MORE = ['x-request-id', 'x-envoy-force-trace', 'x-client-trace-id'];

t.test('whatever headers of traces say, the application gets one context that is well formed', async () => {
  const piece = fc.oneof(
    fc.constantFrom(TRACE, SPAN, PARENT, '00', '01', 'ff', '-', '0', '1', 'd', 'true', ',', ' ', '\t', '0'.repeat(16), '0'.repeat(32), ID),
    fc.string({ maxLength: 3 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '\u00ff')),
    fc.integer({ min: 1, max: 6000 }).map((length) => 'a'.repeat(length)),
  );
  const value = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  const header = fc.tuple(fc.constantFrom(...NAMES, ...MORE), value).map(([name, text]) => `${name}: ${text}\r\n`);
  fc.assert(
    fc.property(fc.array(header, { maxLength: 8 }), fc.constantFrom('b3' as const, 'w3c' as const), (headers, propagation) => {
      const { ask, rig } = podRig({ caller: tracing({ propagation, sampling: 5000 }) });
      const got = ask(headers.join(''));
      if (rig.log.length > 0) return false;
      // A head that is too long is refused, and nothing is forwarded.
      if (got['host'] === undefined) return true;
      if (propagation === 'w3c') return /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/.test(got['traceparent'] ?? '');
      if (got['b3'] !== undefined) return isSingle(got['b3']) && got['x-b3-traceid'] === undefined;
      const { 'x-b3-traceid': trace = '', 'x-b3-spanid': span = '', 'x-b3-sampled': sampled = '' } = got;
      return /^(?!0+$)([0-9a-f]{16}|[0-9a-f]{32})$/.test(trace) && /^(?!0+$)[0-9a-f]{16}$/.test(span) && /^[01]$/.test(sampled);
    }),
    { numRuns: 300 },
  );
});

t.test('drawing by the id of the request', async (t) => {
  const half = tracing({ sampling: 5000 });
  // 0x00000000 and 0x00001387 = 4999 are below, 0x00001388 = 5000 is not.
  for (const [first, sampled] of [
    ['00000000', '1'],
    ['00001387', '1'],
    ['00001388', '0'],
  ] as const) {
    const { ask } = podRig({ caller: half });
    const headers = ask(`x-request-id: ${ID.replace('00000000', first)}\r\n`);
    t.equal(headers['x-b3-sampled'], sampled, first);
    t.equal(headers['x-request-id'], `${first}-89ab-${sampled === '1' ? '9' : '4'}def-8123-456789abcdef`);
  }
});

t.test('the decision of an earlier hop stands in the id; others can force one', async (t) => {
  const none = tracing({ sampling: 0 });
  const digit = (headers: string): string | undefined => podRig({ caller: none }).ask(headers)['x-request-id']?.[14];
  for (const earlier of ['9', 'a', 'b']) {
    const { ask } = podRig({ caller: none });
    const id = `00001388-89ab-${earlier}def-8123-456789abcdef`;
    const headers = ask(`x-request-id: ${id}\r\n`);
    t.equal(headers['x-request-id'], id);
    t.equal(headers['x-b3-sampled'], '1');
  }
  t.equal(digit('x-envoy-force-trace: 1\r\n'), 'a');
  t.equal(digit('x-client-trace-id: z\r\n'), 'b');
  t.equal(digit(''), '4');
  t.equal(podRig({ caller: none }).ask('x-request-id: mine\r\n')['x-request-id'], 'mine', 'an id of another form stays');
});

t.test('a callee of this node has its own span, a child of the caller’s, in one pass', async (t) => {
  const { ask, spans } = podRig({ callee: tracing({ fixedTags: [['istio.namespace', 'theirs']] }) });
  const headers = ask();
  t.same(spans.map(({ kind }) => kind).toSorted(), ['client', 'server']);
  const client = spans.find(({ kind }) => kind === 'client');
  const server = spans.find(({ kind }) => kind === 'server');
  t.match(server, { traceId: client?.traceId, parentId: client?.spanId, service: 'web.default' });
  t.equal(headers['x-b3-spanid'], server?.spanId, 'the application continues the callee’s span');
  t.equal(headers['x-b3-parentspanid'], client?.spanId);
  t.equal(Object.fromEntries(server?.tags ?? [])['istio.namespace'], 'theirs');
});

t.test('lines of access logs name the trace, and the span of who tells of the request', async (t) => {
  const ring = new LineRing();
  const command = (name: 'TRACE_ID' | 'SPAN_ID'): LogCommand => ({ command: name, names: [], most: 0 });
  const line: LogLine = { kind: 'text', parts: [command('TRACE_ID'), ' ', command('SPAN_ID'), '\n'] };
  for (const sampling of [ALWAYS, 0]) {
    const { ask, spans } = podRig({
      caller: tracing({ sampling }),
      callee: tracing({ sampling }),
      ring,
      accessLogs: [{ sink: 's', line, filter: null }],
    });
    const headers = ask();
    const lines: string[] = [];
    ring.read((line) => lines.push(`${line.toString()}\n`));
    t.equal(spans.length, sampling > 0 ? 2 : 0);
    const [trace, caller, callee] = ['traceid', 'parentspanid', 'spanid'].map((name) => headers[`x-b3-${name}`]);
    const made = spans.map(({ traceId, spanId }) => `${traceId} ${spanId}\n`);
    const wanted = [`${trace} ${caller}\n`, `${trace} ${callee}\n`];
    t.same(lines.toSorted(), wanted.toSorted(), 'the application continues the span of its own proxy, which is a child of its caller’s');
    if (sampling > 0) t.same(made.toSorted(), wanted.toSorted());
  }
});

t.test('contexts that are not passed on are left out, and spans that are not reported are not made', async (t) => {
  const hidden = podRig({ caller: tracing({ propagate: false }) });
  const headers = hidden.ask(`x-b3-traceid: ${TRACE}\r\nx-b3-spanid: ${SPAN}\r\n`);
  t.equal(headers['x-b3-traceid'], undefined);
  t.equal(hidden.spans.length, 1);
  const silent = podRig({ caller: tracing({ report: false }) });
  t.equal(silent.ask()['x-b3-sampled'], '1');
  t.strictSame(silent.spans, []);
});

t.test('tags of headers, with a default, and a path that is cut', async (t) => {
  const headerTags = [
    { key: 'tenant', header: 'x-tenant', byDefault: '' },
    { key: 'team', header: 'x-team', byDefault: 'nobody' },
  ];
  const { ask, spans } = podRig({ caller: tracing({ headerTags, maxPathLength: 5 }) });
  ask('X-Tenant: blue\r\n', '/123456789');
  const tags = Object.fromEntries(spans[0]?.tags ?? []);
  t.match(tags, { tenant: 'blue', team: 'nobody', 'http.url': 'http://shop/1234' });
});

t.test('of tags with one name the last one counts, whoever names them', async (t) => {
  const headerTags = [
    { key: 'http.method', header: 'x-tenant', byDefault: '' },
    { key: 'tenant', header: 'x-tenant', byDefault: '' },
  ];
  const { ask, spans } = podRig({
    caller: tracing({ headerTags, fixedTags: [['response_size', 'ours']] }),
    callee: tracing({ fixedTags: [['tenant', 'theirs']] }),
  });
  ask('X-Tenant: "blue"\r\n');
  const [caller, callee] = (['client', 'server'] as const).map((wanted) => {
    const { tags = [] } = spans.find(({ kind }) => kind === wanted) ?? {};
    t.equal(new Set(tags.map(([key]) => key)).size, tags.length);
    return Object.fromEntries(tags);
  });
  t.match(caller, { 'http.method': '"blue"', tenant: '"blue"', response_size: 'ours', component: 'proxy' });
  t.match(callee, { 'http.method': '"blue"', tenant: 'theirs', response_size: '3', component: 'proxy' });
});

t.test('texts of clients that JSON escapes, and a path that is cut within its query', async (t) => {
  const { ask, spans } = podRig({ caller: tracing({ maxPathLength: 4 }) });
  ask('user-agent: a"\\\u00e9\r\n', '/?x"y=1');
  ask('', '/long?x');
  ask('', '/?x=1');
  const [first = {}, ...others] = spans.map(({ tags }) => Object.fromEntries(tags));
  t.match(first, { user_agent: 'a"\\\u00e9', 'http.url': 'http://shop/?x"' });
  t.match(others, [{ 'http.url': 'http://shop/lon', user_agent: '-' }, { 'http.url': 'http://shop/?x=' }]);
});

t.test('a request that fails, and a client that leaves, end their spans with an error', async (t) => {
  const { rig, spans } = podRig();
  rig.apply({ endpoints: { web: [] } });
  rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  rig.ask(get('/'), OUTBOUND);
  rig.advance(100);
  t.match(spans, [{ failed: true }]);
  t.match(Object.fromEntries(spans[0]?.tags ?? []), { 'http.status_code': '503', response_flags: 'UH', error: 'true' });
});

t.test('at a gateway: a span for the request, one for its way to the upstream, and the id is always new', async (t) => {
  const spans: Span[] = [];
  const rig = new Rig({ openSpanRing: (provider) => new SpanReader(provider, spans) })
    .cluster('web', ['10.0.0.1:8080'])
    .gateway(route('/', 'web'));
  rig.apply({ gateways: { 80: { port: 80, layer: 'gateway', telemetry: { tracing: tracing(), accessLogs: [] } } } });
  const log = rig.serve('10.0.0.1:8080', () => ok('web'));
  rig.ask(get('/', `x-request-id: ${ID.replace('4def', '4000')}\r\n`));
  rig.advance(100);
  const headers = headersOf(log.requests[0] ?? '');
  const server = spans.find(({ kind }) => kind === 'server');
  const client = spans.find(({ kind }) => kind === 'client');
  t.equal(spans.length, 2);
  t.match(client, { parentId: server?.spanId, name: 'router outbound|80||web.default.svc.cluster.local egress' });
  t.equal(headers['x-b3-spanid'], client?.spanId);
  t.equal(headers['x-request-id']?.[14], '9');
  t.not(headers['x-request-id']?.slice(0, 8), '00000000');
});

t.test('a flood of spans is cut off and counted', async (t) => {
  const { rig, spans } = podRig();
  for (let i = 0; i < 600; i++) {
    rig.destinations.push({ ip: '10.96.0.1', port: 80 });
    const client = rig.transport.dial(OUTBOUND);
    client.write(get('/'));
  }
  rig.run();
  rig.advance(100);
  t.equal(spans.length, 512);
  t.equal(rig.count('nodeway_spans_dropped_total'), 88);
});

t.test('whatever headers of a trace say, the request is served, and what goes on is a whole context', async (t) => {
  const rigs = { b3: podRig(), w3c: podRig({ caller: tracing({ propagation: 'w3c' }) }) };
  const digits = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFg-'.split('')), maxLength: 70 }),
    fc.constantFrom(TRACE, SPAN, '0', '1', 'd', 'true', `${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`, ID),
    fc.string({ unit: 'grapheme-ascii', maxLength: 80 }).map((text) => text.trim()),
  );
  const names = [
    'b3',
    'x-b3-traceid',
    'x-b3-spanid',
    'x-b3-parentspanid',
    'x-b3-sampled',
    'x-b3-flags',
    'traceparent',
    'tracestate',
    'x-request-id',
  ];
  const line = fc
    .tuple(fc.constantFrom(...names, 'x-envoy-force-trace', 'x-client-trace-id'), digits)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  fc.assert(
    fc.property(fc.constantFrom('b3', 'w3c'), fc.array(line, { maxLength: 6 }), (wire, lines) => {
      const before = rigs[wire].spans.length;
      const headers = rigs[wire].ask(lines.join(''));
      const sampled = rigs[wire].spans.length > before;
      if (wire === 'w3c')
        return new RegExp(`^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0${sampled ? 1 : 0}$`).test(headers['traceparent'] ?? '');
      if (headers['b3'] !== undefined) return isSingle(headers['b3'], sampled ? '1' : '0') && headers['x-b3-traceid'] === undefined;
      const ids =
        /^(?!0+$)([0-9a-f]{16}|[0-9a-f]{32})$/.test(headers['x-b3-traceid'] ?? '') &&
        /^(?!0{16})[0-9a-f]{16}$/.test(headers['x-b3-spanid'] ?? '');
      return ids && headers['x-b3-sampled'] === (sampled ? '1' : '0');
    }),
  );
  t.pass('all of them');
});
