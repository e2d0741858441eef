/** Hostile and odd texts. */
import t from 'tap';
import type { SourceDocument } from '../../../src/agent/sources/document.ts';
import { documentsOf, parseManifest } from '../../../src/agent/sources/file-text.ts';

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
  const placed = objects.map((object) => [object.ref.name, object.line, object.locate(['metadata', 'name'])?.line]);
  t.same(placed, [
    ['a', 2, 4],
    ['b', 6, 8],
    ['c', 12, 14],
  ]);
  t.match(problems, [{ severity: 'error', line: 17 }]);
});

const names = (text: string): string[] => {
  const { objects, problems } = parseManifest('f', text);
  t.same(problems, [], text);
  return objects.map(({ ref }) => `${ref.kind}/${ref.name}`);
};
const json = (name: string): string => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name } });

t.test('lists of all forms', async (t) => {
  const item = (name: string, indent: string): string =>
    `${indent}- apiVersion: v1\n${indent}  kind: Pod\n${indent}  metadata:\n${indent}    name: ${name}\n`;
  const bare = (name: string): string => `- metadata:\n    name: ${name}\n`;
  const head = 'apiVersion: v1\nkind: List\nmetadata: {}\n';
  const both = ['Pod/a', 'Pod/b'];
  t.same(names(`${head}items:\n${item('a', '')}# between\n${item('b', '')}`), both);
  t.same(names(`${head}items:\n${item('a', '  ')}${item('b', '  ')}`), both);
  t.same(names(`items:\n${item('a', '')}${item('b', '')}${head}`), both, 'what the list is may stand behind');
  t.same(names(`apiVersion: v1\nkind: PodList\nitems:\n${bare('a')}${bare('b')}`), both, 'items of a typed list inherit');
  t.same(names('apiVersion: networking.istio.io/v1\nkind: VirtualServiceList\nitems: [{metadata: {name: a}}]\n'), ['VirtualService/a']);
  t.same(names(`{"apiVersion": "v1", "kind": "List", "items": [${json('a')},\n ${json('b')}]}`), both);
  t.same(names(`{"kind": "PodList", "items": [{"metadata": {"name": "a"}}], "apiVersion": "v1"}`), ['Pod/a']);
  for (const none of ['items: null\n', 'items: []\n', 'items:\n']) t.same(names(head + none), [], none);
  t.same(names(`${head}items:\n- &a\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n- {<<: *a, metadata: {name: b}}\n`), both);
});

t.test('several JSON objects one after the other', async (t) => {
  t.same(names(`${json('a')}\n${json('b')}${json('c')}\n`), ['Pod/a', 'Pod/b', 'Pod/c']);
  t.same(names(`{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n${json('b')}`), ['Pod/a', 'Pod/b']);
});

t.test('text as kubectl reads it', async (t) => {
  const data = (text: string): unknown =>
    (parseManifest('f', `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: ${text}`).objects[0]?.object as { data?: unknown })
      ?.data;
  t.same(data('{a: 0123, b: 0o17, c: 0x1f, d: 1_000, e: 1e3, f: 08, g: .5}'), { a: 83, b: 15, c: 31, d: 1000, e: 1000, f: 8, g: 0.5 });
  t.same(data('{a: yes, b: Off, c: y, d: NO, e: "yes"}'), { a: true, b: false, c: true, d: false, e: 'yes' });
  t.same(data('{a: 2026-01-31, b: 2026-01-31T12:00:00Z, c: 190:20:30, d: ~, e: 1.2.3}'), {
    a: '2026-01-31',
    b: '2026-01-31T12:00:00Z',
    c: '190:20:30',
    d: null,
    e: '1.2.3',
  });
  t.same(data('{on: a, 8080: b}'), { true: 'a', 8080: 'b' }, 'names of fields are text');
  t.same(data('\n  x: &x {port: 80, targetPort: http}\n  y1: {<<: *x, port: 81}\n'), {
    x: { port: 80, targetPort: 'http' },
    y1: { port: 81, targetPort: 'http' },
  });
});

t.test('what kubectl would not take is said, with its place', async (t) => {
  const said = (text: string): string[] =>
    parseManifest('f', text).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
  const pod = 'apiVersion: v1\nkind: Pod\nmetadata:\n  ';
  t.match(said(`${pod}generateName: a-\n`), ['4:3 metadata.generateName is for kubectl create; here metadata.name must be given']);
  t.match(said(`${pod}name: a\n  name: b\n`), ['5:3 Map keys must be unique']);
  t.match(said(`${pod}name: !me a\n`), ['4:9 Unresolved tag: !me']);
  t.match(said(`${pod}name: no\n`), ['4:3 metadata.name must be text; YAML reads this as false unless it is quoted']);
  t.match(said(`---\n${NS}---\n${pod}name: [a\n`), [/^10:/]);
  t.match(said(`apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {kind: Pod}\n`), [
    '5:3 apiVersion and kind must be given, as text',
  ]);
});

t.test('documents that stay are the same objects, at their new place', async (t) => {
  const texts = { textOf: () => null };
  const read = (text: string, before: readonly SourceDocument[] = []) => {
    const known = new Map(before.map((document) => [document.hash, document]));
    return [...documentsOf({ path: 'f', texts }, text, known)];
  };
  const before = read(`${NS}---\n${NS.replace('name: a', 'name: b')}---\n${NS.replace('name: a', 'name: c')}`);
  const after = read(
    `# new\n\n${NS.replace('name: a', 'name: d')}---\n${NS.replace('name: a', 'name: b')}---\n${NS.replace('name: a', 'name: c')}`,
    before.map(({ document }) => document),
  );
  t.same(
    after.map(({ document, isNew }) => [isNew, document.objects[0]?.ref.name, document.objects[0]?.line]),
    [
      [true, 'd', 3],
      [false, 'b', 7],
      [false, 'c', 11],
    ],
  );
});
