import t from 'tap';
import { enrollment } from '../../../src/agent/model/enrollment.ts';
import type { ApiObject, Pod } from '../../../src/agent/model/objects.ts';

const object = (kind: string, annotation?: string, labels: Record<string, string> = {}): ApiObject => ({
  apiVersion: 'v1',
  kind,
  metadata: {
    name: kind.toLowerCase(),
    ...(kind === 'Namespace' ? {} : { namespace: 'shop' }),
    labels,
    ...(annotation === undefined ? {} : { annotations: { 'nodeway.io/enroll': annotation } }),
  },
});
const pod = (annotation?: string, rest: Partial<Pod> = {}, labels: Record<string, string> = {}): Pod => ({
  ...object('Pod', annotation, labels),
  kind: 'Pod',
  ...rest,
});
const inject = (value: string): Record<string, string> => ({ 'sidecar.istio.io/inject': value });
const injection = (value: string): Record<string, string> => ({ 'istio-injection': value });

t.test('the nearest annotation decides', async (t) => {
  const values = [undefined, 'true', 'false'];
  for (const onPod of values) {
    for (const onReplicaSet of values) {
      for (const onDeployment of values) {
        for (const onNamespace of values) {
          const owners = [object('ReplicaSet', onReplicaSet), object('Deployment', onDeployment)];
          const decision = enrollment(pod(onPod), owners, object('Namespace', onNamespace), { istioCompat: true });
          const nearest = onPod ?? onReplicaSet ?? onDeployment ?? onNamespace ?? 'false';
          t.equal(decision.enrolled, nearest === 'true', [onPod, onReplicaSet, onDeployment, onNamespace].join());
        }
      }
    }
  }
});

t.test('the reason names what decided', async (t) => {
  const reason = (...parts: Parameters<typeof enrollment>): string => enrollment(...parts).reason;
  const compat = { istioCompat: true };
  t.equal(reason(pod('true'), [], null, compat), 'annotation nodeway.io/enroll=true on Pod shop/pod');
  t.equal(reason(pod(), [object('Deployment', 'false')], null, compat), 'annotation nodeway.io/enroll=false on Deployment shop/deployment');
  t.equal(
    reason(pod(), [], object('Namespace', undefined, injection('enabled')), compat),
    'label istio-injection=enabled on Namespace namespace',
  );
  t.equal(reason(pod(), [], null, compat), 'nothing asks for it');
});

t.test('labels of Istio count where they are to', async (t) => {
  const enrolled = (subject: Pod, namespace: ApiObject | null, istioCompat = true, owners: ApiObject[] = []): boolean =>
    enrollment(subject, owners, namespace, { istioCompat }).enrolled;
  const enabled = object('Namespace', undefined, injection('enabled'));
  t.equal(enrolled(pod(), enabled), true, 'namespace');
  t.equal(enrolled(pod(), enabled, false), false, 'not without --istio-compat');
  t.equal(enrolled(pod(), object('Namespace', undefined, injection('disabled'))), false);
  t.equal(enrolled(pod(undefined, {}, inject('false')), enabled), false, 'the pod is nearer');
  t.equal(enrolled(pod(undefined, {}, inject('true')), null), true, 'pod');
  t.equal(enrolled(pod(undefined, {}, inject('true')), null, false), false);
  t.equal(enrolled(pod('false', {}, inject('true')), null), false, 'our annotation wins on one object');
  t.equal(enrolled(pod(), object('Namespace', 'false', injection('enabled'))), false, 'on namespaces too');
  t.equal(enrolled(pod(), enabled, true, [object('Deployment', 'false')]), false, 'an owner is nearer than the namespace');
  t.equal(enrolled(pod(undefined, {}, injection('enabled')), null), false, 'a label for namespaces says nothing on a pod');
});

