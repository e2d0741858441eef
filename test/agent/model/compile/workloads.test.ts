import t from 'tap';
import { Compiler } from '../../../../src/agent/model/compile/index.ts';
import { applied, client, compileText, endpoints, OPTIONS, pod, routesOf, service, storeOf, virtualService } from './world.ts';

const local = (metadata: string, spec = ''): string => `
---
apiVersion: v1
kind: Pod
metadata: { namespace: default, ${metadata} }
spec: { nodeName: n1, ${spec} }
status: { podIP: 10.0.0.1 }
`;
const enroll = "annotations: { nodeway.io/enroll: 'true' }";
const owner = (kind: string, name: string): string =>
  `ownerReferences: [{ apiVersion: v1, kind: ${kind}, name: ${name}, controller: true, uid: u }]`;

t.test("a pod is local by its node or by its namespace's path", async (t) => {
  const elsewhere = "metadata: { name: far, namespace: default, annotations: { nodeway.io/enroll: 'true' } }";
  const compiled = compileText([
    local(`name: near, uid: u-1, ${enroll}`),
    client('placed'),
    `\n---\napiVersion: v1\nkind: Pod\n${elsewhere}\nspec: { nodeName: n2 }\nstatus: { podIP: 10.0.0.3 }\n`,
    local('name: quiet'),
  ]);
  t.same([...compiled.snapshot.records.workloads.keys()].sort(), ['default/near', 'default/placed']);
  t.match(
    compiled.pods.find(({ key }) => key === 'default/near'),
    { uid: 'u-1', netns: null, addresses: ['10.0.0.1'], failClosed: false },
  );
  t.match(
    compiled.pods.find(({ key }) => key === 'default/placed'),
    { netns: '/run/netns/placed' },
  );
  t.match(
    compiled.localPods.find(({ key }) => key === 'default/quiet'),
    { enrolled: false, reason: 'nothing asks for it' },
  );
  t.equal(compiled.pods.length, 2, 'only enrolled ones are for capture');
});

t.test('nodeway.io/fail-closed', async (t) => {
  const { pods, problems } = compileText([
    local("name: closed, annotations: { nodeway.io/enroll: 'true', nodeway.io/fail-closed: 'true' }"),
    local("name: wrong, annotations: { nodeway.io/enroll: 'true', nodeway.io/fail-closed: 'yes' }"),
  ]);
  t.same(Object.fromEntries(pods.map(({ key, failClosed }) => [key, failClosed])), { 'default/closed': true, 'default/wrong': false });
  t.match(problems, [{ object: { name: 'wrong' }, path: 'metadata.annotations.nodeway.io/fail-closed' }]);
});

t.test('workload names follow owners', async (t) => {
  const replicaSet = (name: string, more: string): string =>
    `\n---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: { name: ${name}, namespace: default, ${more} }\n`;
  const deployment = '\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: default }\n';
  for (const [name, text, expected] of [
    ['no owner', local(`name: p, ${enroll}`), 'p'],
    [
      'ReplicaSet and its Deployment',
      local(`name: p, ${enroll}, ${owner('ReplicaSet', 'web-5d4')}`) + replicaSet('web-5d4', owner('Deployment', 'web')),
      'web',
    ],
    ['a ReplicaSet of its own', local(`name: p, ${enroll}, ${owner('ReplicaSet', 'web-5d4')}`) + replicaSet('web-5d4', ''), 'web-5d4'],
    ['ReplicaSet by its hash', local(`name: p, ${enroll}, labels: { pod-template-hash: 5d4 }, ${owner('ReplicaSet', 'web-5d4')}`), 'web'],
    [
      'ReplicaSet with another hash',
      local(`name: p, ${enroll}, labels: { pod-template-hash: 7f6 }, ${owner('ReplicaSet', 'web-5d4')}`),
      'web-5d4',
    ],
    ['ReplicaSet of a known Deployment', local(`name: p, ${enroll}, ${owner('ReplicaSet', 'web-5d4')}`) + deployment, 'web'],
    ['StatefulSet', local(`name: p, ${enroll}, ${owner('StatefulSet', 'db')}`), 'db'],
    ['CronJob by the time in its Job', local(`name: p, ${enroll}, ${owner('Job', 'night-28500000')}`), 'night'],
    ['Job', local(`name: p, ${enroll}, ${owner('Job', 'once')}`), 'once'],
    ['owners in a circle', local(`name: p, ${enroll}, ${owner('ReplicaSet', 'r')}`) + replicaSet('r', owner('ReplicaSet', 'r')), 'r'],
  ] as const) {
    t.equal(compileText(text).snapshot.records.workloads.get('default/p')?.identity.workload, expected, name);
  }
});

