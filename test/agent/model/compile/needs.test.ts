/** What the objects make necessary beyond what every agent reads. */
import t from 'tap';
import { Compiler } from '../../../../src/agent/model/compile/index.ts';
import type { ObjectChange } from '../../../../src/agent/model/store.ts';
import { applied, client, compileText, destinationRule, endpoints, OPTIONS, pod, service, storeOf } from './world.ts';

const subsets = (...versions: readonly string[]): string =>
  destinationRule(`{ host: a, subsets: [${versions.map((version) => `{ name: ${version}, labels: { version: ${version} } }`).join()}] }`);

const slice = (target: string, labels = 'kubernetes.io/service-name: a'): string => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: a-1, namespace: default, labels: { ${labels} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.0.0.1], nodeName: n2, targetRef: { kind: Pod, name: ${target} } }]
`;

const owned = (annotation: string, owner: string, labels = 'app: x'): string => `
---
apiVersion: v1
kind: Pod
metadata:
  name: p
  namespace: shop
  labels: { ${labels} }
  ${annotation}
  ownerReferences: [${owner}]
spec: { nodeName: n1 }
`;

t.test('labels of pods of services that a rule divides', async (t) => {
  t.strictSame(compileText([client(), service('a'), service('b')]).compiler.needs().pods, []);
  const { compiler } = compileText([client(), service('a'), service('b'), subsets('v1', 'v2')]);
  t.strictSame(compiler.needs().pods, [{ namespace: 'default', selector: { app: 'a' } }]);
  t.equal(compiler.needs(), compiler.needs(), 'the same where nothing has changed');
  t.strictSame(compileText([service('a'), subsets('v1')]).compiler.needs().pods, [], 'nobody on this node sends anything');
  const known = destinationRule('{ host: a, subsets: [{ name: all, labels: { app: a } }, { name: rest }] }');
  t.strictSame(compileText([client(), service('a'), known]).compiler.needs().pods, [], 'the selector tells it already');
});

t.test('owners that have a say', async (t) => {
  const needs = (text: string) =>
    compileText(text)
      .compiler.needs()
      .owners.map(({ kind, namespace }) => `${kind} ${namespace}`)
      .sort();
  const replicaSet = '{ kind: ReplicaSet, name: web-5d4f8, uid: u, controller: true }';
  t.strictSame(needs(owned('', replicaSet, 'pod-template-hash: 5d4f8')), ['Deployment shop'], 'not the copy');
  t.strictSame(needs(owned('', replicaSet)), ['ReplicaSet shop']);
  t.strictSame(needs(owned('', replicaSet, 'rollouts-pod-template-hash: 5d4f8')), [], "nobody reads Argo's");
  t.strictSame(needs(owned('', '{ kind: StatefulSet, name: db, uid: u, controller: true }')), ['StatefulSet shop']);
  t.strictSame(needs(owned('', '{ kind: Job, name: run-29012345, uid: u, controller: true }')), ['CronJob shop', 'Job shop']);
  t.strictSame(needs(owned("annotations: { nodeway.io/enroll: 'true' }", replicaSet)), [], 'the pod has the last word');
  t.strictSame(needs(owned('', replicaSet).replace('nodeName: n1', 'nodeName: n1, hostNetwork: true')), [], 'it is never enrolled');
  t.strictSame(needs(owned('', replicaSet).replace('nodeName: n1', 'nodeName: n2')), [], 'it is elsewhere');
});

t.test('needs are known before the commit that uses them', async (t) => {
  const { compiler } = compileText([client(), service('a')]);
  t.strictSame(compiler.needs().pods, []);
  const changes = [{ ref: { group: '', kind: 'Service', namespace: 'default', name: 'a' }, object: null, origin: null }];
  compiler.take(changes);
  compiler.settle();
  t.strictSame(compiler.needs().pods, []);
  t.equal(applied(compiler, []).snapshot.endpoints.size, 0);
});

t.test('needs ask only what has changed, however many services there are', async (t) => {
  let asked = 0;
  /** Says how often its labels are asked for. */
  const counted = ({ object, ...change }: ObjectChange): ObjectChange => {
    if (object?.kind !== 'Service') return { object, ...change };
    const { spec, ...rest } = object;
    const selector = new Proxy(spec?.selector ?? {}, { ownKeys: (target) => (asked++, Reflect.ownKeys(target)) });
    return { object: { ...rest, spec: { ...spec, selector } }, ...change };
  };
  const changes = (...texts: readonly string[]) => storeOf(...texts).takeChanges().map(counted); // prettier-ignore
  const names = Array.from({ length: 100 }, (_, index) => `s${index}`);
  const divided = (name: string, ...versions: readonly string[]): string => {
    const subsets = versions.map((version) => `{ name: ${version}, labels: { v: ${version} } }`).join();
    return `${service(name)}${destinationRule(`{ host: ${name}, subsets: [${subsets}] }`, `name: ${name}, namespace: default`)}`;
  };
  const compiler = new Compiler(OPTIONS);
  compiler.take(changes(client(), ...names.map((name) => divided(name, 'a', 'b'))));
  compiler.settle();
  t.equal(compiler.needs().pods.length, 100);
  compiler.commit();
  const needs = compiler.needs();
  const askedBy = (...texts: readonly string[]): number => {
    compiler.take(changes(...texts));
    compiler.settle();
    const before = asked;
    compiler.needs();
    return asked - before;
  };
  t.equal(askedBy(divided('s7', 'a', 'c')), 0, 'the service is divided as before');
  t.equal(compiler.needs(), needs);
  t.equal(askedBy(divided('more', 'a', 'b')), 1);
  t.equal(compiler.needs().pods.length, 101);
  t.not(compiler.needs(), needs);
});

t.test('of a pod that is not read its name tells the workload, and the selector its labels', async (t) => {
  const identityOf = (target: string, ...more: readonly string[]) =>
    endpoints(compileText([client(), service('a'), slice(target), ...more]), 'outbound|80||a.default.svc.cluster.local')[0]?.identity;
  t.match(identityOf('web-7d9f8c6b5d-x2z9k'), {
    workload: 'web',
    namespace: 'default',
    app: 'a',
    canonicalService: 'a',
    version: 'unknown',
  });
  for (const [name, workload] of [
    ['db-0', 'db'],
    ['agent-x2z9k', 'agent'],
    ['bare', 'bare'],
    ['my-web-app', 'my-web-app'],
  ] as const) {
    t.equal(identityOf(name)?.workload, workload, name);
  }
  const read = pod('web-7d9f8c6b5d-x2z9k', '10.0.0.1', 'app: a, version: v2');
  t.match(identityOf('web-7d9f8c6b5d-x2z9k', read), { version: 'v2' });
});

t.test('a subset whose labels the selector has needs no labels of pods', async (t) => {
  const rule = destinationRule('{ host: a, subsets: [{ name: all, labels: { app: a } }, { name: v1, labels: { version: v1 } }] }');
  const compiled = compileText([client(), service('a'), slice('web-7d9f8c6b5d-x2z9k'), rule]);
  t.equal(endpoints(compiled, 'outbound|80|all|a.default.svc.cluster.local').length, 1);
  t.equal(endpoints(compiled, 'outbound|80|v1|a.default.svc.cluster.local').length, 0);
});
