/** What is told of single requests: which, what of them, and how many. */
import t from 'tap';
import { LineRing } from '../../../src/base/line-ring.ts';
import type { ToldRequest } from '../../../src/l7/tap/told-request.ts';
import { get, endpointOf, identityOf, ok, OUTBOUND, podOf, retry, Rig, route } from './rig.ts';

interface Told {
  readonly marks: string;
  readonly request: ToldRequest;
}

function take(ring: LineRing): Told[] {
  const told: Told[] = [];
  ring.read((line) => {
    const start = line.indexOf('{');
    told.push({ marks: line.toString('latin1', 0, start - 1), request: JSON.parse(line.toString('utf8', start)) as ToldRequest });
  });
  return told;
}

/** The enrolled pod `default/app` calls `web`. */
function podRig(answer: (request: string, nth: number) => string | null) {
  const ring = new LineRing();
  let rings = 0;
  const rig = new Rig({ openTapRing: () => (rings++, ring) }).cluster('web', []);
  rig.apply({ endpoints: { web: ['10.0.0.1:8080', '10.0.0.2:8080'].map((at) => ({ ...endpointOf(at), identity: identityOf('web') })) } });
  rig.scope(
    { 80: { routes: [route('/', 'web', { retry: retry() })], domains: ['shop'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } },
  );
  rig.apply({ workloads: { 'default/app': podOf() } });
  rig.engine.listen(
    { kind: 'outbound', id: 7, fd: -1, workload: 'default/app', netns: 5, cookie: '42' },
    { address: OUTBOUND.ip, port: OUTBOUND.port },
  );
  const upstreams = ['10.0.0.1:8080', '10.0.0.2:8080'].map((at) => rig.serve(at, answer));
  rig.advance(1000);
  const ask = (request: string): string => {
    rig.destinations.push({ ip: '10.96.0.1', port: 80 });
    return rig.ask(request, OUTBOUND);
  };
  return { rig, ring, ask, upstreams, rings: () => rings };
}

t.test('nothing is told of what went well, and no ring is made', (t) => {
  const { ask, rings } = podRig(() => ok('web'));
  t.match(ask(get('/')), /200 OK/);
  t.equal(rings(), 0);
  t.end();
});

t.test('the whole story of a request that failed', (t) => {
  const { rig, ring, ask } = podRig(() => 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy');
  ask(get('/items?id=7', 'X-Request-Id: abc\r\nAuthorization: secret\r\n'));
  for (let i = 0; i < 20; i++) rig.advance(100);
  const [told] = take(ring) as [Told];
  t.equal(told.marks, 'f');
  t.notMatch(JSON.stringify(told), /secret/);
  const { at, sentAfterMs, answeredAfterMs, durationMs, ...story } = told.request;
  t.strictSame(story, {
    side: 'outbound',
    source: { pod: 'default/app', namespace: 'default', workload: 'app', service: 'app', version: 'v1' },
    destination: { pod: 'default/web', namespace: 'default', workload: 'web', service: 'web', version: 'v1' },
    client: '10.0.0.9',
    target: '10.96.0.1:80',
    method: 'GET',
    authority: 'shop',
    path: '/items?id=7',
    protocol: 'HTTP/1.1',
    service: 'web.default.svc.cluster.local',
    route: 'to-web',
    cluster: 'outbound|80||web.default.svc.cluster.local',
    endpoint: story.endpoint,
    attempts: 3,
    tried: story.tried,
    status: 503,
    grpcStatus: null,
    flags: 'URX',
    details: 'via_upstream',
    requestBytes: 0,
    responseBytes: 4,
    requestId: 'abc',
    traceId: '',
  });
  t.equal(story.tried.length, 2);
  t.ok(at >= Date.UTC(2026, 0, 1) - 60_000);
  t.ok((sentAfterMs ?? -1) > 0 && (answeredAfterMs ?? -1) >= (sentAfterMs ?? 0) && durationMs >= (answeredAfterMs ?? 0));
  t.end();
});

t.test('a head that comes late is slow, and so is one that never comes', (t) => {
  const { rig, ring, ask, upstreams } = podRig(() => null);
  ask(get('/late'));
  rig.advance(1500);
  t.strictSame(take(ring), []);
  for (const { connections } of upstreams) for (const peer of connections) peer.write(ok('at last'));
  rig.run();
  t.match(take(ring), [{ marks: 's', request: { path: '/late', status: 200, answeredAfterMs: 1500, durationMs: 1500 } }]);

  rig.destinations.push({ ip: '10.96.0.1', port: 80 });
  const client = rig.transport.dial(OUTBOUND);
  client.write(get('/left'));
  rig.run();
  rig.advance(1500);
  client.reset();
  rig.run();
  t.match(take(ring), [{ marks: 'sf', request: { path: '/left', status: 0, flags: 'DC', answeredAfterMs: null, client: '10.0.0.9' } }]);
  t.end();
});

t.test('who taps sees what fits, and only while it taps', (t) => {
  const { rig, ring, ask } = podRig(() => ok('web'));
  const paths = (): string[] => take(ring).map(({ marks, request }) => `${marks} ${request.path}`);
  rig.engine.tap.filters = [{ pod: 'default/app', path: '/a' }];
  ask(get('/a/1'));
  ask(get('/b'));
  t.strictSame(paths(), ['t /a/1']);
  rig.engine.tap.filters = [{ pod: 'default/other' }, { status: '2xx', service: 'web' }];
  ask(get('/c'));
  t.strictSame(paths(), ['t /c']);
  rig.engine.tap.filters = [{ pod: 'default/other' }, { status: '404' }, { method: 'POST' }, { service: 'we' }];
  ask(get('/d'));
  rig.engine.tap.filters = [];
  ask(get('/e'));
  t.strictSame(paths(), []);
  t.end();
});

t.test('failures that are many are told at a bounded rate, and the rest counted', (t) => {
  const { rig, ring, ask } = podRig(() => 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n');
  rig.scope(
    { 80: { routes: [route('/', 'web')], domains: ['shop'] } },
    { '10.96.0.1:80': { to: 'cluster', protocol: 'http', cluster: 'web' } },
  );
  for (let i = 0; i < 80; i++) ask(get('/'));
  t.equal(take(ring).length, 50);
  t.equal(ring.dropped, 30);
  rig.advance(1000);
  ask(get('/again'));
  t.equal(take(ring).length, 1);
  t.end();
});
