/** How long one VirtualService of thousands of rules takes, from its text to what a worker gets. */
import { ObjectStore } from '../../src/agent/model/store.ts';
import { parseManifest } from '../../src/agent/sources/file-text.ts';
import { newCompiler } from '../compiled-world.ts';

export interface StartCost {
  readonly routes: number;
  readonly textKb: number;
  readonly readMs: number;
  readonly checkMs: number;
  readonly compileMs: number;
  readonly changeMs: number;
}

const BASE = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
`;

function rules(routes: number, timeout: string): string {
  const lines = Array.from(
    { length: routes },
    (_, i) => `  - match: [{uri: {prefix: /p${i}/}}]\n    timeout: ${timeout}\n    route: [{destination: {host: web}}]\n`,
  );
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web, namespace: shop}\nspec:\n  hosts: [web]\n  http:\n${lines.join('')}`;
}

export function measureStart(routes: number, clock: () => number): StartCost {
  const store = new ObjectStore();
  const sink = store.contribute('bench');
  const compiler = newCompiler();
  const text = `${BASE}---\n${rules(routes, '5s')}`;
  const [readMs, read] = timed(clock, () => parseManifest('web.yaml', text));
  const [checkMs] = timed(clock, () => {
    for (const entry of read.objects) if (entry.object !== null) sink.upsert(entry.object, entry);
  });
  const [compileMs] = timed(clock, () => compiler.apply(store.takeChanges()));
  const changed = parseManifest('web.yaml', rules(routes, '6s')).objects;
  for (const entry of changed) if (entry.object !== null) sink.upsert(entry.object, entry);
  const [changeMs] = timed(clock, () => compiler.apply(store.takeChanges()));
  return { routes, textKb: Math.round(text.length / 1024), readMs, checkMs, compileMs, changeMs };
}

function timed<T>(clock: () => number, work: () => T): readonly [ms: number, result: T] {
  const started = clock();
  const result = work();
  return [clock() - started, result];
}
