/** The commands of the manual, on a cluster in which nothing is installed yet. */
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../until.ts';
import { Cluster } from '../cluster/cluster.ts';
import { runManual } from '../manual.ts';
import { kubeProgram } from '../programs.ts';

/** As build-images has made it: of the version that the manifests name. */
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
const IMAGE = `docker.io/library/nodeway:${version}`;

const cluster = await Cluster.start();
t.teardown(() => cluster.close());

t.test('every command that is for a cluster works', async (t) => {
  const tools = mkdtempSync(join(cluster.api.directory, 'tools-'));
  writeFileSync(join(tools, 'kubectl'), `#!/bin/sh\nexec '${kubeProgram()}' kubectl "$@"\n`);
  chmodSync(join(tools, 'kubectl'), 0o755);
  const environment = { ...process.env, IMAGE, KUBECONFIG: cluster.kube.kubeconfig, PATH: `${tools}:${process.env['PATH'] ?? ''}` };
  t.strictSame(runManual(environment), []);
});

t.test("the pod's status says what its node lacks", async (t) => {
  const { kube } = cluster;
  const mounts = '/spec/template/spec/initContainers/0/volumeMounts';
  const patch = JSON.stringify([{ op: 'remove', path: `${mounts}/1` }]);
  await kube.kubectl('-n', 'nodeway-system', 'patch', 'daemonset', 'nodeway', '--type=json', '-p', patch);
  const messages = '{.items[*].status.initContainerStatuses[*].lastState.terminated.message}';
  let seen = '';
  await until(async () => {
    seen = await kube.kubectl('-n', 'nodeway-system', 'get', 'pods', '-o', `jsonpath=${messages}`);
    return seen !== '';
  }, 'an init container has ended with a message');
  t.match(seen, /missing +cgroup v2 (not mounted|.* is this container's alone)/);
  t.match(seen, /do: .*mount the node's \/sys\/fs\/cgroup into/);
});
