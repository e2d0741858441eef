/** CorsPolicy as browsers see it: each case names the field, or the rule of Envoy's filter, that it is about. */
import t from 'tap';
import type { CorsConfig, RouteConfig } from '../../../src/l7/config/route.ts';
import { literal, NOTHING } from '../../../src/l7/message/wire-text.ts';
import { get, lines, ok, Rig, route } from './rig.ts';

const POLICY: CorsConfig = {
  allowOrigins: [
    { kind: 'exact', value: 'http://exact' },
    { kind: 'prefix', value: 'https://pre.' },
    { kind: 'regex', value: 'http://[a-z]+\\.re' },
  ],
  allowMethods: literal('GET,PUT'),
  allowHeaders: literal('x-a,X-B'),
  exposeHeaders: literal('x-out'),
  maxAge: literal('90'),
  allowCredentials: true,
  forwardUnmatched: true,
};

function site(policy: Partial<CorsConfig> = {}, more: Partial<RouteConfig> = {}, answer = ok('fine')) {
  const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway({ ...route('/', 'a', { cors: { ...POLICY, ...policy } }), ...more });
  return { rig, up: rig.serve('10.0.0.1:80', () => answer) };
}

const preflight = (origin: string, more = ''): string =>
  get('/', `Origin: ${origin}\r\nAccess-Control-Request-Method: PATCH\r\n${more}`).replace('GET', 'OPTIONS');
/** The policy's headers of an answer, in order. */
const said = (answer: string): string[] => [...answer.matchAll(/\r\n(access-control-[^\r]*)/gi)].map(([, line = '']) => line);

t.test('allowOrigins: exact, prefix, regex of the whole', async (t) => {
  for (const [origin, allowed] of [
    ['http://exact', true],
    ['http://Exact', false],
    ['https://pre.example', true],
    ['http://abc.re', true],
    ['http://abc.re.org', false],
    ['http://other', false],
  ] as const) {
    const answer = site().rig.ask(get('/', `Origin: ${origin}\r\n`));
    t.match(answer, /fine$/);
    t.strictSame(
      said(answer),
      allowed
        ? [`access-control-allow-origin: ${origin}`, 'access-control-allow-credentials: true', 'access-control-expose-headers: x-out']
        : [],
      origin,
    );
  }
});

t.test('allowOrigins: * lets everybody in, whatever form it has', async (t) => {
  for (const kind of ['exact', 'prefix'] as const) {
    const { rig } = site({ allowOrigins: [{ kind, value: '*' }], allowCredentials: false, exposeHeaders: NOTHING });
    t.strictSame(said(rig.ask(get('/', 'Origin: http://any\r\n'))), ['access-control-allow-origin: http://any'], kind);
  }
});

t.test('a preflight is answered here, whatever method it asks for', async (t) => {
  const { rig, up } = site();
  const answer = rig.ask(preflight('http://exact'));
  t.match(answer, /^HTTP\/1\.1 200 OK\r\ncontent-length: 0\r\n/);
  t.strictSame(said(answer), [
    'access-control-allow-origin: http://exact',
    'access-control-allow-credentials: true',
    'access-control-expose-headers: x-out',
    'access-control-allow-methods: GET,PUT',
    'access-control-allow-headers: x-a,X-B',
    'access-control-max-age: 90',
  ]);
  t.equal(up.connections.length, 0);
});

t.test('allowMethods and allowHeaders: * gives back what is asked for', async (t) => {
  const { rig } = site({ allowMethods: literal('*'), allowHeaders: literal('*'), maxAge: NOTHING, exposeHeaders: NOTHING });
  t.match(said(rig.ask(preflight('http://exact', 'access-control-request-headers: x-1, x-2\r\n'))), [
    /./,
    /./,
    'access-control-allow-methods: PATCH',
    'access-control-allow-headers: x-1, x-2',
  ]);
});

t.test('unmatchedPreflights', async (t) => {
  const forwarded = site();
  t.match(forwarded.rig.ask(preflight('http://other')), /fine$/);
  t.match(forwarded.up.requests[0], /^OPTIONS \/ /);
  const ignored = site({ forwardUnmatched: false, allowCredentials: false });
  t.strictSame(said(ignored.rig.ask(preflight('http://other'))), [
    'access-control-allow-methods: GET,PUT',
    'access-control-allow-headers: x-a,X-B',
    'access-control-max-age: 90',
  ]);
  t.equal(ignored.up.connections.length, 0);
  t.match(ignored.rig.ask(get('/', 'Origin: http://other\r\n')), /fine$/, 'what is no preflight is forwarded');
});

t.test('what is no preflight: no OPTIONS, no method asked for, no origin', async (t) => {
  for (const request of [
    preflight('http://exact').replace('OPTIONS', 'GET'),
    preflight('http://exact').replace(/Access-Control[^\n]*\n/, ''),
    preflight('http://exact').replace(/Origin[^\n]*\n/, ''),
    preflight(''),
  ]) {
    t.match(site().rig.ask(request), /fine$/, request);
  }
});

t.test('the policy takes the place of what the server and the route say, for those whom it lets in', async (t) => {
  const own = ok('', 'Access-Control-Allow-Origin: http://server\r\nAccess-Control-Max-Age: 5\r\n');
  const headers = {
    set: lines({ 'Access-Control-Allow-Origin': 'http://route', 'x-route': '1' }),
    remove: ['access-control-expose-headers'],
  };
  const { rig } = site({ allowCredentials: false }, { responseHeaders: headers }, own);
  const allowed = rig.ask(get('/', 'Origin: http://exact\r\n'));
  t.match(allowed, /\r\nx-route: 1\r\n/);
  t.strictSame(said(allowed), [
    'Access-Control-Max-Age: 5',
    'access-control-allow-origin: http://exact',
    'access-control-expose-headers: x-out',
  ]);
  t.strictSame(said(rig.ask(get('/', 'Origin: http://other\r\n'))), [
    'Access-Control-Max-Age: 5',
    'Access-Control-Allow-Origin: http://route',
  ]);
  t.notMatch(rig.ask(preflight('http://exact')), /x-route/, 'a preflight is not the route’s');
});

t.test('answers of our own say it too, but no aborted one', async (t) => {
  const rig = new Rig().cluster('a', []).gateway(route('/', 'a', { cors: POLICY }));
  t.match(rig.ask(get('/', 'Origin: http://exact\r\n')), /^HTTP\/1\.1 503 [^]*\r\naccess-control-allow-origin: http:\/\/exact\r\n/);
  const abort = { abort: { share: 1_000_000, status: 500 } };
  const aborted = new Rig().cluster('a', []).gateway(route('/', 'a', { cors: POLICY, fault: abort }));
  t.strictSame(said(aborted.ask(get('/', 'Origin: http://exact\r\n'))), []);
  t.match(aborted.ask(preflight('http://exact')), /^HTTP\/1\.1 500 /, 'faults come first');
});
