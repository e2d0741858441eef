import t from 'tap';
import { DEFAULT_JSON, DEFAULT_TEXT, parseLogFormat } from '../../../src/agent/model/log-format.ts';
import { parseLogFilter } from '../../../src/agent/model/log-filter.ts';
import { LineRing } from '../../../src/base/line-ring.ts';
import type { AccessLogConfig, LogFilter, LogLine, LogPart } from '../../../src/l7/config/telemetry.ts';
import { endpointOf, get, identityOf, ok, OUTBOUND, podOf, Rig, route } from './rig.ts';

function parts(format: string): readonly LogPart[] {
  const parsed = parseLogFormat(format);
  if (!parsed.ok) throw new Error(parsed.fault);
  return parsed.parts;
}

const text = (format: string): LogLine => ({ kind: 'text', parts: parts(format) });
const json = (labels: Readonly<Record<string, string>>): LogLine => ({
  kind: 'json',
  fields: Object.entries(labels).map(([key, format]) => [key, parts(format)]),
});

function filter(expression: string): LogFilter {
  const parsed = parseLogFilter(expression);
  if (!parsed.ok) throw new Error(parsed.fault);
  return parsed.filter;
}

const log = (line: LogLine, condition: LogFilter | null = null, sink = '/dev/stdout'): AccessLogConfig => ({
  sink,
  line,
  filter: condition,
});

interface Setup {
  readonly caller?: readonly AccessLogConfig[];
  /** Of `web`, which is on the same node; undefined: it is not enrolled. */
  readonly callee?: readonly AccessLogConfig[];
  readonly answer?: string | null;
}

/** The enrolled pod `default/app` calls `web`. */
function podRig({ caller = [], callee, answer = ok('web', 'x-from: there\r\n') }: Setup) {
  const ring = new LineRing();
  const rig = new Rig({ openLogRing: () => ring, hostname: 'node-1' }).cluster('web', []);
  const local = callee === undefined ? null : 'default/web';
  rig.apply({ endpoints: { web: [{ ...endpointOf('10.0.0.1:8080', local), identity: identityOf('web') }] } });
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['web', 'shop'] } },
    {
      '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' },
      '10.96.0.1:3306': { to: 'cluster', protocol: 'tcp', cluster: 'web' },
    },
  );
  const both = (accessLogs: readonly AccessLogConfig[]) => ({
    telemetry: { outbound: { tracing: null, accessLogs }, inbound: { tracing: null, accessLogs } },
  });
  rig.apply({
    workloads: {
      'default/app': { ...podOf(), ...both(caller) },
      ...(callee !== undefined && {
        'default/web': { ...podOf(), addresses: ['10.0.0.1'], identity: identityOf('web'), ...both(callee) },
      }),
    },
  });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const upstream = rig.serve('10.0.0.1:8080', () => answer);
  // A time of zero says that something has not happened.
  rig.advance(1000);
  const ask = (request: string): string => {
    rig.destinations.push({ ip: '10.96.0.1', port: 80 });
    return rig.ask(request, OUTBOUND);
  };
  const lines = (): string[] => {
    const found: string[] = [];
    ring.read((line) => found.push(`${line.toString()}\n`));
    return found;
  };
  return { rig, ask, lines, upstream, ring };
}

t.test('without a log no line is written, and nothing is noted', async (t) => {
  const { ask, lines } = podRig({});
  ask(get('/'));
  t.same(lines(), []);
});

t.test('Istio’s own format, from both sides of one pass', async (t) => {
  const { ask, lines } = podRig({ caller: [log(text(DEFAULT_TEXT))], callee: [log(text(DEFAULT_TEXT))] });
  ask(`GET /things?a=1 HTTP/1.1\r\nHost: shop\r\nUser-Agent: probe/1.0\r\nX-Request-Id: my-id\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n`);
  const [callee, caller, ...more] = lines();
  t.same(more, []);
  const time = '\\[2026-01-01T00:00:00\\.\\d{3}Z\\]';
  const common = '"GET /things\\?a=1 HTTP/1.1" 200 - via_upstream - "-" 0 3 0';
  const names = '"192.0.2.9" "probe/1.0" "my-id" "shop" "10.0.0.1:8080"';
  t.match(
    caller,
    new RegExp(
      `^${time} ${common} 0 ${names} outbound\\|80\\|\\|web.default.svc.cluster.local [\\d.]+:\\d+ 10.96.0.1:80 [\\d.]+:\\d+ - to-web\\n$`,
    ),
  );
  t.match(callee, new RegExp(`^${time} ${common} 0 ${names} inbound\\|8080\\|\\| [\\d.]+:\\d+ 10.0.0.1:8080 [\\d.]+:\\d+ - default\\n$`));
});

