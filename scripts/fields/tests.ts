/** Tests that have a field, where no recorded set has it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** In the order in which they are preferred. */
const FOLDERS = ['test/agent/model/compile', 'test/agent/model/schema', 'test/agent', 'test/l7', 'test/node', 'test/peers'];

interface TestText {
  readonly path: string;
  readonly text: string;
}

const TESTS: readonly TestText[] = [...new Set(FOLDERS.flatMap(testsBelow))].map((path) => ({ path, text: readFileSync(path, 'utf8') }));

function testsBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  return names.sort().map((name) => join(folder, name));
}

/** One that has the field below the one that it belongs to, of the kind's own file if there is one. Null: none. */
export function testOf(kind: string, path: readonly string[]): string | null {
  const names = path.slice(-2).map((name) => new RegExp(`(?:\\b|\\\\n)${name}\\b['"]?[:\\]}, ]`));
  const own = kind.replaceAll(/\B[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  const having = TESTS.filter(({ text }) => names.every((name) => name.test(text)));
  const found = having.find((test) => test.path.includes(own)) ?? having.find((test) => isAbout(kind, test));
  return found?.path ?? null;
}

function isAbout(kind: string, { text }: TestText): boolean {
  return new RegExp(kind === 'MeshConfig' ? '\\b(MeshConfig|meshConfig|mesh-config|mesh: )' : `\\b${kind}\\b`).test(text);
}
