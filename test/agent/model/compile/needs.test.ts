/** What the objects make necessary beyond what every agent reads. */
import t from 'tap';
import { NeededObjects } from '../../../../src/agent/model/compile/needed-objects.ts';
import { Graph } from '../../../../src/agent/model/incremental/graph.ts';
import { Input } from '../../../../src/agent/model/incremental/table.ts';
import type { Needs, PodSelection } from '../../../../src/agent/model/needs.ts';
import type { StringMap } from '../../../../src/agent/model/objects.ts';
import { applied, client, compileText, destinationRule, endpoints, pod, service } from './world.ts';

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

t.test('other nodes, where a rule asks for places', async (t) => {
  const node = `
---
apiVersion: v1
kind: Node
metadata: { name: n1, labels: { topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z } }
`;
  const places = (...texts: readonly string[]): boolean => compileText([service('a'), node, ...texts]).compiler.needs().places;
  const outliers = destinationRule('{ host: a, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 3 } } }');
  t.notOk(places(client()));
  t.ok(places(client(), outliers), 'failover to other places');
  t.notOk(compileText([service('a'), client(), outliers]).compiler.needs().places, 'nobody knows where this node is');
  t.notOk(places(outliers), 'nobody on this node sends anything');
  const off = destinationRule(
    '{ host: a, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 3 }, loadBalancer: { localityLbSetting: { enabled: false } } } }',
  );
  t.notOk(places(client(), off));
  const { compiler } = compileText([client(), service('a'), node, outliers]);
  t.equal(compiler.needs(), compiler.needs(), 'the same where nothing has changed');
  applied(compiler, [{ ref: { group: '', kind: 'Service', namespace: 'default', name: 'a' }, object: null, origin: null }]);
  t.notOk(compiler.needs().places, 'nobody asks any more');
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
  const counted = (app: string): PodSelection => {
    const selector = new Proxy<StringMap>({ app }, { ownKeys: (target) => (asked++, Reflect.ownKeys(target)) });
    return { namespace: 'a', selector };
  };
  const graph = new Graph();
  const needed = new NeededObjects();
  const services = new Input<PodSelection, true>(graph, 'service', (selection, host) => {
    graph.emit(needed.pods, host, selection);
    return true;
  });
  const take = (): { readonly needs: Needs; readonly asked: number } => {
    graph.settle();
    const before = asked;
    return { needs: needed.take(true), asked: asked - before };
  };
  for (let index = 0; index < 100; index++) services.set(`s${index}`, counted(`s${index}`));
  const { needs: first } = take();
  t.equal(first.pods.length, 100);
  t.strictSame(take(), { needs: first, asked: 0 });
  services.set('more', counted('more'));
  const second = take();
  t.equal(second.needs.pods.length, 101);
  t.ok(second.asked < 5, `${second.asked} times`);
  services.set('other', counted('s7'));
  t.equal(take().needs, second.needs, 'it selects what another selects too');
  services.set('s7', null);
  t.equal(take().needs, second.needs, 'the other is left');
  services.set('other', null);
  t.equal(take().needs.pods.length, 100);
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
