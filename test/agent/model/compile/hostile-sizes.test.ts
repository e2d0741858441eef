/** Objects of hostile sizes and numbers: what is said of them, and that everything else goes on. */
import t from 'tap';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/file-text.ts';
import { client, clustersOf, compileText, lookUp, onlyRoute, routesOf, service, tableOf, virtualService } from './world.ts';

const to = (host: string): string => `route: [{ destination: { host: ${host} } }]`;

/** What a store says of this text, `path: message`. */
function refused(text: string): string[] {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const entry of parseManifest('f.yaml', text).objects) sink.upsert(entry.object!, entry);
  return store.problems().map(({ path, message }) => `${path}: ${message}`);
}

t.test('a VirtualService of 10 MB: its rules are in effect, and so are those of others', async (t) => {
  const filler = 'x'.repeat(900);
  const count = 10_000;
  const rules = Array.from({ length: count }, (_, i) => `{ match: [{ uri: { exact: /${i}/${filler} } }], ${to('b')} }`).join(', ');
  const large = virtualService(`[${rules}]`);
  t.ok(large.length > 9e6, `${large.length} bytes`);
  const other = virtualService(`[{ ${to('a')} }]`, 'hosts: [b]', 'name: other, namespace: default');
  const compiled = compileText([client(), service('a'), service('b'), large, other]);
  t.equal(routesOf(compiled, 'a').length, count);
  t.match(clustersOf(routesOf(compiled, 'b')[0]), [/\|\|a\./]);
  t.same(compiled.problems, []);
});

t.test('a thousand wildcards, each within another one: the narrowest has a request', async (t) => {
  const depth = 100;
  const chains = Array.from({ length: 10 }, (_, i) => `z${i}.example`);
  const domain = (chain: string, level: number): string => `${'n.'.repeat(level)}${chain}`;
  const all = chains.flatMap((chain) =>
    Array.from({ length: depth }, (_, level) =>
      virtualService(
        `[{ name: ${JSON.stringify(`${chain} ${level}`)}, ${to('a')} }]`,
        `hosts: ["*.${domain(chain, level)}"]`,
        `name: w-${chain}-${level}, namespace: default`,
      ),
    ),
  );
  const compiled = compileText([client(), service('a'), all.join('')]);
  const table = tableOf(compiled);
  for (const [chain, level] of [
    ['z0.example', 0],
    ['z4.example', 57],
    ['z9.example', depth - 1],
  ] as const) {
    t.equal(lookUp(table, `x.${domain(chain, level)}`)?.routes[0]?.name, `${chain} ${level}`);
  }
});

t.test('weights: the largest ones are shares, and larger ones are refused', async (t) => {
  const most = 2 ** 31 - 1;
  const weighted = (...weights: readonly number[]): string =>
    `[{ route: [${weights.map((weight) => `{ destination: { host: a }, weight: ${weight} }`).join(', ')}] }]`;
  const route = onlyRoute(weighted(most, most, most));
  t.same(route.action.kind === 'route' && route.action.destinations.map(({ weight }) => weight), [most, most, most]);
  for (const weight of [2 ** 31, 1e300]) t.match(refused(virtualService(weighted(1, weight))), [/^spec\.http\[0\]\.route\[1\]\.weight: /]);
});
