/**
 * Which route and which cluster Istio's own control plane and Envoy chose for the same manifests and requests: hosts in all forms, several
 * VirtualServices, static conditions, merging at a gateway, destinations that do not exist.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../../src/l7/http1/parser.ts';
import { RouteTable } from '../../../../src/l7/routing/route-table.ts';
import type { RouteConfig, RouteTableConfig } from '../../../../src/l7/snapshot.ts';
import { clustersOf, compileText, tableOf } from './world.ts';

interface Recorded {
  readonly answers: readonly {
    readonly from: string;
    readonly host: string;
    readonly path: string;
    readonly port: number;
    readonly headers?: Readonly<Record<string, string>>;
    /** `passthrough` and `not-found` where no virtual host has the Host. */
    readonly route: string;
    /** Null: none, or one that does not exist. */
    readonly cluster: string | null;
  }[];
}

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const { answers } = JSON.parse(read('istio-answers.json')) as Recorded;
const compiled = compileText(read('istio-answers.yaml'));
const names = new HeaderNames();

function choose(config: RouteTableConfig, text: string): { readonly route: string; readonly cluster: string | null } {
  const table = new RouteTable<RouteConfig>(config, names, (route) => route);
  const head = new Head(names);
  const bytes = Buffer.from(text, 'latin1');
  t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length);
  const host = table.find(head);
  if (host === null) return { route: config.unknownHost, cluster: null };
  const route = host.match(head, 'http')?.action;
  const [cluster = ''] = clustersOf(route);
  return { route: route?.name ?? 'not-found', cluster: compiled.snapshot.clusters[cluster] === undefined ? null : cluster };
}

t.ok(answers.length > 100);
for (const { from, host, path, port, headers, route, cluster } of answers) {
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const gateway = compiled.snapshot.gateways[port]?.routes as RouteTableConfig;
  const table = from === 'gateway' ? gateway : tableOf(compiled, port, from);
  const chosen = choose(table, `GET ${path} HTTP/1.1\r\n${fields.join('')}\r\n`);
  t.same(chosen, { route, cluster }, `${from} ${host}:${port} ${path} ${JSON.stringify(headers ?? {})}`);
}
