/** Texts of objects, and what is said of them. */
import type { Kinds } from '../../../../src/agent/model/objects.ts';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/file-text.ts';

/** Name of the case, the text, and `LINE SEVERITY FIELD` of each problem. */
export type Case = readonly [name: string, text: string, expected: readonly string[]];

export const head = (kind: string): string => `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: a}\nspec:\n`;

/** The store after reading these texts one after the other. */
export function storeOf(...texts: readonly string[]): ObjectStore {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const text of texts) {
    const { objects, problems } = parseManifest('f.yaml', text);
    sink.problem('f.yaml', problems);
    for (const entry of objects) sink.upsert(entry.object!, entry);
  }
  return store;
}

export function problemsOf(text: string): string[] {
  return storeOf(text)
    .problems()
    .map(({ line, severity, path }) => `${line} ${severity} ${path}`);
}

/** What of the object reaches the compiler. */
export function specInForce(text: string): unknown {
  const kind = /^kind: (\w+)/m.exec(text)?.[1] ?? '';
  return (storeOf(text).list(kind as keyof Kinds)[0] as { spec?: unknown } | undefined)?.spec;
}
