/** Hostile and odd texts. */
import t from 'tap';
import { parseManifest } from '../../../src/agent/sources/document.ts';

const NS = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n';

t.test('forms of text', async (t) => {
  for (const text of [
    NS,
    `\uFEFF${NS}`,
    NS.replaceAll('\n', '\r\n'),
    `---\n${NS}---\n`,
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }),
  ]) {
    const parsed = parseManifest('f', text);
    t.same(parsed.problems, []);
    t.same(
      parsed.objects.map(({ ref }) => ref),
      [{ group: '', kind: 'Namespace', namespace: '', name: 'a' }],
    );
  }
});

t.test('what cannot be parsed is reported', async (t) => {
  const bomb = ['a: &a0 [x]', ...Array.from({ length: 9 }, (_, i) => `a${i}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(',')}]`)].join(
    '\n',
  );
  for (const text of [bomb, 'a:\n\t- b\n', 'a: 1\na: 2\n', 'a: [', '- 1\n', '['.repeat(100_000)])
    t.equal(parseManifest('f', text).problems.length > 0, true);
});

t.test('places count from the beginning of the file, whatever the documents before', async (t) => {
  const text = `# first\n${NS}--- # second\n${NS.replace('name: a', 'name: b')}...\n%YAML 1.2\n---\n${NS.replace('name: a', 'name: c')}---\nkind: [\n`;
  const { objects, problems } = parseManifest('f', text);
  const placed = objects.map(({ ref, origin }) => [ref.name, origin.line, origin.locate(['metadata', 'name'])?.line]);
  t.same(placed, [
    ['a', 2, 4],
    ['b', 6, 8],
    ['c', 12, 14],
  ]);
  t.match(problems, [{ severity: 'error', line: 17 }]);
});
