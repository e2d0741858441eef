/** VirtualService: which field is complained of, where and how gravely. */
import t from 'tap';
import { type Case, head, problemsOf, specInForce } from './problems-of.ts';

const GOOD = `${head('VirtualService')}  hosts: [b]\n  http:\n  - route:\n    - destination: {host: b}\n`;
const route = (text: string): string => `${GOOD}    ${text}\n`;
const match = (text: string): string => route(`match: [{${text}}]`);
const only = (text: string): string => `${head('VirtualService')}  hosts: [b]\n  http:\n  - ${text}\n`;
const hosts = (names: string, more = ''): string => GOOD.replace('  hosts: [b]\n', `  hosts: [${names}]\n${more}`);
const R = 'spec.http[0]';
const M = `${R}.match[0]`;

const GENERAL: readonly Case[] = [
  ['good', GOOD, []],
  ['private', `${GOOD}  exportTo: ["."]\n`, []],
  ['exported to nobody', `${GOOD}  exportTo: ["~"]\n`, ['9 error spec.exportTo[0]']],
  ['exported to all and one', `${GOOD}  exportTo: ["*", a]\n`, ['9 error spec.exportTo[0]']],
  ['exported twice', `${GOOD}  exportTo: [a, a]\n`, ['9 error spec.exportTo[1]']],
  ['public', `${GOOD}  exportTo: ["*"]\n`, []],
  ['TLS routes beside', `${GOOD}  tls: [{match: [{sniHosts: [b]}], route: [{destination: {host: b}}]}]\n`, []],
  ['TLS routes without anything', `${GOOD}  tls: [{}]\n`, ['9 error spec.tls[0].match', '9 error spec.tls[0].route']],
  [
    'a name that is no host',
    `${GOOD}  tls: [{match: [{sniHosts: [c]}], route: [{destination: {host: b}}]}]\n`,
    ['9 error spec.tls[0].match[0].sniHosts[0]'],
  ],
  [
    'TLS without names',
    `${GOOD}  tls: [{match: [{port: 1}], route: [{destination: {host: b}}]}]\n`,
    ['9 error spec.tls[0].match[0].sniHosts'],
  ],
  ['TCP routes only', `${head('VirtualService')}  hosts: [b]\n  tcp: [{route: [{destination: {host: b}}]}]\n`, []],
  ['TCP without a route', `${head('VirtualService')}  hosts: [b]\n  tcp: [{}]\n`, ['6 error spec.tcp[0].route']],
  [
    'TCP with shares of nothing',
    `${head('VirtualService')}  hosts: [b]\n  tcp: [{route: [{destination: {host: b}}, {destination: {host: c}}]}]\n`,
    ['6 error spec.tcp[0].route'],
  ],
  [
    'what is no subnet',
    `${head('VirtualService')}  hosts: [b]\n  tcp: [{match: [{destinationSubnets: [a]}], route: [{destination: {host: b}}]}]\n`,
    ['6 error spec.tcp[0].match[0].destinationSubnets[0]'],
  ],
  ['no routes', `${head('VirtualService')}  hosts: [b]\n`, ['4 error spec']],
  ['empty routes', `${head('VirtualService')}  hosts: [b]\n  http: []\n`, ['4 error spec']],
  ['no hosts: a delegate', GOOD.replace('  hosts: [b]\n', ''), []],
  ['a delegate with a delegate', `${head('VirtualService')}  http:\n  - delegate: {name: b}\n`, ['6 error spec.http[0].delegate']],
  [
    'a delegate with TLS routes',
    `${head('VirtualService')}  tls: [{match: [{sniHosts: [b]}], route: [{destination: {host: b}}]}]\n`,
    ['5 error spec.tls', '5 error spec.tls[0].match[0].sniHosts[0]'],
  ],
  ['a delegate with gateways', GOOD.replace('  hosts: [b]\n', '  gateways: [g]\n'), ['5 error spec.gateways']],
  ['hosts of all forms', hosts('"*.a.com", b, c.d., 10.0.0.1, "::1"'), []],
  ['the same host twice', hosts('b, b'), ['5 error spec.hosts[1]']],
  ['overlapping wildcards', hosts('"*.com", "*.foo.com"'), ['5 error spec.hosts[1]']],
  ['wildcard and a host of it', hosts('a.foo.com, "*.foo.com"'), ['5 error spec.hosts[1]']],
  ['wildcard and its parent', hosts('foo.com, "*.foo.com"'), []],
  ['odd host', hosts('a_b, c/d'), ['5 error spec.hosts[0]', '5 error spec.hosts[1]']],
  ['all digits at the end', hosts('a.1'), ['5 error spec.hosts[0]']],
  ['all hosts in the mesh', hosts('"*"'), ['5 error spec.hosts[0]']],
  ['all hosts at mesh and gateway', hosts('"*"', '  gateways: [mesh, g]\n'), ['5 error spec.hosts[0]']],
  ['all hosts at a gateway', hosts('"*"', '  gateways: [ns/g]\n'), []],
  ['odd gateway', hosts('b', '  gateways: [a/b/c, "", ns/]\n'), [0, 1, 2].map((index) => `6 error spec.gateways[${index}]`)],
  ['claims in the mesh', match('headers: {"@request.auth.claims.sub": {exact: a}}'), [`9 error ${M}.headers.@request.auth.claims.sub`]],
  ['unknown field', `${GOOD}  host: b\n`, ['9 warning spec.host']],
  ['hosts of a wrong type', GOOD.replace('[b]', 'b'), ['5 error spec.hosts']],
];

