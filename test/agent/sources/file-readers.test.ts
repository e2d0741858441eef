/** Real threads that read real files. */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import type { DocumentData } from '../../../src/agent/sources/document-data.ts';
import { FileReaders } from '../../../src/agent/sources/file-readers.ts';
import { lookAtOnce } from '../../../src/agent/sources/look.ts';
import { ManualClock } from '../../base/manual-clock.ts';

const namespace = (name: string): string => `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;
const many = (count: number): string => Array.from({ length: count }, (_, index) => namespace(`n${index}`)).join('');
const nameOf = ([, , , , , , objects]: DocumentData): string | null => objects?.[0]?.[3] ?? null;

t.test('files side by side, each in the order of its documents', async (t) => {
  const directory = t.testdir({ 'a.yaml': many(1000), 'b.yaml': namespace('b'), 'c.yaml': many(700) });
  const readers = new FileReaders(new ManualClock());
  t.teardown(() => readers.close());
  const reads = ['a.yaml', 'b.yaml', 'c.yaml', 'absent.yaml'].map(async (name) => {
    const file = join(directory, name);
    const documents: DocumentData[] = [];
    const { stamp, error } = await readers.read(file, [], (part) => documents.push(...part) > 0);
    return { names: documents.map(nameOf), same: stamp === lookAtOnce(file).stamp, error };
  });
  const [a, b, c, absent] = await Promise.all(reads);
  t.same(a, { names: Array.from({ length: 1000 }, (_, index) => `n${index}`), same: true, error: null });
  t.same(b, { names: ['b'], same: true, error: null });
  t.equal(c?.names.length, 700);
  t.match(absent, { names: [], error: /ENOENT/ });
});

t.test('what is known is not read again, as often as it is known', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('a') + namespace('b') });
  const file = join(directory, 'a.yaml');
  const readers = new FileReaders(new ManualClock());
  t.teardown(() => readers.close());
  const first: DocumentData[] = [];
  await readers.read(file, [], (part) => first.push(...part) > 0);
  writeFileSync(file, namespace('c') + namespace('b') + namespace('b'));
  const second: DocumentData[] = [];
  const known = first.map(([hash]) => hash);
  await readers.read(file, known, (part) => second.push(...part) > 0);
  t.same(second.map(nameOf), ['c', null, 'b']);
  t.equal(second[1]?.[0], first[1]?.[0]);
});

t.test('what nobody wants any more is read no further, and the next file is', async (t) => {
  const directory = t.testdir({ 'a.yaml': many(50_000), 'b.yaml': namespace('b') });
  const readers = new FileReaders(new ManualClock());
  t.teardown(() => readers.close());
  let taken = 0;
  const unwanted = readers.read(join(directory, 'a.yaml'), [], ({ length }) => ((taken += length), false));
  const names: (string | null)[] = [];
  const wanted = readers.read(join(directory, 'b.yaml'), [], (part) => names.push(...part.map(nameOf)) > 0);
  await Promise.all([unwanted, wanted]);
  t.ok(taken < 50_000, `${taken} of 50 000`);
  t.same(names, ['b']);
});

t.test('a file that takes more memory than there is does not keep others from being read', async (t) => {
  const item = '- &a {x: "1"}\n';
  const directory = t.testdir({ 'a.yaml': `apiVersion: v1\nkind: Namespace\nx:\n${item.repeat(200_000)}`, 'b.yaml': namespace('b') });
  const readers = new FileReaders(new ManualClock(), { maxOldGenerationSizeMb: 100 });
  t.teardown(() => readers.close());
  const names: (string | null)[] = [];
  const files = ['a.yaml', 'b.yaml', 'b.yaml', 'b.yaml'];
  const reads = await Promise.all(
    files.map((name) => readers.read(join(directory, name), [], (part) => names.push(...part.map(nameOf)) > 0)),
  );
  t.match(reads[0]?.error, /memory/);
  t.same(
    reads.slice(1).map(({ error }) => error),
    [null, null, null],
  );
  t.same(names, ['b', 'b', 'b']);
});

t.test('threads end when they have had nothing to do, and at the close', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('a'), 'large.yaml': many(100_000) });
  const clock = new ManualClock();
  const readers = new FileReaders(clock);
  t.teardown(() => readers.close());
  const read = async (): Promise<number> => {
    let taken = 0;
    await readers.read(join(directory, 'a.yaml'), [], ({ length }) => (taken += length) > 0);
    return taken;
  };
  t.equal(await read(), 1);
  clock.advance(60_000);
  t.equal(await read(), 1, 'by another thread');
  const large = readers.read(join(directory, 'large.yaml'), [], () => true);
  await readers.close();
  t.match(await large, { error: /ended/ });
});
