/** Who a pod is to metrics: Istio's workload and canonical names. */
import type { Identity } from '../../../l7/config/identity.ts';
import type { Pod } from '../objects.ts';
import type { Owner } from './owners.ts';

export function podIdentity(pod: Pod, owners: readonly Owner[]): Identity {
  const { name, namespace = '' } = pod.metadata;
  const labels = pod.metadata.labels ?? {};
  const workload = owners.at(-1)?.name ?? name;
  const { app, version } = labels;
  return {
    workload,
    namespace,
    pod: name,
    app: app ?? 'unknown',
    version: version ?? 'unknown',
    canonicalService: labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? app ?? workload,
    canonicalRevision: labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? version ?? 'latest',
    serviceAccount: pod.spec?.serviceAccountName ?? 'default',
  };
}
