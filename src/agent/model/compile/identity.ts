/** Who a pod is to metrics: Istio's workload and canonical names. */
import type { Identity } from '../../../l7/config/identity.ts';
import type { Pod, StringMap } from '../objects.ts';
import type { Owner } from './owners.ts';

/** `-<hash of the template>-<random>`, `-<random>` of five, `-<number>`, in the letters that Kubernetes takes for them. */
const GENERATED = /^(.+?)(?:-[bcdf-hj-np-tv-z2456789]{6,10}-[bcdf-hj-np-tv-z2456789]{5}|-[bcdf-hj-np-tv-z2456789]{5}|-\d+)$/;

/** Of pods of other nodes, which are not read: what their names tell, and labels that they have for certain. */
export class NamedIdentities {
  readonly #namespace: string;
  readonly #labels: StringMap;
  /** By workload: one for all of its pods, since there may be a hundred thousand. */
  readonly #known = new Map<string, Identity>();

  /** @param labels of the selector of a service that leads to them. */
  constructor(namespace: string, labels: StringMap) {
    this.#namespace = namespace;
    this.#labels = labels;
  }

  of(name: string): Identity {
    const workload = GENERATED.exec(name)?.[1] ?? name;
    const known = this.#known.get(workload);
    if (known !== undefined) return known;
    const labels = byLabels(this.#labels, workload);
    const made = { ...labels, workload, namespace: this.#namespace, pod: 'unknown', serviceAccount: 'unknown' };
    this.#known.set(workload, made);
    return made;
  }
}

export function podIdentity(pod: Pod, owners: readonly Owner[]): Identity {
  const { name, namespace = '' } = pod.metadata;
  const labels = pod.metadata.labels ?? {};
  const workload = owners.at(-1)?.name ?? name;
  return { ...byLabels(labels, workload), workload, namespace, pod: name, serviceAccount: pod.spec?.serviceAccountName ?? 'default' };
}

function byLabels(labels: StringMap, workload: string): Pick<Identity, 'app' | 'version' | 'canonicalService' | 'canonicalRevision'> {
  const { app, version } = labels;
  return {
    app: app ?? 'unknown',
    version: version ?? 'unknown',
    canonicalService: labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? app ?? workload,
    canonicalRevision: labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? version ?? 'latest',
  };
}
