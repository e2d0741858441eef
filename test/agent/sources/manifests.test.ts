/** A real directory and a real watcher. */
import { once } from 'node:events';
import { type FileHandle, mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { ManifestSource } from '../../../src/agent/sources/manifests.ts';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { ManualClock } from '../../base/manual-clock.ts';

/** Longer than it waits after a change. */
const LOOK_MS = 25;

type Tap = Pick<typeof t, 'teardown' | 'equal'>;
const namespace = (name: string, labels = '') => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labels}}}\n`;

/** The source on a directory, and what of it is in effect. */
async function watched(t: Tap, directory: string, clock: Clock = systemClock()) {
  const seen = new Set<string>();
  const store: ObjectStore = new ObjectStore(() => seen.add(names()));
  const list = () => store.list('Namespace') as unknown as { metadata: { name: string; labels?: Record<string, string> } }[];
  const names = () =>
    list()
      .map(({ metadata }) => metadata.name)
      .sort()
      .join();
  const source = new ManifestSource(directory, clock);
  t.teardown(() => source.stop());
  await source.start(store.contribute(source.name));
  const until = async (holds: () => boolean) => {
    for (const deadline = performance.now() + 60_000; !holds() && performance.now() < deadline;) await setTimeout(10);
    t.equal(holds(), true, `${String(holds)}; there are: ${names().slice(0, 200)}`);
  };
  return { store, names, list, until, seen };
}

t.test('edits, renames, deletes and broken files', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('one'), '.hidden.yaml': namespace('hidden'), 'notes.txt': 'kind: [' });
  const { store, names, until } = await watched(t, directory);
  t.equal(names(), 'one');
  await writeFile(join(directory, 'a.yaml'), namespace('two'));
  await until(() => names() === 'two');
  await writeFile(join(directory, 'new'), namespace('three'));
  await rename(join(directory, 'new'), join(directory, 'a.yaml'));
  await until(() => names() === 'three');
  await writeFile(join(directory, 'a.yaml'), 'kind: [');
  await until(() => store.problems().length > 0);
  t.match(store.problems(), [{ severity: 'error', file: join(directory, 'a.yaml'), line: 1 }]);
  t.equal(names(), 'three');
  await mkdir(join(directory, 'sub'));
  await writeFile(join(directory, 'sub', 'b.yaml'), namespace('four'));
  await until(() => names() === 'four,three');
  await rm(join(directory, 'a.yaml'));
  await until(() => names() === 'four' && store.problems().length === 0);
});

t.test('of two files with one object the first is in effect, until it goes', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('one', 'from: a'), 'b.yaml': namespace('one', 'from: b') });
  const { store, list, until } = await watched(t, directory);
  const from = () => list()[0]?.metadata.labels?.['from'];
  t.equal(from(), 'a');
  t.match(store.problems(), [{ severity: 'error', file: join(directory, 'b.yaml'), line: 1 }]);
  await rm(join(directory, 'a.yaml'));
  await until(() => from() === 'b' && store.problems().length === 0);
  // The version of `b` has been told: it is read from its file once more.
  await writeFile(join(directory, 'a.yaml'), namespace('one', 'from: again'));
  await until(() => from() === 'again' && store.problems().length === 1);
  await rm(join(directory, 'a.yaml'));
  await until(() => from() === 'b' && store.problems().length === 0);
});

t.test('known files that are renamed over, whole and broken, and written to right after', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('one'), 'b.yaml': namespace('two') });
  const { store, names, until } = await watched(t, directory);
  const replace = async (file: string, text: string) => {
    await writeFile(join(directory, 'part'), text);
    await rename(join(directory, 'part'), join(directory, file));
  };
  await replace('a.yaml', namespace('three'));
  await replace('b.yaml', namespace('four'));
  await until(() => names() === 'four,three');
  await replace('a.yaml', 'kind: [');
  await until(() => store.problems().length > 0);
  t.equal(names(), 'four,three', 'what was read before stays in effect');
  await replace('a.yaml', namespace('five'));
  await writeFile(join(directory, 'a.yaml'), namespace('six'));
  await until(() => names() === 'four,six' && store.problems().length === 0);
  await replace('b.yaml', namespace('six', 'from: b'));
  await until(() => store.problems().length === 1 && names() === 'six');
  await rm(join(directory, 'a.yaml'));
  await until(() => store.problems().length === 0 && names() === 'six');
});

/** The clock stands still between its looks, so that the directory changes as often between two of them as a test wants. */
async function look(clock: ManualClock): Promise<void> {
  // Planned when the look before is over.
  while (clock.pending === 0) await setTimeout(1);
  clock.advance(LOOK_MS);
}

t.test('a file that changes between looks is never taken half', async (t) => {
  const directory = t.testdir({ 'a.yaml': `${namespace('one')}---\n${namespace('two')}` });
  const clock = new ManualClock();
  const { names, seen } = await watched(t, directory, clock);
  const file: FileHandle = await open(join(directory, 'a.yaml'), 'w');
  await look(clock);
  for (let i = 0; i < 7; i++) {
    // Cut after each of these lines, and at most places between them, it parses.
    for (const character of `---\n${namespace(`n${i}`)}`) await file.write(character);
    await look(clock);
  }
  await file.close();
  while (!names().includes('n6')) await look(clock);
  t.same([...seen], ['one,two', 'n0,n1,n2,n3,n4,n5,n6']);
});

t.test('a file that is empty between looks is not taken for one without objects', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('one') });
  const clock = new ManualClock();
  const { names, seen } = await watched(t, directory, clock);
  // Many more looks than those after which a file that never rests is taken as it is.
  for (let i = 0; i < 10; i++) {
    await writeFile(join(directory, 'a.yaml'), '');
    for (let empty = 0; empty < 3; empty++) await look(clock);
    await writeFile(join(directory, 'a.yaml'), namespace('one'));
    await look(clock);
  }
  t.same([...seen], ['one']);
  await writeFile(join(directory, 'a.yaml'), '');
  while (names() !== '') await look(clock);
});

t.test('a directory that is replaced', async (t) => {
  const directory = join(t.testdir({ manifests: { 'a.yaml': namespace('one') }, next: { 'a.yaml': namespace('two') } }), 'manifests');
  const { store, names, until } = await watched(t, directory);
  await rename(directory, `${directory}.old`);
  await until(() => store.problems().length > 0);
  t.equal(names(), 'one', 'while there is none, what was read stays in effect');
  await rename(join(directory, '..', 'next'), directory);
  await until(() => names() === 'two' && store.problems().length === 0);
  await writeFile(join(directory, 'a.yaml'), namespace('three'));
  await until(() => names() === 'three');
});

t.test('a mounted ConfigMap', async (t) => {
  const directory = t.testdir({
    '..1': { 'a.yaml': namespace('one'), 'b.yaml': namespace('two') },
    '..2': { 'a.yaml': namespace('three') },
  });
  await symlink('..1', join(directory, '..data'));
  for (const name of ['a.yaml', 'b.yaml']) await symlink(join('..data', name), join(directory, name));
  const { store, names, until } = await watched(t, directory);
  t.equal(names(), 'one,two');
  await symlink('..2', join(directory, '..new'));
  await rename(join(directory, '..new'), join(directory, '..data'));
  await rm(join(directory, 'b.yaml'));
  await until(() => names() === 'three' && store.problems().length === 0);
});

t.test('100 changes a second, of a file and of many', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('one', 'at: "0"') });
  const { store, names, list, until, seen } = await watched(t, directory);
  for (let i = 1; i <= 100; i++) {
    const text = namespace('one', `at: "${i}"`);
    if (i % 2 === 0) await writeFile(join(directory, 'a.yaml'), text);
    else {
      await writeFile(join(directory, 'a.tmp'), text);
      await rename(join(directory, 'a.tmp'), join(directory, 'a.yaml'));
    }
    await writeFile(join(directory, `b${i % 10}.yaml`), namespace(`b${i % 10}`));
    await setTimeout(10);
  }
  await until(() => list()[0]?.metadata.labels?.['at'] === '100');
  await until(() => names() === 'b0,b1,b2,b3,b4,b5,b6,b7,b8,b9,one');
  t.same(store.problems(), []);
  t.same(
    [...seen].filter((names) => !names.split(',').includes('one')),
    [],
    'the first object was there all the time',
  );
});

t.test('10 MB', async (t) => {
  const directory = t.testdir({});
  const { names, store, until } = await watched(t, directory);
  const filler = 'x'.repeat(1000);
  const file = await open(join(directory, 'big.yaml.tmp'), 'w');
  const stream = file.createWriteStream();
  for (let i = 0; i < 10_000; i++) stream.write(`---\n${namespace(`n${i}`, `a: "${filler}"`)}`);
  stream.end(`---\n${namespace('last')}`);
  await once(stream, 'close');
  await rename(join(directory, 'big.yaml.tmp'), join(directory, 'big.yaml'));
  await until(() => store.list('Namespace').length === 10_001);
  t.ok(names().startsWith('last,'));
});

t.test('a small file that changes while a large one is read is in effect before all of that is', async (t) => {
  const directory = t.testdir({ 'small.yaml': namespace('small', 'version: "1"') });
  const { list, store, until } = await watched(t, directory);
  const texts = Array.from({ length: 20_000 }, (_, i) => `---\n${namespace(`n${i}`, `a: "${'x'.repeat(200)}"`)}`);
  await writeFile(join(directory, 'part'), texts.join(''));
  await rename(join(directory, 'part'), join(directory, 'big.yaml'));
  let atChange = -1;
  const version = () => list().find(({ metadata }) => metadata.name === 'small')?.metadata.labels?.['version'];
  await writeFile(join(directory, 'part'), namespace('small', 'version: "2"'));
  await rename(join(directory, 'part'), join(directory, 'small.yaml'));
  await until(() => {
    if (atChange < 0 && version() === '2') atChange = store.list('Namespace').length;
    return store.list('Namespace').length === 20_001;
  });
  t.equal(version(), '2');
  t.ok(atChange < 20_001, `${atChange} objects were in effect when the small change was`);
});
