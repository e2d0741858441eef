/** The commands of the manual, on a cluster in which nothing is installed yet. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Cluster } from '../cluster/cluster.ts';
import { runManual } from '../manual.ts';
import { kubeProgram } from '../programs.ts';

const IMAGE = 'docker.io/library/nodeway:e2e';

const cluster = await Cluster.start();
t.teardown(() => cluster.close());

t.test('every command that is for a cluster works', async (t) => {
  const tools = mkdtempSync(join(cluster.api.directory, 'tools-'));
  writeFileSync(join(tools, 'kubectl'), `#!/bin/sh\nexec '${kubeProgram()}' kubectl "$@"\n`);
  chmodSync(join(tools, 'kubectl'), 0o755);
  const environment = { ...process.env, IMAGE, KUBECONFIG: cluster.kube.kubeconfig, PATH: `${tools}:${process.env['PATH'] ?? ''}` };
  t.strictSame(runManual(environment), []);
});
