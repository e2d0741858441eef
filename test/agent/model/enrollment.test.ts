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

t.test('a value that is neither is reported, and the next object decides', async (t) => {
  const subject = pod('yes');
  const decision = enrollment(subject, [object('Deployment', 'true')], null, { istioCompat: true });
  t.equal(decision.enrolled, true);
  t.same(decision.invalid, [{ object: subject, annotation: 'nodeway.io/enroll', value: 'yes' }]);
});
