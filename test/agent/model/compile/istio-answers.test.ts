/**
 * Which route and which cluster Istio's own control plane and Envoy chose for the same manifests and requests: hosts in all forms, several
 * VirtualServices, static conditions, merging at a gateway, destinations that do not exist.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../../src/l7/http1/parser.ts';
import { Route } from '../../../../src/l7/routing/route.ts';
import { clustersOf, compileText, gatewayTable, lookUp, type Table, tableOf } from './world.ts';

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

function choose(table: Table, name: string, otherwise: string, text: string): { readonly route: string; readonly cluster: string | null } {
  const head = new Head(names);
  const bytes = Buffer.from(text, 'latin1');
  t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length);
  const host = lookUp(table, name);
  if (host === null) return { route: otherwise, cluster: null };
  const route = host.routes.map((config) => new Route(config, names, config)).find((one) => one.matches(head, 'http'))?.action;
  const [cluster = ''] = clustersOf(route);
  return { route: route?.name ?? 'not-found', cluster: !compiled.snapshot.records.clusters.has(cluster) ? null : cluster };
}

t.ok(answers.length > 100);
for (const { from, host, path, port, headers, route, cluster } of answers) {
  const fields = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const atGateway = from === 'gateway';
  const table = atGateway ? (gatewayTable(compiled, port) as Table) : tableOf(compiled, port, from);
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '');
  const chosen = choose(table, name, atGateway ? 'not-found' : 'passthrough', `GET ${path} HTTP/1.1\r\n${fields.join('')}\r\n`);
  t.same(chosen, { route, cluster }, `${from} ${host}:${port} ${path} ${JSON.stringify(headers ?? {})}`);
}
