/** Text of users that reaches the wire: what the schemas let through by mistake is refused here, with object and field, and never throws. */
import t from 'tap';
import { Compiler } from '../../../../src/agent/model/compile/index.ts';
import { pack, unpack } from '../../../../src/agent/model/packed.ts';
import {
  applied,
  client,
  clustersOf,
  type Compiled,
  compileText,
  complaints,
  destinationRule,
  OPTIONS,
  routesOf,
  service,
  storeOf,
  virtualService,
} from './world.ts';

/** Behind the schemas' back. */
function compileUnchecked(texts: readonly string[], edit: (object: unknown) => void): Compiled {
  const changes = storeOf(...texts)
    .takeChanges()
    .map((change) => {
      const object = change.object && unpack(change.object);
      if (change.ref.kind === 'VirtualService' || change.ref.kind === 'DestinationRule') edit(object);
      return { ...change, object: object && pack(object) };
    });
  return applied(new Compiler(OPTIONS), changes);
}

const SMUGGLED = 'x\r\nGET /admin HTTP/1.1\r\nhost: a';
const toA = 'route: [{ destination: { host: a } }]';

function set(object: unknown, path: readonly (string | number)[], value: unknown): void {
  const parent = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, object as Record<string, unknown>);
  parent[path.at(-1) as string] = value;
}

t.test('a rule whose text cannot be written is left out', async (t) => {
  for (const [rule, field] of [
    [`rewrite: { uri: /y }, ${toA}`, ['rewrite', 'uri']],
    [`rewrite: { authority: b }, ${toA}`, ['rewrite', 'authority']],
    ['redirect: { uri: /y }', ['redirect', 'uri']],
    ['redirect: { prefixRewrite: /y }', ['redirect', 'prefixRewrite']],
    ['redirect: { authority: b }', ['redirect', 'authority']],
  ] as const) {
    const text = [client(), service('a'), virtualService(`[{ ${rule} }, { name: next, ${toA} }]`)];
    const compiled = compileUnchecked(text, (object) => set(object, ['spec', 'http', 0, ...field], SMUGGLED));
    t.same(routesOf(compiled).map(({ name }) => name), ['next'], field.join('.')); // prettier-ignore
    t.match(complaints(compiled), [`VirtualService spec.http[0].${field.join('.')}: ${JSON.stringify(SMUGGLED)}`]);
  }
});

t.test('a header that cannot be written is left out, the others stay', async (t) => {
  const text = [
    client(),
    service('a'),
    virtualService(`[{ headers: { request: { set: { a: x, b: w } }, response: { add: { c: z } } }, ${toA} }]`),
  ];
  const compiled = compileUnchecked(text, (object) => {
    set(object, ['spec', 'http', 0, 'headers', 'request', 'set', 'a'], SMUGGLED);
    set(object, ['spec', 'http', 0, 'headers', 'response', 'add'], { 'c d': 'z', e: 'Zürich' });
  });
  const [route] = routesOf(compiled);
  t.same(route?.requestHeaders, { set: [['b', 'w']] });
  t.same(route?.responseHeaders, { add: [['e', Buffer.from('Zürich').toString('latin1')]] }, 'UTF-8, one byte per character');
  t.match(complaints(compiled).toSorted(), [
    /headers\.request\.set\.a: "x[^]*has a control character/,
    /headers\.response\.add\.c d: the name is not a token/,
  ]);
});

t.test('a Host that cannot be written', async (t) => {
  const two = `route: [{ destination: { host: a }, weight: 1, headers: { request: { set: { host: x } } } }, { destination: { host: a }, weight: 1 }]`;
  const compiled = compileUnchecked([client(), service('a'), virtualService(`[{ ${two} }]`)], (object) =>
    set(object, ['spec', 'http', 0, 'route', 0, 'headers', 'request', 'set', 'host'], 'a b'),
  );
  t.equal(clustersOf(routesOf(compiled)[0]).length, 2);
  t.match(complaints(compiled), [/route\[0\]\.headers\.request: "a b" is not HOST or HOST:PORT; it is left out/]);
});

t.test('a cookie that cannot be written is no key', async (t) => {
  for (const field of ['name', 'path'] as const) {
    const rule = destinationRule(
      '{ host: a, trafficPolicy: { loadBalancer: { consistentHash: { httpCookie: { name: c, path: /p, ttl: 1s } } } } }',
    );
    const path = ['trafficPolicy', 'loadBalancer', 'consistentHash', 'httpCookie', field];
    const compiled = compileUnchecked([client(), service('a'), rule], (object) => set(object, ['spec', ...path], 'c; secure'));
    t.match(compiled.snapshot.records.clusters.get('outbound|80||a.default.svc.cluster.local')?.balancer, { kind: 'least-request' });
    t.match(complaints(compiled), [new RegExp(`httpCookie\\.${field}: "c; secure" .*LEAST_REQUEST takes its place`)]);
  }
});

t.test('values that are made from a request; what is not served, or is the proxy’s, is left out', async (t) => {
  const set = '{ a: "<%REQ(X-A?:path)%>", b: "%DURATION%", Content-Length: "5", Connection: x, c: "%%" }';
  const rules = `[{ headers: { request: { set: ${set}, remove: [transfer-encoding, d] }, response: { set: { Server: mine } } }, ${toA} }]`;
  const compiled = compileText([client(), service('a'), virtualService(rules)]);
  const [route] = routesOf(compiled);
  t.same(route?.requestHeaders, {
    set: [
      ['a', ['<', { of: 'request-header', names: ['x-a', ':path'] }, '>']],
      ['c', '%'],
    ],
    remove: ['d'],
  });
  t.equal(route?.responseHeaders, undefined);
  t.same(
    compiled.problems.map(({ severity, path }) => `${severity} ${path.replace('spec.http[0].headers.', '')}`),
    [
      'warning request.remove[0]',
      'warning request.set.Connection',
      'warning request.set.Content-Length',
      'unsupported request.set.b',
      'warning response.set.Server',
    ],
  );
});
