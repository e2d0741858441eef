import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { InClusterAccess } from '../../../../src/agent/sources/kubernetes/access.ts';
import { KubeConfigAccess } from '../../../../src/agent/sources/kubernetes/kube-config.ts';
import type { ApiDouble } from './api-double.ts';
import { openDouble, openRig, PODS, Rig, service, SERVICES } from './rig.ts';

/** Only this token is good. */
function accept(api: ApiDouble, token: string): void {
  api.fault = ({ authorization }) => (authorization === `Bearer ${token}` ? null : { code: 401, status: { message: 'Unauthorized' } });
}

function kubeconfig(t: Test, server: string, user: object): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  return join(t.testdir({ kubeconfig: JSON.stringify(config) }), 'kubeconfig');
}

t.test('the service account of a pod, whose token is replaced', async (t) => {
  const directory = t.testdir({ token: 'first\n', 'ca.crt': 'CA' });
  const access = new InClusterAccess('https://10.0.0.1:443', directory);
  t.match(await access.options(), { ca: Buffer.from('CA'), headers: { Authorization: 'Bearer first' } });
  const rig = await openRig(t, (api) => accept(api, 'first'), { access: (api) => new InClusterAccess(api.url, directory) });
  await rig.until('synced', () => rig.store.synced);
  accept(rig.api, 'second');
  rig.api.put(SERVICES, service('one'));
  rig.api.breakWatches(SERVICES);
  await rig.untilLater('it is told', () => rig.told.length > 0);
  t.match(rig.told, [/does not accept the credentials of the agent \(Unauthorized\)/]);
  writeFileSync(join(directory, 'token'), 'second');
  rig.api.breakWatches(PODS);
  await rig.untilLater('the new token is used', () => rig.services().length === 1);
  await rig.untilLater('it is taken back', () => rig.problems().length === 0);
});

t.test('a kubeconfig whose token is replaced: refused once, read again, and nobody hears of it', async (t) => {
  const api = await openDouble(t);
  accept(api, 'first');
  const file = kubeconfig(t, api.url, { token: 'first' });
  const rig = new Rig(api, await KubeConfigAccess.open(file));
  t.teardown(() => rig.source.stop());
  await rig.start();
  await rig.until('synced', () => rig.store.synced);
  await rig.until('watched', () => rig.api.watches(SERVICES) > 0);
  accept(api, 'second');
  kubeconfig(t, api.url, { token: 'second' });
  api.put(SERVICES, service('one'));
  api.breakWatches(SERVICES);
  api.put(SERVICES, service('two'));
  await rig.untilLater('the new token is used', () => rig.services().length === 2);
  t.strictSame(rig.told, []);
});

t.test('a kubeconfig with a plugin', async (t) => {
  const directory = t.testdir({ token: 'first' });
  const script = `const token = fs.readFileSync('${join(directory, 'token')}', 'utf8'); console.log(JSON.stringify({ status: { token } }))`;
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', script], interactiveMode: 'Never' };
  const access = await KubeConfigAccess.open(join(t.testdir({ plugin: pluginConfig(exec) }), 'plugin'));
  const authorization = async () => (await access.options()).headers['Authorization'];
  // The directory was made anew.
  writeFileSync(join(directory, 'token'), 'first\n');
  t.equal(await authorization(), 'Bearer first');
  writeFileSync(join(directory, 'token'), 'second');
  t.equal(await authorization(), 'Bearer first', 'the plugin set no end');
  access.renew();
  t.equal(await authorization(), 'Bearer second');
});

const pluginConfig = (exec: object): string =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1:6443/', 'tls-server-name': 'api' } }],
    users: [{ name: 'u', user: { exec } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });

t.test('a kubeconfig with certificates', async (t) => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') };
  const access = await KubeConfigAccess.open(kubeconfig(t, 'https://192.0.2.1:6443/', user));
  t.equal(access.server, 'https://192.0.2.1:6443');
  const options = await access.options();
  t.match(options, { cert: Buffer.from('CERT'), key: Buffer.from('KEY'), rejectUnauthorized: false });
  t.notOk('agent' in options, 'that of the package would keep the first certificate');
});

t.test('a kubeconfig that cannot be used', async (t) => {
  const directory = t.testdir({ empty: '{}', other: 'apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n' });
  await t.rejects(KubeConfigAccess.open(join(directory, 'none')), /ENOENT/);
  await t.rejects(KubeConfigAccess.open(join(directory, 'empty')), /current context "" names no cluster/);
  await t.rejects(KubeConfigAccess.open(join(directory, 'other')), /current context "nowhere" names no cluster/);
});
