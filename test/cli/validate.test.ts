/** The real command on real files. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../fixtures/manifests', import.meta.url));

function validate(args: readonly string[], input = '', environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'validate', ...args], {
    cwd: FIXTURES,
    encoding: 'utf8',
    input,
    env: { ...process.env, ...environment },
  });
  return { status, stdout, stderr };
}

/** `FILE:LINE: SEVERITY: OBJECT: FIELD` of each line; the columns and messages are for people. */
const gist = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^([^:]+:\d+):\d+(: \w+: )(\w+ [\w-]*\/[\w-]+: )?([\w.[\]]+: )?.*/, '$1$2$3$4').trim());

t.test('good files', async (t) => {
  t.same(validate(['shop']), { status: 0, stdout: '', stderr: '0 errors, 0 unsupported, 0 warnings\n' });
});

t.test('faults of single objects and among objects, each with its place', async (t) => {
  const { status, stdout, stderr } = validate(['faulty']);
  t.equal(status, 1);
  t.same(gist(stdout), [
    'faulty/a.yaml:20: unsupported: VirtualService default/cart: spec.http[0].fault.abort.httpStatus:',
    'faulty/a.yaml:21: error: VirtualService default/cart: spec.http[0].timeout:',
    'faulty/a.yaml:32: error: VirtualService default/links: spec.http[0].route[0].destination.subset:',
    'faulty/a.yaml:35: error: VirtualService default/links: spec.http[0].route[1].destination.host:',
    'faulty/b.yaml:1: error: Service default/cart:',
    'faulty/b.yaml:10: error: ConfigMap istio-system/istio: data.mesh:',
    'faulty/c.yaml:2: error:',
  ]);
  t.match(stdout, 'faulty/b.yaml:1:1: error: Service default/cart: already given in faulty/a.yaml:1, which is in effect');
  t.match(stderr, /^6 errors, 1 unsupported, 0 warnings$/m);
});

t.test('a part of a configuration misses nothing', async (t) => {
  t.match(validate(['shop/routes.yaml']), { status: 0, stdout: '' });
});

t.test('files and standard input together', async (t) => {
  const broken =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: shop}\nspec:\n  hosts: [stock]\n';
  t.same(gist(validate(['shop', '-'], broken).stdout), ['-:4: error: VirtualService shop/a: spec:']);
  const route = `${broken}  http:\n  - route: [{destination: {host: cart, subset: v2}}, {destination: {host: stock, subset: v2}, weight: 1}]\n`;
  t.same(gist(validate(['-', 'shop'], route).stdout), ['-:7: error: VirtualService shop/a: spec.http[0].route[1].destination.subset:']);
});

t.test('the flags and variables of the agent', async (t) => {
  const route =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: shop}\nspec:\n  hosts: [stock]\n' +
    '  http:\n  - route: [{destination: {host: stock.shop.svc.other}}]\n';
  t.match(validate(['shop', '-'], route), { status: 1 });
  t.match(validate(['shop', '-', '--cluster-domain', 'other'], route), { status: 0 });
  t.match(validate(['shop', '-'], route, { NODEWAY_CLUSTER_DOMAIN: 'other' }), { status: 0 });
});

t.test('JSON for programs', async (t) => {
  const { status, stdout, stderr } = validate(['faulty', '-o', 'json']);
  t.equal(status, 1);
  t.equal(stderr, '');
  const problems = JSON.parse(stdout) as unknown[];
  t.equal(problems.length, 7);
  t.match(problems[1], {
    severity: 'error',
    object: { kind: 'VirtualService', namespace: 'default', name: 'cart' },
    path: 'spec.http[0].timeout',
    file: 'faulty/a.yaml',
    line: 21,
    column: 7,
  });
});

t.test('wrong usage', async (t) => {
  t.match(validate([]), { status: 2, stderr: /usage: nodeway validate/ });
  t.match(validate(['--frob', 'shop']), { status: 2, stderr: /--frob: no such flag/ });
  t.match(validate(['-o', 'xml', 'shop']), { status: 2, stderr: /--output: "xml"/ });
  t.match(validate(['no-such-file']), { status: 2, stderr: /no-such-file: ENOENT/ });
});