t.test('a callee has its line also where nobody else logs', async (t) => {
  const { ask, lines } = podRig({ callee: [log(text('%UPSTREAM_CLUSTER% %REQ(:PATH)%'))] });
  ask(get('/x'));
  t.same(lines(), ['inbound|8080|| /x\n']);
});

t.test('JSON: numbers are numbers, what is missing is null, and text of clients cannot break out', async (t) => {
  const { ask, lines } = podRig({ caller: [log(json(DEFAULT_JSON))] });
  ask('GET /a"b HTTP/1.1\r\nHost: shop\r\nUser-Agent: x"\\\u00e9\t\r\n\r\n');
  const [line = ''] = lines();
  t.match(JSON.parse(line), {
    method: 'GET',
    path: '/a%22b',
    protocol: 'HTTP/1.1',
    response_code: 200,
    response_flags: '-',
    bytes_sent: 3,
    upstream_service_time: 0,
    user_agent: 'x"\\\u00e9',
    authority: 'shop',
    x_forwarded_for: null,
    upstream_transport_failure_reason: null,
    request_id: /^[0-9a-f-]{36}$/,
    start_time: /^2026-01-01T/,
  });
});

t.test('the id that the request got is the one in the line', async (t) => {
  const { ask, lines, upstream } = podRig({ caller: [log(text('%REQ(X-REQUEST-ID)%'))] });
  ask(get('/'));
  t.ok(upstream.requests[0]?.includes(`x-request-id: ${lines()[0]?.trim()}\r\n`));
});

