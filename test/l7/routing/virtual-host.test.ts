import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import { Epoch } from '../../../src/base/epoch.ts';
import { PathIndex } from '../../../src/l7/routing/path-index.ts';
import { Route } from '../../../src/l7/routing/route.ts';
import { VirtualHost } from '../../../src/l7/routing/virtual-host.ts';
import type { RouteConfig, RouteMatch } from '../../../src/l7/config/route.ts';
import { routeList } from './hosts.ts';

const action: RouteConfig['action'] = {
  kind: 'route',
  destinations: [{ cluster: 'c', weight: 1 }],
  mirrors: [],
  timeoutMs: 0,
  retry: null,
};

const path = fc.string({ unit: fc.constantFrom('/', 'a', 'B', 'b'), maxLength: 4 }).map((text) => `/${text}`);
const match: fc.Arbitrary<RouteMatch> = fc
  .record({
    path: fc.option(
      fc.oneof(
        fc.record({ kind: fc.constant('exact' as const), value: path }),
        fc.record({ kind: fc.constant('prefix' as const), value: fc.oneof(path, fc.constant('')) }),
        fc.record({ kind: fc.constant('regex' as const), value: path.map((text) => `${text}.*`) }),
      ),
    ),
    ignorePathCase: fc.boolean(),
    put: fc.boolean(),
    headers: fc.array(
      fc.record({
        name: fc.constantFrom('x-a', 'X-B'),
        match: fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: fc.constantFrom('1', '2', '') }),
        invert: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ path, ignorePathCase, put, headers }) => ({
    ...(path === null ? {} : { path }),
    ignorePathCase,
    ...(headers.length > 0 && { headers }),
    ...(put ? { method: { kind: 'exact' as const, value: 'PUT' } } : {}),
  }));

function parse(head: Head, text: string): Head {
  const cut = text.includes('\n') ? text.indexOf('\n') : text.length;
  const [target, fields] = [text.slice(0, cut), text.slice(cut + 1)];
  const bytes = Buffer.from(`${target} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`, 'latin1');
  if (parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS) !== bytes.length) throw new Error(text);
  return head;
}

t.test('the index changes nothing about which route wins', async () => {
  fc.assert(
    fc.property(fc.array(match, { minLength: 9, maxLength: 40 }), fc.array(path, { minLength: 1, maxLength: 8 }), (matches, paths) => {
      const names = new HeaderNames();
      const routes = matches.map((match, i) => new Route({ name: String(i), match, action }, names, i));
      const host = new VirtualHost('v', routeList('v', routes), new Epoch());
      const head = new Head(names);
      const fields = ['', 'x-a: 1\r\n', 'x-a: 2\r\nX-A: 1\r\nx-b: 2\r\n', 'x-b:\r\n'];
      for (const [i, target] of [...paths, 'http://h', 'http://h?q'].entries()) {
        parse(head, `GET ${target}\n${fields[i % fields.length]}`);
        const want = routes.find((route) => route.matches(head, 'http')) ?? null;
        if (host.match(head, 'http') !== want) throw new Error(`${target}: ${host.match(head, 'http')?.action} instead of ${want?.action}`);
      }
    }),
    { numRuns: 300 },
  );
});

/** Routes that are candidates for a request, of an index of these. */
function candidatesOf(matches: readonly RouteMatch[], request: string): number[] {
  const names = new HeaderNames();
  const index = new PathIndex();
  for (const match of matches) {
    const route = new Route({ name: '', match, action }, names, null);
    index.add(route.path, route.exactHeaders);
  }
  index.begin(parse(new Head(names), request));
  const candidates: number[] = [];
  for (let i = index.next(); i >= 0; i = index.next()) candidates.push(i);
  return candidates;
}

const many = (match: (i: number) => RouteMatch): RouteMatch[] => Array.from({ length: 5000 }, (_, i) => match(i));
const header = (name: string, value: string) => ({ name, match: { kind: 'exact' as const, value }, invert: false });

t.test('among thousands of routes only a few are looked at: paths', async (t) => {
  const matches = [
    ...many((i) => ({ path: { kind: 'prefix', value: `/p${i}/` } })),
    { path: { kind: 'exact' as const, value: '/p4999/x' } },
    {},
  ];
  t.same(candidatesOf(matches, 'GET /p4999/x'), [4999, 5000, 5001]);
});

t.test('… headers, without a path and below one path', async (t) => {
  const tenants = many((i) => ({ headers: [header('x-tenant', `t${i}`)] }));
  t.same(candidatesOf([...tenants, {}], 'GET /\nX-Tenant: t4999\r\n'), [4999, 5000]);
  t.same(candidatesOf(tenants, 'GET /'), []);
  const below = many((i) => ({ path: { kind: 'prefix', value: '/api' }, headers: [header('x-tenant', `t${i}`)] }));
  // The first stands by its path, as there was nothing else there.
  t.same(candidatesOf(below, 'GET /api/x\nx-tenant: t4999\r\n'), [0, 4999]);
  t.same(candidatesOf(tenants, 'GET /\nx-tenant: t1\r\nx-tenant: t7\r\n'), [1, 7], 'repeated lines count one by one');
});

t.test('… one header for all paths, and one path for all headers', async (t) => {
  const paths = many((i) => ({ path: { kind: 'exact', value: `/p${i}` }, headers: [header('x-env', 'prod')] }));
  t.same(candidatesOf(paths, 'GET /p77\nx-env: prod\r\n'), [77]);
  const square = many((i) => ({
    path: { kind: 'prefix', value: `/p${i % 50}/` },
    headers: [header('x-a', `a${i % 10}`), header('x-b', `b${Math.floor(i / 50)}`)],
  }));
  t.ok(candidatesOf(square, 'GET /p7/\nx-a: a7\r\nx-b: b99\r\n').length < 150);
});

t.test('headers of more than a few names are not looked for', async (t) => {
  const matches = many((i) => ({ headers: [header(`x-${i % 20}`, `${i}`)] }));
  const found = candidatesOf(matches, 'GET /\nx-0: 0\r\nx-19: 19\r\n');
  t.ok(found.includes(0) && found.includes(19));
});
