/**
 * What Istio's own control plane and Envoy answered for the same conditions and requests. Not among them: paths that Istio's proxies
 * normalise first (`/n/%61`, `/n/./a`), since that is done to a head before it is matched, and fragments, which the parser refuses.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import type { RouteConfig, RouteMatch } from '../../../src/l7/config/route.ts';
import { tableOver } from './hosts.ts';

interface Recorded {
  readonly routes: readonly { readonly name: string; readonly match: RouteMatch }[];
  readonly answers: readonly {
    readonly method: string;
    readonly path: string;
    readonly host: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly route: string;
  }[];
}

const recorded = JSON.parse(readFileSync(new URL('istio-answers.json', import.meta.url), 'utf8')) as Recorded;

t.test('routes are chosen as Istio chooses them', async (t) => {
  const action = { kind: 'route', destinations: [{ cluster: 'c', weight: 1 }], mirrors: [], timeoutMs: 0, retry: null } as const;
  const routes: RouteConfig[] = recorded.routes.map((route) => ({ ...route, action }));
  const names = new HeaderNames();
  const hosts = [{ name: 'reviews', domains: ['reviews'], routes }];
  const table = tableOver(hosts, names, (route) => route.name);
  const head = new Head(names);
  t.ok(recorded.answers.length > 20);
  for (const { method, path, host, headers, route } of recorded.answers) {
    const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n`, 'latin1');
    t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length);
    t.equal(table.find(head)?.match(head, 'http')?.action, route, `${method} ${host} ${path} ${JSON.stringify(headers)}`);
  }
});
