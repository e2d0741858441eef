/** HTTPDirectResponse and redirects as requests see them. */
import t from 'tap';
import type { RouteConfig } from '../../../src/l7/config/route.ts';
import { literal } from '../../../src/l7/message/wire-text.ts';
import { get, lines, ok, Rig, route } from './rig.ts';

function direct(status: number, body = '', more: Partial<RouteConfig> = {}): Rig {
  return new Rig().gateway({ name: 'direct', match: {}, action: { kind: 'direct', status, body }, ...more });
}

t.test('status and body; text/plain unless the rule says something else', async (t) => {
  t.match(direct(418, 'tea').ask(get('/')), /^HTTP\/1\.1 418 \r\ncontent-length: 3\r\ncontent-type: text\/plain\r\n[^]*\r\n\r\ntea$/);
  const json = direct(200, '{}', { responseHeaders: { set: lines({ 'Content-Type': 'application/json', 'x-from': 'rule' }) } });
  t.match(
    json.ask(get('/')),
    /^HTTP\/1\.1 200 OK\r\ncontent-length: 2\r\nContent-Type: application\/json\r\nx-from: rule\r\n(?!.*text\/plain)/s,
  );
});

t.test('any bytes', async (t) => {
  const client = direct(200, '\x00\x01\xff\xe9').ask(get('/'));
  t.equal(client.split('\r\n\r\n')[1], '\x00\x01\xff\xe9');
});

t.test('no body: no type; 204 has no length either', async (t) => {
  t.match(direct(503).ask(get('/')), /^HTTP\/1\.1 503 Service Unavailable\r\ncontent-length: 0\r\ndate:/);
  t.match(direct(204).ask(get('/')), /^HTTP\/1\.1 204 No Content\r\ndate:/);
});

t.test('HEAD gets the head; statuses without content get none, and the connection goes on', async (t) => {
  t.match(direct(200, 'tea').ask(get('/').replace('GET', 'HEAD')), /\r\ncontent-length: 3\r\n[^]*\r\n\r\n$/);
  for (const status of [204, 304]) {
    const answers = direct(status, 'tea').ask(get('/') + get('/'));
    t.equal(answers.match(new RegExp(`HTTP/1.1 ${status}`, 'g'))?.length, 2, String(status));
    t.notMatch(answers, /tea/);
  }
});

t.test('201 and 3xx tell the place of the request, as Envoy does, unless the rule names another', async (t) => {
  t.match(direct(201).ask(get('/made?q')), /\r\nlocation: http:\/\/shop\/made\?q\r\n/);
  t.match(direct(304).ask(get('/made')), /\r\nlocation: http:\/\/shop\/made\r\n/);
  const own = direct(201, '', { responseHeaders: { set: lines({ location: '/mine' }) } }).ask(get('/made'));
  t.strictSame(own.match(/location: [^\r]*/g), ['location: /mine']);
  t.notMatch(direct(200).ask(get('/made')), /location/);
});

t.test('a redirect’s Location gives way to one that the rule sets', async (t) => {
  const config: RouteConfig = {
    name: 'r',
    match: {},
    action: { kind: 'redirect', code: 302, path: literal('/new') },
    responseHeaders: { set: lines({ location: '/mine' }) },
  };
  t.strictSame(
    new Rig()
      .gateway(config)
      .ask(get('/'))
      .match(/location: [^\r]*/g),
    ['location: /mine'],
  );
});

t.test('a gRPC client gets 200 with a status of its own protocol', async (t) => {
  const answer = direct(404, 'é %').ask(get('/', 'content-type: application/grpc\r\n'));
  t.match(
    answer,
    /^HTTP\/1\.1 200 OK\r\ncontent-length: 0\r\ncontent-type: application\/grpc\r\ngrpc-status: 12\r\ngrpc-message: %E9 %25\r\n/,
  );
});

t.test(
  'a rewrite of a route without a condition of the path replaces the first slash; of an exact or regex one the whole path',
  async (t) => {
    for (const [match, target] of [
      [{}, '/newx/y?q'],
      [{ path: { kind: 'prefix', value: '' } }, '/new/x/y?q'],
      [{ path: { kind: 'prefix', value: '/x' } }, '/new/y?q'],
      [{ path: { kind: 'exact', value: '/x/y' } }, '/new?q'],
      [{ path: { kind: 'regex', value: '/x.*' } }, '/new?q'],
    ] as const) {
      const base = route('/', 'a', { rewrite: { uri: literal('/new') } });
      const rig = new Rig().cluster('a', ['10.0.0.1:80']).gateway({ ...base, match });
      const up = rig.serve('10.0.0.1:80', () => ok(''));
      rig.ask(get('/x/y?q'));
      t.equal(up.requests[0]?.split(' ')[1], target, JSON.stringify(match));
      const redirect = { name: 'r', match, action: { kind: 'redirect', code: 301, prefix: literal('/new') } } as const;
      t.match(new Rig().gateway(redirect).ask(get('/x/y?q')), `\r\nlocation: http://shop${target}\r\n`);
    }
  },
);

t.test('a gateway knows no name with a final dot, as Istio’s', async (t) => {
  const rig = new Rig().gateway({ name: 'd', match: {}, action: { kind: 'direct', status: 200, body: 'here' } });
  rig.apply({
    virtualHosts: {
      all: { layer: 'gateway', port: 80, name: 'd', domains: ['a.example', '*.wild.example'], local: null, routes: [{ name: 'd', match: {}, action: { kind: 'direct', status: 200, body: 'here' } }] }, // prettier-ignore
    },
  });
  for (const [host, status] of [
    ['a.example', 200],
    ['A.example:81', 200],
    ['a.example.', 404],
    ['b.wild.example', 200],
    ['b.wild.example.', 404],
  ] as const) {
    t.match(rig.ask(get('/').replace('shop', host)), new RegExp(`^HTTP/1.1 ${status} `), host);
  }
});