t.test('what no annotation can change', async (t) => {
  const decide = (rest: Partial<Pod>, istioCompat = true): boolean => enrollment(pod('true', rest), [], null, { istioCompat }).enrolled;
  t.equal(decide({}), true);
  t.equal(decide({ spec: { hostNetwork: true } }), false);
  t.equal(decide({ status: { phase: 'Succeeded' } }), false);
  t.equal(decide({ status: { phase: 'Failed' } }), false);
  t.equal(decide({ spec: { containers: [{ name: 'app' }, { name: 'istio-proxy' }] } }), false);
  t.equal(decide({ spec: { initContainers: [{ name: 'istio-proxy', restartPolicy: 'Always' }] } }), false, 'a sidecar of today');
  t.equal(decide({ spec: { containers: [{ name: 'istio-proxy' }] } }, false), true, 'not without --istio-compat');
});

t.test('a copy that a Deployment left on its ReplicaSet says nothing', async (t) => {
  const replicaSet = object('ReplicaSet', 'true');
  const owned = { ...replicaSet, metadata: { ...replicaSet.metadata, ownerReferences: [{ kind: 'Deployment', name: 'deployment' }] } };
  const decide = (owners: readonly ApiObject[]) => enrollment(pod(), owners, null, { istioCompat: true });
  t.match(decide([owned, object('Deployment')]), { enrolled: false, reason: 'nothing asks for it' });
  t.match(decide([owned, object('Deployment', 'false')]), { enrolled: false, reason: /on Deployment/ });
  t.match(decide([replicaSet]), { enrolled: true, reason: /on ReplicaSet/ });
});

t.test('a pod of another mesh is left alone, whatever it asks for', async (t) => {
  const decide = (subject: Pod, namespace: ApiObject | null = null, istioCompat = true) =>
    enrollment(subject, [], namespace, { istioCompat });
  for (const [name, mesh] of [
    ['linkerd-proxy', 'Linkerd'],
    ['kuma-sidecar', 'Kuma'],
    ['consul-dataplane', 'Consul'],
    ['envoy-sidecar', 'Consul'],
  ] as const) {
    const reason = `it has a ${name} container, of ${mesh}`;
    t.match(decide(pod('true', { spec: { containers: [{ name: 'app' }, { name }] } })), { enrolled: false, reason });
    t.match(decide(pod('true', { spec: { initContainers: [{ name, restartPolicy: 'Always' }] } }), null, false), {
      enrolled: false,
      reason,
    });
  }
  const mode = (value: string): Record<string, string> => ({ 'istio.io/dataplane-mode': value });
  const ambient = object('Namespace', 'true', mode('ambient'));
  t.match(decide(pod('true'), ambient), { enrolled: false, reason: /dataplane-mode=ambient on its namespace/ });
  t.match(decide(pod('true', {}, mode('ambient'))), { enrolled: false, reason: /dataplane-mode=ambient on it:/ });
  t.match(decide(pod('true', {}, mode('none')), ambient), { enrolled: true });
  t.match(decide(pod('true'), ambient, false), { enrolled: true }, 'not without --istio-compat');
  const taken = pod('true');
  const annotations = { ...taken.metadata.annotations, 'ambient.istio.io/redirection': 'enabled' };
  t.match(decide({ ...taken, metadata: { ...taken.metadata, annotations } }), { enrolled: false, reason: /redirection=enabled/ });
  const ours = { ...annotations, 'nodeway.io/status': '{"captured":"2026-01-02T03:04:05Z","ambient":true}' };
  t.match(decide({ ...taken, metadata: { ...taken.metadata, annotations: ours } }), { enrolled: true }, 'we wrote it');
  t.match(decide(pod(undefined, { spec: { containers: [{ name: 'toString' }] } })), { reason: 'nothing asks for it' });
});

t.test('a value that is neither is reported, and the next object decides', async (t) => {
  const subject = pod('yes');
  const decision = enrollment(subject, [object('Deployment', 'true')], null, { istioCompat: true });
  t.equal(decision.enrolled, true);
  t.same(decision.invalid, [{ object: subject, annotation: 'nodeway.io/enroll', value: 'yes' }]);
});
