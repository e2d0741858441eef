/** TCP and TLS rules of VirtualServices inside the mesh. */
import t from 'tap';
import { addressesOf, client, clustersOf, compileText, complaints, destinationRule, service } from './world.ts';

const virtualService = (rules: string, head = 'hosts: [a]', metadata = 'name: a, namespace: default'): string => `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { ${metadata} }
spec:
  ${head}
  ${rules}
`;
const entry = (spec: string): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ext, namespace: default }
spec: ${spec}
`;
const PORTS = '[{ name: tcp, port: 9000 }, { name: tcp-x, port: 9001 }, { name: tls, port: 443 }]';
const A = service('a', PORTS, 'clusterIP: 10.96.0.1');
const B = service('b', '[{ name: tcp, port: 7000 }]');
const id = (port: number, host = 'a', subset = ''): string => `outbound|${port}|${subset}|${host}.default.svc.cluster.local`;
const toB = 'route: [{ destination: { host: b } }]';

const at = (port: number, texts: readonly string[], workload = 'default/client'): unknown =>
  addressesOf(compileText([client(), A, B, ...texts]), workload)[`10.96.0.1:${port}`];

t.test('without a rule a connection goes to its service', async (t) => {
  t.same(at(9000, []), { to: 'cluster', protocol: 'tcp', cluster: id(9000) });
  t.same(at(9000, [virtualService(`tcp: [{ match: [{ port: 9001 }], ${toB} }]`)]), { to: 'cluster', protocol: 'tcp', cluster: id(9000) });
});

t.test('TCP: the first rule that is for the client and the port', async (t) => {
  const rules = virtualService(
    `tcp: [{ match: [{ port: 9001 }], ${toB} }, { route: [{ destination: { host: a, subset: v1 }, weight: 20 }, { destination: { host: a, subset: v2 }, weight: 80 }, { destination: { host: b }, weight: 0 }] }]`,
  );
  t.match(at(9001, [rules]), { rules: [{ destinations: [{ cluster: id(7000, 'b'), weight: 1 }] }] });
  t.same((at(9000, [rules]) as { rules: unknown }).rules, [
    {
      destinations: [
        { cluster: id(9000, 'a', 'v1'), weight: 20 },
        { cluster: id(9000, 'a', 'v2'), weight: 80 },
      ],
    },
  ]);
});

t.test('subnets are matched in the proxy, and what none has goes to the service', async (t) => {
  const rules = virtualService(`tcp: [{ match: [{ destinationSubnets: [10.96.0.9/24, 10.1.2.3] }], ${toB} }]`);
  t.same((at(9000, [rules]) as { rules: unknown }).rules, [
    { ranges: ['10.96.0.0/24', '10.1.2.3/32'], destinations: [{ cluster: id(7000, 'b'), weight: 1 }] },
    { destinations: [{ cluster: id(9000), weight: 1 }] },
  ]);
});

t.test('rules for some clients are for those alone', async (t) => {
  const labelled = virtualService(`tcp: [{ match: [{ sourceLabels: { tier: gold } }], ${toB} }]`);
  const gold = client('gold', 'default', 'tier: gold');
  t.match(at(9000, [labelled, gold], 'default/gold'), { rules: [{ destinations: [{ cluster: id(7000, 'b') }] }] });
  t.equal((at(9000, [labelled, gold]) as { rules?: unknown }).rules, undefined);
  const named = virtualService(`tcp: [{ match: [{ sourceNamespace: other }], ${toB} }]`);
  const other = client('client', 'other');
  t.match(at(9000, [named, other], 'other/client'), { rules: [{ destinations: [{ cluster: id(7000, 'b') }] }] });
  t.equal((at(9000, [named, other]) as { rules?: unknown }).rules, undefined);
});

t.test('TLS: by the name that clients ask for', async (t) => {
  const names = '[a.default.svc.cluster.local, "*.shop.example"]';
  const rules = virtualService(
    `tls: [{ match: [{ sniHosts: [X.shop.example] }], ${toB} }, { match: [{ sniHosts: ${names} }], route: [{ destination: { host: a } }] }]`,
    'hosts: [a.default.svc.cluster.local, "*.shop.example"]',
  );
  t.same((at(443, [rules]) as { rules: unknown }).rules, [
    { names: ['x.shop.example'], destinations: [{ cluster: id(7000, 'b'), weight: 1 }] },
    { names: ['a.default.svc.cluster.local', '*.shop.example'], destinations: [{ cluster: id(443), weight: 1 }] },
  ]);
  t.equal((at(9000, [rules]) as { rules?: unknown }).rules, undefined, 'not for TCP ports');
});

t.test('TLS without an address: the names of the rules take the place of the host', async (t) => {
  const compiled = compileText([
    client(),
    entry(
      '{ hosts: ["*.ext.example"], ports: [{ number: 443, name: tls, protocol: TLS }], resolution: STATIC, endpoints: [{ address: 192.0.2.1, labels: { v: a } }] }',
    ),
    destinationRule('{ host: "*.ext.example", subsets: [{ name: a, labels: { v: a } }] }'),
    virtualService(
      'tls: [{ match: [{ sniHosts: [one.ext.example] }], route: [{ destination: { host: "*.ext.example", subset: a } }] }]',
      'hosts: ["*.ext.example"]',
    ),
  ]);
  const own = [...compiled.snapshot.records.virtualHosts.values()].filter(({ layer }) => layer === 'mesh sni');
  t.same(
    own.map(({ domains, routes }) => [domains, clustersOf(routes[0])]),
    [[['one.ext.example'], ['outbound|443|a|*.ext.example']]],
  );
  t.same(complaints(compiled), []);
});

t.test('TCP without an address', async (t) => {
  const compiled = compileText([
    client(),
    B,
    entry(
      '{ hosts: [ext.example], ports: [{ number: 9000, name: tcp, protocol: TCP }], resolution: STATIC, endpoints: [{ address: 192.0.2.1 }] }',
    ),
    virtualService(`tcp: [{ ${toB} }]`, 'hosts: [ext.example]'),
  ]);
  t.match(addressesOf(compiled)['*:9000'], { rules: [{ destinations: [{ cluster: id(7000, 'b') }] }] });
});