t.test('canonical names', async (t) => {
  for (const [labels, expected] of [
    ['', { app: 'unknown', version: 'unknown', canonicalService: 'p', canonicalRevision: 'latest' }],
    ['app: a, version: v1', { app: 'a', version: 'v1', canonicalService: 'a', canonicalRevision: 'v1' }],
    ['app: a, app.kubernetes.io/name: b, app.kubernetes.io/version: v2', { app: 'a', canonicalService: 'b', canonicalRevision: 'v2' }],
    [
      'app.kubernetes.io/name: b, service.istio.io/canonical-name: c, service.istio.io/canonical-revision: r, version: v1',
      { canonicalService: 'c', canonicalRevision: 'r' },
    ],
  ] as const) {
    const { workloads } = compileText(local(`name: p, ${enroll}, labels: { ${labels} }`)).snapshot.records;
    t.match(workloads.get('default/p')?.identity, { ...expected, pod: 'p', namespace: 'default', serviceAccount: 'default' }, labels);
  }
  const { workloads } = compileText(local(`name: p, ${enroll}`, 'serviceAccountName: robot')).snapshot.records;
  t.equal(workloads.get('default/p')?.identity.serviceAccount, 'robot');
});

t.test('inbound ports are those of the services that lead to the pod', async (t) => {
  const unready = 'conditions: [{ type: Ready, status: "False" }]';
  const text = [
    local(`name: p, ${enroll}, labels: { app: a }`, 'containers: [{ name: c, ports: [{ name: web, containerPort: 8080 }] }]').replace(
      'podIP: 10.0.0.1',
      `podIP: 10.0.0.1, ${unready}`,
    ),
    service('a', '[{ name: http, port: 80, targetPort: web }, { name: tcp-x, port: 90, targetPort: 9090 }]'),
    service('z', '[{ name: tcp, port: 80, targetPort: 8080 }]').replace('app: z', 'app: a'),
  ];
  const { inbound } = compileText(text).snapshot.records.workloads.get('default/p') ?? {};
  const ref = { host: 'a.default.svc.cluster.local', name: 'a', namespace: 'default' };
  t.same(inbound, {
    8080: { protocol: 'http', service: { ...ref, port: 80 } },
    9090: { protocol: 'tcp', service: { ...ref, port: 90 } },
  });
});

t.test('endpoints know which workload of this node they are', async (t) => {
  const compiled = compileText([client('p', 'default', 'app: a'), service('a'), pod('q', '10.0.0.2', 'app: a')]);
  const found = endpoints(compiled, 'outbound|80||a.default.svc.cluster.local');
  t.same(found.map(({ address, local: key }) => [address, key]), [['10.0.0.2', null], ['10.0.9.9', 'default/p']]); // prettier-ignore
});

t.test('pods of a namespace share a scope until a rule tells them apart', async (t) => {
  const pods = [client('p', 'default', 'app: x, tier: gold'), client('q', 'default', 'app: z'), client('r', 'other', 'app: x, tier: gold')];
  const scopes = (...rules: string[]): (string | undefined)[] => {
    const { workloads } = compileText([...pods, service('a'), ...rules]).snapshot.records;
    return ['default/p', 'default/q', 'other/r'].map((key) => workloads.get(key)?.scope);
  };
  t.same(scopes(), ['default', 'default', 'other']);
  const rule = (match: string): string => virtualService(`[{ match: [${match}], route: [{ destination: { host: a } }] }]`);
  t.same(scopes(rule('{ sourceLabels: { tier: gold } }')), ['default;tier=gold', 'default', 'other;tier=gold']);
  const compiled = compileText([...pods, service('a'), rule('{ name: gold, sourceLabels: { tier: gold } }')]);
  t.equal(routesOf(compiled, 'a', 80, 'default/p')[0]?.name, '.gold');
  t.equal(routesOf(compiled, 'a', 80, 'default/q')[0]?.name, 'default', 'no rule applies: as without');
});

t.test('a pod names its own namespace path only where the author of the objects is trusted', async (t) => {
  const changes = storeOf(client('placed')).takeChanges();
  t.equal(applied(new Compiler(OPTIONS), changes).pods[0]?.netns, '/run/netns/placed');
  const untrusted = changes.map((change) => ({ ...change, origin: { trusted: false, locate: () => null } }));
  t.same(applied(new Compiler(OPTIONS), untrusted).localPods, [], 'elsewhere it is not even local');
});
