/** A real directory and a real watcher. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { ManifestSource } from '../../../src/agent/sources/manifests.ts';

const namespace = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;

t.test('edits, renames, deletes and broken files', async (t) => {
  const directory = t.testdir({ 'a.yaml': namespace('one'), '.hidden.yaml': namespace('hidden') });
  const store = new ObjectStore();
  const source = new ManifestSource(directory);
  t.teardown(() => source.stop());
  await source.start(store);
  const names = () =>
    store
      .list('Namespace')
      .map(({ metadata }) => metadata.name)
      .join();
  const until = async (holds: () => boolean) => {
    for (let i = 0; i < 500 && !holds(); i++) await new Promise((later) => setTimeout(later, 20));
    t.equal(holds(), true, `${String(holds)}; there are: ${names()}`);
  };
  await until(() => names() === 'one');
  await writeFile(join(directory, 'a.yaml'), namespace('two'));
  await until(() => names() === 'two');
  await writeFile(join(directory, 'new'), namespace('three'));
  await rename(join(directory, 'new'), join(directory, 'a.yaml'));
  await until(() => names() === 'three');
  await writeFile(join(directory, 'a.yaml'), 'kind: [');
  await until(() => store.problems().length > 0);
  t.equal(names(), 'three');
  await mkdir(join(directory, 'sub'));
  await writeFile(join(directory, 'sub', 'b.yaml'), namespace('four'));
  await until(() => names() === 'three,four');
  await rm(join(directory, 'a.yaml'));
  await until(() => names() === 'four' && store.problems().length === 0);
});