t.test('commands', async (t) => {
  for (const [format, expected] of [
    ['%REQ(X-MISSING)%', '-'],
    ['%REQ(X-MISSING?:METHOD)%', 'GET'],
    ['%REQ(X-LONG):4%', 'abcd'],
    ['%REQ(Host)%', 'shop'],
    ['%RESP(X-FROM)% %RESP(X-NOT)%', 'there -'],
    ['%RESP(:status)%', '200'],
    ['100%% %PROTOCOL%', '100% HTTP/1.1'],
    ['%HOSTNAME%', 'node-1'],
    ['%START_TIME(%Y/%m/%d %H)%', '2026/01/01 00'],
    ['%START_TIME:10%', '2026-01-01'],
    ['%ROUTE_NAME% %UPSTREAM_HOST% %UPSTREAM_CLUSTER%', 'to-web 10.0.0.1:8080 outbound|80||web.default.svc.cluster.local'],
    ['%DOWNSTREAM_LOCAL_ADDRESS%', '10.96.0.1:80'],
    ['%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '1'],
    ['%TRACE_ID% %REQUESTED_SERVER_NAME% %DYNAMIC_METADATA(a:b)%', '- - -'],
    ['', ''],
  ] as const) {
    const { ask, lines } = podRig({ caller: [log(text(format))] });
    ask(get('/', 'X-Long: abcdefgh\r\n'));
    t.same(lines(), [`${expected}\n`], format);
  }
});

t.test('what had no answer', async (t) => {
  const { rig, ask, lines } = podRig({
    caller: [log(text('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_HOST% %RESP(X-FROM)%'))],
  });
  rig.apply({ endpoints: { web: [] } });
  ask(get('/'));
  t.same(lines(), ['503 UH no_healthy_upstream - -\n']);
  const silent = podRig({ caller: [log(text('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%'))], answer: null });
  silent.rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  const client = silent.rig.transport.dial(OUTBOUND);
  client.write(get('/'));
  silent.rig.run();
  client.reset();
  silent.rig.run();
  t.same(silent.lines(), ['0 DC downstream_remote_disconnect\n']);
});

t.test('conditions', async (t) => {
  for (const [expression, written] of [
    ['response.code >= 400', false],
    ['response.code < 400', true],
    ["request.method == 'GET' && !(response.code == 500)", true],
    ['!has(response.code) || response.code >= 500', false],
    ["request.url_path.startsWith('/th')", true],
    ["request.path == '/things?x=1'", true],
    ['request.headers[\'x-tenant\'] == "blue"', true],
    ["has(request.headers['x-nobody'])", false],
    ["request.headers['x-tenant'].contains('lu')", true],
    ['response.code in [200, 204]', true],
    ["xds.cluster_name == 'BlackHoleCluster'", false],
    ['request.duration > 1000', false],
    ["request.host == 'shop' && (response.flags == '-' || false == true)", null],
  ] as const) {
    const parsed = parseLogFilter(expression);
    if (written === null) {
      t.equal(parsed.ok, false, expression);
      continue;
    }
    const { ask, lines } = podRig({ caller: [log(text('x'), filter(expression))] });
    ask(get('/things?x=1', 'x-tenant: blue\r\n'));
    t.equal(lines().length, written ? 1 : 0, expression);
  }
});

t.test('several logs, each with its own condition, and requests of one connection', async (t) => {
  const { rig, lines } = podRig({
    caller: [log(text('all %REQ(:PATH)%')), log(text('slow %REQ(:PATH)%'), filter("request.url_path == '/2'"))],
  });
  rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  const client = rig.transport.dial(OUTBOUND);
  for (const path of ['/1', '/2', '/3']) {
    client.write(get(path));
    rig.run();
  }
  t.same(lines(), ['all /1\n', 'all /2\n', 'slow /2\n', 'all /3\n']);
});

t.test('a gateway', async (t) => {
  const ring = new LineRing();
  const rig = new Rig({ openLogRing: () => ring }).cluster('web', ['10.0.0.1:8080']).gateway(route('/', 'web'));
  const accessLogs = [log(text('%REQ(X-FORWARDED-FOR)% %REQ(X-REQUEST-ID)%'))];
  rig.apply({ gateways: { 80: { port: 80, layer: 'gateway', telemetry: { tracing: null, accessLogs } } } });
  const upstream = rig.serve('10.0.0.1:8080', () => ok('web'));
  rig.ask(get('/', 'x-forwarded-for: 198.51.100.7\r\nx-request-id: theirs\r\n'));
  const found: string[] = [];
  ring.read((line) => found.push(`${line.toString()}\n`));
  const [forwarded = '', id = ''] = found[0]?.trim().split(' ') ?? [];
  t.match(upstream.requests[0], `x-forwarded-for: ${forwarded}\r\n`);
  t.match(upstream.requests[0], `x-request-id: ${id}\r\n`);
  t.match(forwarded, /^198\.51\.100\.7,/);
});

t.test('a line that is too long is cut, and the next one is whole', async (t) => {
  const { ask, lines } = podRig({
    caller: [log(json({ path: '%REQ(:PATH)%', a: '%REQ(X-A)%', b: '%REQ(X-A)%', c: '%REQ(X-A)%', d: '%REQ(X-A)%' }))],
  });
  ask(get('/', `x-a: ${'"'.repeat(9000)}\r\n`));
  ask(get('/next'));
  const [long = '', next = ''] = lines();
  t.ok(long.length <= 17_000);
  t.ok(long.endsWith('\n'));
  t.equal(JSON.parse(next).path, '/next');
});

t.test('a reader that does not come costs lines, and nothing else', async (t) => {
  const { ask, lines, ring } = podRig({ caller: [log(text('x'.repeat(10_000)))] });
  const beyond = Math.ceil(LineRing.BYTES / 10_000) + 100;
  let answered = 0;
  for (let i = 0; i < beyond; i++) if (ask(get('/')).endsWith('web')) answered++;
  t.equal(answered, beyond);
  t.ok(ring.dropped > 0);
  t.equal(lines().length + ring.dropped, beyond);
});

t.test('a connection that is passed through has its line when it ends, without what only requests have', async (t) => {
  const { rig, lines } = podRig({
    caller: [log(text(DEFAULT_TEXT))],
    callee: [log(text('%UPSTREAM_CLUSTER% %DOWNSTREAM_LOCAL_ADDRESS%'))],
  });
  rig.destinations.push({ ip: '10.96.0.1', port: 3306 });
  const client = rig.transport.dial(OUTBOUND);
  client.write('question');
  rig.run();
  client.end();
  rig.run();
  client.reset();
  rig.run();
  const [own, callee] = lines();
  t.match(
    own,
    /^\[2026-[^\]]+\] "- - -" 0 - - - "-" 8 0 0 - "-" "-" "-" "-" "10\.0\.0\.1:8080" outbound\|80\|\|web\S+ \S+ 10\.96\.0\.1:3306 [\d.]+:\d+ - -\n$/,
  );
  t.equal(callee, 'inbound|8080|| 10.0.0.1:8080\n');
});