const ROUTES: readonly Case[] = [
  ['weight of a wrong type', route('  weight: many'), [`9 error ${R}.route[0].weight`]],
  ['negative weight', route('  weight: -1'), [`9 error ${R}.route[0].weight`]],
  ['weights of 0', only('route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]'), [`7 error ${R}.route`]],
  ['one weight of 0', only('route: [{destination: {host: a}, weight: 0}]'), []],
  ['destination of all hosts', only('route: [{destination: {host: "*"}}]'), [`7 error ${R}.route[0].destination.host`]],
  ['destination of an address', only('route: [{destination: {host: 10.0.0.1}}]'), [`7 error ${R}.route[0].destination.host`]],
  ['no destination', only('route: [{weight: 1}]'), [`7 error ${R}.route[0].destination`]],
  ['odd subset', only('route: [{destination: {host: a, subset: v.1}}]'), [`7 error ${R}.route[0].destination.subset`]],
  ['port 0', only('route: [{destination: {host: a, port: {number: 0}}}]'), [`7 error ${R}.route[0].destination.port.number`]],
  ['delegate', only('delegate: {name: b}'), []],
  ['delegate and route', route('delegate: {name: b}'), [`7 error ${R}.route`]],
  ['delegate and redirect', `${GOOD}  - delegate: {name: b}\n    redirect: {uri: /}\n`, ['10 error spec.http[1].redirect']],
  ['delegate and the rest', only('{delegate: {name: b}, rewrite: {uri: /}, timeout: 1s}'), []],
  [
    'several things that are not served',
    route('match: [{statPrefix: x}]\n    fault: {abort: {httpStatus: 600}}'),
    [`9 unsupported ${R}.match[0].statPrefix`, `10 unsupported ${R}.fault.abort.httpStatus`],
  ],
  ['route and redirect', route('redirect: {uri: /}'), [`9 error ${R}.redirect`]],
  ['redirect and rewrite', only('{redirect: {uri: /}, rewrite: {uri: /}}'), [`7 error ${R}.rewrite`]],
  ['empty redirect', only('redirect: {}'), [`7 error ${R}.redirect`]],
  ['two paths of a redirect', only('redirect: {uri: /a, prefixRewrite: /b}'), [`7 error ${R}.redirect`]],
  ['code of a redirect', only('redirect: {uri: /a, redirectCode: 200}'), [`7 error ${R}.redirect.redirectCode`]],
  [
    'prefix for an exact match',
    only('{match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}}'),
    [`7 error ${R}.redirect.prefixRewrite`],
  ],
  ['prefix for a prefix', only('{match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}}'), []],
  ['empty rewrite', route('rewrite: {}'), [`9 error ${R}.rewrite`]],
  ['two rewrites', route('rewrite: {uri: /a, uriRegexRewrite: {match: a, rewrite: b}}'), [`9 error ${R}.rewrite`]],
  [
    'group of a rewrite',
    route('rewrite: {uriRegexRewrite: {match: "(a)", rewrite: "\\\\2"}}'),
    [`9 error ${R}.rewrite.uriRegexRewrite.rewrite`],
  ],
  ['regex of a rewrite', route('rewrite: {uriRegexRewrite: {match: "(a", rewrite: b}}'), [`9 error ${R}.rewrite.uriRegexRewrite.match`]],
  [
    'authority twice',
    route('rewrite: {authority: a}\n    headers: {request: {set: {Host: b}}}'),
    [`10 error ${R}.headers.request.set.Host`],
  ],
  [
    'authority set and added',
    route('headers: {request: {set: {":authority": a}, add: {host: b}}}'),
    [`9 error ${R}.headers.request.add.host`],
  ],
  ['authority of a response', route('headers: {response: {set: {host: b}}}'), [`9 error ${R}.headers.response.set.host`]],
  ['pseudo-header', route('headers: {request: {set: {":path": b}}}'), [`9 error ${R}.headers.request.set.:path`]],
  ['removed host', route('headers: {request: {remove: [a, Host]}}'), [`9 error ${R}.headers.request.remove[1]`]],
  ['odd header', route('headers: {request: {add: {"a b": c}}}'), [`9 error ${R}.headers.request.add.a b`]],
  ['percent sign', route('headers: {request: {add: {a: 50%, b: 50%%, c: "%REQ(a)%-%PROTOCOL%"}}}'), [`9 error ${R}.headers.request.add.a`]],
  [
    'formatters that Envoy does not have',
    route('headers: {response: {set: {a: "%NOSUCH%", b: "%REQ()%"}}}'),
    [`9 error ${R}.headers.response.set.a`, `9 error ${R}.headers.response.set.b`],
  ],
  ['line feed', route('headers: {request: {add: {a: "b\\nc"}}}'), [`9 error ${R}.headers.request.add.a`]],
  ['mirror twice', route('mirror: {host: c}\n    mirrors: [{destination: {host: c}}]'), [`10 error ${R}.mirrors`]],
  ['mirror of too many', route('mirror: {host: c}\n    mirrorPercentage: {value: 101}'), [`10 error ${R}.mirrorPercentage.value`]],
  ['mirror without destination', route('mirrors: [{percentage: {value: 1}}]'), [`9 error ${R}.mirrors[0].destination`]],
  ['duration', route('timeout: 1m0.5s'), []],
  ['duration of a wrong type', route('timeout: 5'), [`9 error ${R}.timeout`]],
  ['duration of 0', route('timeout: 0s'), [`9 error ${R}.timeout`]],
  ['short duration', route('timeout: 999us'), [`9 error ${R}.timeout`]],
  ['odd duration', route('timeout: 1500us'), [`9 error ${R}.timeout`]],
  ['negative duration', route('timeout: -1s'), [`9 error ${R}.timeout`]],
  ['retries', route('retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,reset,503,unavailable"}'), []],
  ['no retries', route('retries: {attempts: 0}'), []],
  ['no retries, and when', route('retries: {attempts: 0, retryOn: 5xx}'), [`9 error ${R}.retries`]],
  ['retries without number', route('retries: {perTryTimeout: 1s}'), [`9 error ${R}.retries`]],
  ['negative retries', route('retries: {attempts: -1}'), [`9 error ${R}.retries.attempts`]],
  ['condition of no one', route('retries: {attempts: 1, retryOn: "5xx, reset"}'), [`9 error ${R}.retries.retryOn`]],
  ['status of no one', route('retries: {attempts: 1, retryOn: "306"}'), [`9 error ${R}.retries.retryOn`]],
  ['retries elsewhere', route('retries: {attempts: 1, retryRemoteLocalities: true}'), []],
  ['only elsewhere', route('retries: {retryRemoteLocalities: true}'), [`9 error ${R}.retries`]],
  ['unknown field', route('retires: {}'), [`9 warning ${R}.retires`]],
];

