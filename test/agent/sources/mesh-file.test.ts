import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { MeshFileSource } from '../../../src/agent/sources/mesh-file.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { until } from '../../node/pod-network.ts';

t.test('a file in the place of the ConfigMap, followed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-file-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'mesh.yaml');
  writeFileSync(file, 'connectTimeout: 1s\n');
  const clock = new ManualClock();
  const store = new ObjectStore();
  const source = new MeshFileSource(file, 'nodeway-system', clock);
  await source.start(store.contribute(source.name));
  const mesh = (): string | undefined => store.list('ConfigMap')[0]?.data?.['mesh'];
  t.ok(store.synced);
  t.match(store.list('ConfigMap'), [{ metadata: { name: 'istio', namespace: 'nodeway-system' }, data: { mesh: 'connectTimeout: 1s\n' } }]);

  writeFileSync(join(directory, 'next'), 'connectTimeout: 22s\n');
  renameSync(join(directory, 'next'), file);
  clock.advance(1000);
  await until(() => mesh() === 'connectTimeout: 22s\n', 'the new text is there');

  rmSync(file);
  clock.advance(1000);
  await until(() => store.problems().length > 0, 'the problem is told');
  t.match(store.problems(), [{ severity: 'error', file, message: /cannot be read: .*; what was there before stays in effect/ }]);
  t.equal(mesh(), 'connectTimeout: 22s\n');

  writeFileSync(file, 'connectTimeout: 3s\n');
  clock.advance(1000);
  await until(() => mesh() === 'connectTimeout: 3s\n', 'it is back');
  t.same(store.problems(), []);
  await source.stop();
  t.equal(clock.pending, 0);
});
