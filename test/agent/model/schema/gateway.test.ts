/** Gateway: which field is complained of, where and how gravely. */
import t from 'tap';
import { type Case, head, problemsOf, specInForce } from './problems-of.ts';

const GOOD = `${head('Gateway')}  servers:\n  - hosts: ["*"]\n    port: {number: 80, name: http, protocol: http}\n`;
const server = (protocol: string): string => `  - hosts: ["*"]\n    port:\n      number: 443\n      name: b\n      protocol: ${protocol}\n`;
const hosts = (...names: readonly string[]): string =>
  `${head('Gateway')}  servers:\n  - port: {number: 80, name: a, protocol: HTTP}\n    hosts:\n${names.map((name) => `    - "${name}"\n`).join('')}`;
const port = (text: string): string => `${head('Gateway')}  servers:\n  - hosts: [a.com]\n    port: ${text}\n`;

const CASES: readonly Case[] = [
  ['good', GOOD, []],
  ['HTTP servers', `${GOOD}${server('GRPC-WEB')}`, []],
  ['HTTPS without TLS block', `${GOOD}${server('HTTPS')}`, ['8 error spec.servers[1].tls']],
  ['TLS passed through', `${GOOD}${server('TLS')}    tls: {}\n`, []],
  ['TLS ended', `${GOOD}${server('TLS')}    tls: {mode: SIMPLE, credentialName: c}\n`, ['13 unsupported spec.servers[1].tls']],
  [
    'TLS by the names of clusters',
    `${GOOD}${server('TLS')}    tls: {mode: AUTO_PASSTHROUGH}\n`,
    ['13 unsupported spec.servers[1].tls.mode'],
  ],
  [
    'TLS of a port in the clear',
    `${GOOD}${server('HTTP')}    tls: {mode: SIMPLE, credentialName: c}\n`,
    ['13 error spec.servers[1].tls', '13 unsupported spec.servers[1].tls'],
  ],
  ['TLS of TCP', `${GOOD}${server('TCP')}    tls: {}\n`, ['13 error spec.servers[1].tls']],
  ['clients are sent to HTTPS', `${GOOD}${server('HTTP')}    tls: {httpsRedirect: true}\n`, []],
  ['TCP', `${GOOD}${server('TCP')}`, []],
  ['MONGO', `${GOOD}${server('MONGO')}`, []],
  ['one address', `${GOOD}    bind: 127.0.0.1\n`, ['8 unsupported spec.servers[0].bind']],
  ['default endpoint', `${GOOD}    defaultEndpoint: 127.0.0.1:1\n`, ['8 unsupported spec.servers[0].defaultEndpoint']],
  ['protocol of no one', `${GOOD}${server('GOPHER')}`, ['12 error spec.servers[1].port.protocol']],
  ['no servers', `${head('Gateway')}  servers: []\n`, ['5 error spec.servers']],
  [
    'no hosts',
    `${head('Gateway')}  servers:\n  - hosts: []\n    port: {number: 80, name: a, protocol: HTTP}\n`,
    ['6 error spec.servers[0].hosts'],
  ],
  ['no port', `${head('Gateway')}  servers:\n  - hosts: ["*"]\n`, ['6 error spec.servers[0].port']],
  ['port out of range', port('{number: 65536, name: a, protocol: HTTP}'), ['7 error spec.servers[0].port.number']],
  ['port without name', port('{number: 80, protocol: HTTP}'), ['7 error spec.servers[0].port.name']],
  ['port given as text', port('{number: "80", name: a, protocol: HTTP}'), ['7 error spec.servers[0].port.number']],
  ['two ports of one name', `${GOOD}${server('HTTP').replace('name: b', 'name: http')}`, ['11 error spec.servers[1].port.name']],
  ['good hosts', hosts('*/a.com', './b.a', 'ns/*', '*', '10.1.1.1', '*.c', 'ns/*.c.d.'), []],
  ['wildcard within', hosts('a.*.com'), ['8 error spec.servers[0].hosts[0]']],
  ['wildcard of part of a label', hosts('*-a.com'), ['8 error spec.servers[0].hosts[0]']],
  ['short name', hosts('a.com', 'b'), ['9 error spec.servers[0].hosts[1]']],
  ['odd namespace', hosts('~/b.c', '/b.c', 'x_y/b.c'), [8, 9, 10].map((line) => `${line} error spec.servers[0].hosts[${line - 8}]`)],
  ['no name', hosts('ns/'), ['8 error spec.servers[0].hosts[0]']],
  ['label of a wrong type', `${GOOD}  selector: {istio: 1}\n`, ['8 error spec.selector.istio']],
  ['unknown field', `${GOOD}  severs: []\n`, ['8 warning spec.severs']],
];

for (const [name, text, expected] of CASES) t.test(name, async (t) => t.same(problemsOf(text), expected));

t.test('servers that are not served do not reach the compiler', async (t) => {
  const inTheClear = [
    `${server('HTTPS')}    tls: {mode: SIMPLE, credentialName: c}\n`,
    `${server('TLS')}    tls: {mode: AUTO_PASSTHROUGH}\n`,
    `${server('HTTP')}    bind: 1.2.3.4\n`,
  ];
  for (const more of inTheClear) {
    t.same(
      specInForce(`${GOOD}${more}`),
      { servers: [{ hosts: ['*'], kind: 'http', httpsRedirect: false, port: { number: 80, name: 'http', protocol: 'HTTP' } }] },
      more,
    );
  }
});
