import fc from 'fast-check';
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
  })
  .map(({ path, ignorePathCase, put }) => ({
    ...(path === null ? {} : { path }),
    ignorePathCase,
    ...(put ? { method: { kind: 'exact' as const, value: 'PUT' } } : {}),
  }));

function parse(head: Head, text: string): Head {
  const bytes = Buffer.from(`${text} HTTP/1.1\r\nHost: h\r\n\r\n`, 'latin1');
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
      for (const target of [...paths, 'http://h', 'http://h?q']) {
        parse(head, `GET ${target}`);
        const want = routes.find((route) => route.matches(head, 'http')) ?? null;
        if (host.match(head, 'http') !== want) throw new Error(`${target}: ${host.match(head, 'http')?.action} instead of ${want?.action}`);
      }
    }),
    { numRuns: 300 },
  );
});

t.test('among thousands of routes only a few are looked at', async (t) => {
  const matches: RouteMatch[] = Array.from({ length: 5000 }, (_, i) => ({ path: { kind: 'prefix', value: `/p${i}/` } }));
  const names = new HeaderNames();
  const index = new PathIndex();
  for (const match of [...matches, { path: { kind: 'exact' as const, value: '/p4999/x' } }, {}]) {
    index.add(new Route({ name: '', match, action }, names, null).path);
  }
  const head = parse(new Head(names), 'GET /p4999/x');
  index.begin(head);
  const candidates: number[] = [];
  for (let i = index.next(); i >= 0; i = index.next()) candidates.push(i);
  t.same(candidates, [4999, 5000, 5001]);
});
