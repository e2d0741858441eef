/** Which files are read at once, and which by another thread. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FileContents, type Contents } from '../../../src/agent/sources/file-contents.ts';
import { lookAt } from '../../../src/agent/sources/look.ts';
import { systemClock } from '../../../src/base/clock.ts';

const rules = (count: number, timeout: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: large, namespace: default }
spec:
  hosts: [a]
  http:
${Array.from({ length: count }, (_, i) => `  - { match: [{ uri: { prefix: /p${i}/ } }], timeout: ${timeout}, route: [{ destination: { host: a } }] }\n`).join('')}`;
const namespace = (name: string): string => `---\napiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`;

t.test('a document that is large and new is read beside, whatever the size of its file', async (t) => {
  const file = join(t.testdir({}), 'rules.yaml');
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  let told = (): void => undefined;
  const contents = new FileContents(systemClock(), () => told());
  t.teardown(() => contents.close());
  const large = rules(2000, '5s');
  t.ok(large.length > 100_000 && large.length < 500_000);
  const ask = async (before: Contents | null): Promise<Contents | null> =>
    contents.of(file, await lookAt(file), before === null ? undefined : { ...before, inForce: [] }, false);
  const names = (read: Contents | null): string[] =>
    (read?.documents ?? []).flatMap(({ objects }) => objects.map((one) => one.ref?.name ?? ''));

  write(large + namespace('a'));
  let read = new Promise<void>((resolve) => (told = resolve));
  t.equal(await ask(null), null, 'it will be there');
  await read;
  const first = await ask(null);
  t.same(names(first), ['large', 'a']);

  write(large + namespace('b'));
  const second = await ask(first);
  t.same(names(second), ['large', 'b'], 'what is known need not be read, so a small change is there at once');

  write(rules(2000, '6s') + namespace('b'));
  read = new Promise<void>((resolve) => (told = resolve));
  t.equal(await ask(second), null);
  await read;
  t.same(names(await ask(second)), ['large', 'b']);
});
