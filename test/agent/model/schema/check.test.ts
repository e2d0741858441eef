/** Which field is complained of, where and how gravely. */
import t from 'tap';
import { ObjectStore } from '../../../../src/agent/model/store.ts';
import { parseManifest } from '../../../../src/agent/sources/document.ts';

const head = (kind: string) => `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: a}\nspec:\n`;
const VS = `${head('VirtualService')}  hosts: [b]\n  http:\n  - route:\n    - destination: {host: b}\n`;
const DR = `${head('DestinationRule')}  host: b\n`;
const GW = `${head('Gateway')}  servers:\n  - hosts: ["*"]\n    port: {number: 80, name: http, protocol: http}\n`;
const server = (protocol: string) => `  - hosts: ["*"]\n    port:\n      number: 443\n      name: b\n      protocol: ${protocol}\n`;
const cases: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  ['good', VS, []],
  ['weight of a wrong type', `${VS}      weight: many\n`, ['9 error spec.http[0].route[0].weight']],
  ['fault', `${VS}    fault: {}\n`, ['9 unsupported spec.http[0].fault']],
  ['unknown field', `${VS}    retires: {}\n`, ['9 warning spec.http[0].retires']],
  ['duration', `${VS}    timeout: 5\n`, ['9 error spec.http[0].timeout']],
  ['regex', `${VS}    match:\n    - uri: {regex: "(a"}\n`, ['10 error spec.http[0].match[0].uri.regex']],
  ['public exportTo', `${VS}  exportTo: ["*"]\n`, []],
  ['private exportTo', `${VS}  exportTo: ["."]\n`, ['9 unsupported spec.exportTo']],
  ['outliers', `${DR}  trafficPolicy:\n    outlierDetection: {}\n`, ['7 unsupported spec.trafficPolicy.outlierDetection']],
  ['no servers', `${head('Gateway')}  servers: []\n`, ['5 error spec.servers']],
  ['HTTP servers', `${GW}${server('GRPC-WEB')}`, []],
  ['HTTPS server without TLS block', `${GW}${server('HTTPS')}`, ['12 unsupported spec.servers[1].port.protocol']],
  [
    'TLS server',
    `${GW}${server('TLS')}    tls: {}\n`,
    ['12 unsupported spec.servers[1].port.protocol', '13 unsupported spec.servers[1].tls'],
  ],
  ['MONGO server', `${GW}${server('MONGO')}`, ['12 unsupported spec.servers[1].port.protocol']],
  ['server at one address', `${GW}    bind: 127.0.0.1\n`, ['8 unsupported spec.servers[0].bind']],
  ['protocol that no one knows', `${GW}${server('GOPHER')}`, ['12 error spec.servers[1].port.protocol']],
  ['direct response', `${VS}  - directResponse: {status: 200}\n`, ['9 unsupported spec.http[1].directResponse']],
  ['delegate', `${VS}  - delegate: {name: b}\n`, ['9 unsupported spec.http[1].delegate']],
  ['fault alone', `${VS}  - fault: {}\n`, ['9 error spec.http[1]', '9 unsupported spec.http[1].fault']],
  ['known kind', head('Sidecar'), ['2 unsupported kind']],
  ['removed kind', head('X').replace('networking', 'rbac'), ['2 warning kind']],
];

for (const [name, text, expected] of cases) {
  t.test(name, async (t) => {
    const store = new ObjectStore();
    for (const { object, origin } of parseManifest('f.yaml', text).objects) store.upsert(object, origin);
    t.same(
      store.problems().map(({ line, severity, path }) => `${line} ${severity} ${path}`),
      expected,
    );
  });
}

const inForce = (text: string) => {
  const store = new ObjectStore();
  for (const { object, origin } of parseManifest('f.yaml', text).objects) store.upsert(object, origin);
  const kind = /kind: (\w+)/.exec(text)?.[1] ?? '';
  return (store.list(kind)[0] as unknown as { spec: unknown } | undefined)?.spec;
};

t.test('what is not served does not reach the compiler', async (t) => {
  const routes = [{ route: [{ destination: { host: 'b' } }] }];
  t.same(inForce(`${VS}    fault: {}\n    retires: {}\n  exportTo: ["."]\n`), { hosts: ['b'], http: routes });
  t.same(inForce(`${VS}  - {name: n, match: [{port: 1}], directResponse: {status: 200}, headers: {}}\n`), {
    hosts: ['b'],
    http: [...routes, { name: 'n', match: [{ port: 1 }] }],
  });
  for (const more of [
    server('HTTPS'),
    server('TCP'),
    `${server('HTTP')}    tls: {httpsRedirect: true}\n`,
    `${server('HTTP')}    bind: 1.2.3.4\n`,
  ]) {
    t.same(inForce(`${GW}${more}`), { servers: [{ hosts: ['*'], port: { number: 80, name: 'http', protocol: 'HTTP' } }] }, more);
  }
});

t.test('a refused version leaves the last good one in force', async (t) => {
  const store = new ObjectStore();
  const put = (text: string) => parseManifest('f.yaml', text).objects.forEach(({ object, origin }) => store.upsert(object, origin));
  put(VS);
  const [good] = store.list('VirtualService');
  put(`${VS}      weight: many\n`);
  t.equal(store.list('VirtualService')[0], good);
  put(VS);
  t.same(store.problems(), []);
});