const MATCHES: readonly Case[] = [
  [
    'all fields',
    match('uri: {prefix: ""}, scheme: {exact: http}, port: 80, sourceLabels: {a: b}, sourceNamespace: c, gateways: [mesh]'),
    [],
  ],
  ['presence', match('headers: {a: {}, b: null}, withoutHeaders: {c: {regex: "*"}, d: {}}, queryParams: {e: {}}'), []],
  ['two conditions', match('uri: {exact: /a, prefix: /b}'), [`9 error ${M}.uri`]],
  ['empty prefix', match('method: {prefix: ""}'), [`9 error ${M}.method.prefix`]],
  ['empty prefix of a header', match('headers: {a: {prefix: ""}}'), [`9 error ${M}.headers.a.prefix`]],
  ['empty regex', match('uri: {regex: ""}'), [`9 error ${M}.uri.regex`]],
  ['regex', match('uri: {regex: "(a"}'), [`9 error ${M}.uri.regex`]],
  ['look-ahead', match('headers: {a: {regex: "(?=b)"}}'), [`9 error ${M}.headers.a.regex`]],
  ['long regex', match(`uri: {regex: ${'a'.repeat(1025)}}`), [`9 error ${M}.uri.regex`]],
  ['star as regex', match('headers: {a: {regex: "*"}}'), [`9 error ${M}.headers.a.regex`]],
  ['pseudo-headers', match('headers: {":method": {exact: GET}}'), []],
  ['name of a header', match('headers: {"a b": {}}'), [`9 error ${M}.headers.a b`]],
  ['port', match('port: 70000'), [`9 error ${M}.port`]],
  ['source labels', match('sourceLabels: {"a b": c}'), [`9 error ${M}.sourceLabels.a b`]],
  ['source namespace', match('sourceNamespace: a.b'), [`9 error ${M}.sourceNamespace`]],
  ['statistics', match('statPrefix: a'), [`9 unsupported ${M}.statPrefix`]],
  ['unknown field', match('path: /'), [`9 warning ${M}.path`]],
];

for (const [part, cases] of Object.entries({ GENERAL, ROUTES, MATCHES })) {
  t.test(part.toLowerCase(), async (t) => {
    for (const [name, text, expected] of cases) t.same(problemsOf(text), expected, name);
  });
}

t.test('what is not served does not reach the compiler', async (t) => {
  const routes = [{ route: [{ destination: { host: 'b' } }] }];
  t.same(specInForce(`${GOOD}    match: [{statPrefix: x}]\n    retires: {}\n`), {
    hosts: ['b'],
    http: [{ ...routes[0], match: [{}] }],
  });
});
