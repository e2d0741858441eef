import t from 'tap';
import { client, compileText, complaints, destinationRule, service, virtualService } from './world.ts';

const gateway = (hosts: string, selector = 'ingressgateway'): string => `
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gw, namespace: default }
spec: { selector: { istio: ${selector} }, servers: [{ port: { number: 80, name: h, protocol: HTTP }, hosts: [${hosts}] }] }
`;
const toA = 'route: [{ destination: { host: a } }]';

t.test('destinations that do not exist', async (t) => {
  for (const [route, expected] of [
    [
      '{ destination: { host: none } }',
      /spec\.http\[0\]\.route\[0\]\.destination\.host: there is no service none\.default\.svc\.cluster\.local/,
    ],
    ['{ destination: { host: a, port: { number: 81 } } }', /destination\.port\.number: .* has no port 81/],
    ['{ destination: { host: a, subset: v9 } }', /destination\.subset: no DestinationRule gives .* a subset v9/],
  ] as const) {
    const found = complaints(compileText([service('a'), virtualService(`[{ route: [${route}] }]`)]));
    t.equal(found.length, 1, route);
    t.match(found[0], expected);
  }
  const mirror = virtualService(`[{ mirror: { host: none }, ${toA} }]`);
  t.match(complaints(compileText([service('a'), mirror])), [/spec\.http\[0\]\.mirror\.host/]);
});

t.test('a problem knows its line', async (t) => {
  const { problems } = compileText([service('a'), virtualService('\n  - route:\n    - destination:\n        host: none')]);
  t.match(problems, [{ severity: 'error', object: { kind: 'VirtualService', namespace: 'default', name: 'a' }, file: '1.yaml', line: 11 }]);
});

t.test("subsets count as the rule's and the service's namespace see them", async (t) => {
  const rule = virtualService('[{ route: [{ destination: { host: a, subset: v1 } }] }]');
  t.same(complaints(compileText([service('a'), rule, destinationRule('{ host: a, subsets: [{ name: v1 }] }')])), []);
});

t.test("a subset that is missing in the view of one namespace's clients", async (t) => {
  const own = destinationRule('{ host: a.default.svc.cluster.local, subsets: [{ name: other }] }', 'name: own, namespace: other');
  const shared = destinationRule('{ host: a, subsets: [{ name: v1 }] }');
  const rule = (http: string, gateways = 'mesh'): string => virtualService(`[${http}]`, `hosts: [a]\n  gateways: [${gateways}]`);
  const found = (...texts: string[]): string[] => complaints(compileText([client(), service('a'), shared, own, ...texts]));
  const toV1 = 'route: [{ destination: { host: a, subset: v1 } }]';
  t.match(found(client('c', 'other'), rule(`{ ${toV1} }`)), [
    /destination\.subset: for clients in namespace other, DestinationRule other\/own, which gives a\.default.* no subset v1, takes/,
  ]);
  t.same(found(rule(`{ ${toV1} }`)), [], 'no client there');
  t.same(found(client('c', 'other'), rule(`{ match: [{ sourceNamespace: default }], ${toV1} }`)), [], 'a rule for other clients');
  t.equal(found(client('c', 'other'), rule(`{ match: [{ sourceNamespace: other }], ${toV1} }`)).length, 1);
  const gw = gateway('"*"');
  t.same(found(client('c', 'other'), gw, rule(`{ ${toV1} }`, 'gw')), [], 'gateways are no clients of that namespace');
  const ofAgent = own.replace('namespace: other', 'namespace: nodeway-system');
  t.match(complaints(compileText([service('a'), shared, ofAgent, gw, rule(`{ ${toV1} }`, 'gw')])), [
    /for clients in namespace nodeway-system/,
  ]);
});

t.test('VirtualServices and their gateways', async (t) => {
  const bound = (name: string): string => virtualService(`[{ ${toA} }]`, `hosts: [x.example]\n  gateways: [${name}]`);
  t.match(complaints(compileText([service('a'), bound('none')])), [/spec\.gateways\[0\]: there is no Gateway default\/none/]);
  t.match(complaints(compileText([service('a'), bound('gw'), gateway('"*"', 'other')])), [/does not select this node/]);
  t.match(complaints(compileText([service('a'), bound('gw'), gateway('y.example')])), [/has none of the hosts/]);
  t.same(complaints(compileText([service('a'), bound('gw'), gateway('"*.example"')])), []);
});

t.test('two VirtualServices for one mesh host', async (t) => {
  const second = virtualService(`[{ ${toA} }]`, 'hosts: [a]', 'name: b, namespace: default');
  t.match(complaints(compileText([service('a'), virtualService(`[{ ${toA} }]`), second])), [
    /spec\.hosts\[0\]: VirtualService default\/a has a\.default/,
  ]);
});

t.test('DestinationRules', async (t) => {
  for (const [spec, expected] of [
    ['{ host: none }', /spec\.host: there is no service/],
    ['{ host: a, trafficPolicy: { loadBalancer: { consistentHash: {} } } }', /loadBalancer\.consistentHash: no key/],
    [
      '{ host: a, subsets: [{ name: v, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, loadBalancer: { consistentHash: {} } }] } }] }',
      /spec\.subsets\[0\]\.trafficPolicy\.portLevelSettings\[0\]\.loadBalancer\.consistentHash/,
    ],
  ] as const) {
    t.match(complaints(compileText([service('a'), destinationRule(spec)])), [expected], spec);
  }
  t.same(complaints(compileText([service('a'), destinationRule('{ host: "*.cluster.local" }')])), []);
});

t.test('rules that a client meets on several ways are one problem', async (t) => {
  const formatter = virtualService(
    `[{ headers: { request: { set: { x: "%DURATION%" } } }, match: [{ uri: { prefix: /a } }, { uri: { prefix: /b } }], ${toA} }]`,
  );
  const compiled = compileText([
    client(),
    client('c', 'other'),
    service('a', '[{ name: http, port: 80 }, { name: http-b, port: 81 }]'),
    formatter,
  ]);
  t.match(complaints(compiled), [/spec\.http\[0\]\.headers\.request\.set\.x/]);
  t.equal(compiled.problems.length, 1);
});

t.test('enrolment annotations that say nothing', async (t) => {
  const namespace = '\n---\napiVersion: v1\nkind: Namespace\nmetadata: { name: default, annotations: { nodeway.io/enroll: "yes" } }\n';
  const pod =
    '\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: p, namespace: default, annotations: { nodeway.io/netns: /run/netns/p } }\nspec: {}\n';
  t.match(complaints(compileText(namespace + pod)), [
    /Namespace metadata\.annotations\.nodeway\.io\/enroll: must be "true" or "false", not "yes"/,
  ]);
});
