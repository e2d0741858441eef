/**
 * Pods whose traffic another mesh takes over already: two that rewrite the same connections break each other. What was done to the pod
 * counts, not what a namespace asks for: a pod that was made before the other mesh came is free. Istio's ambient mode is the exception,
 * since it takes over pods that run.
 */
import type { ApiObject, Pod, StringMap } from './objects.ts';
import { REDIRECTED, REDIRECTION_ANNOTATION, redirectionIsOurs } from './own-marks.ts';

/** Containers that are the other mesh's proxy, whatever else the pod says. */
const PROXIES: Readonly<Record<string, string>> = {
  'linkerd-proxy': 'Linkerd',
  'kuma-sidecar': 'Kuma',
  'consul-dataplane': 'Consul',
  'envoy-sidecar': 'Consul',
};
const AMBIENT_LABEL = 'istio.io/dataplane-mode';

/** Why the pod is left alone; null: no other mesh has it. */
export function otherMesh({ metadata, spec }: Pod, namespace: ApiObject | null, istioCompat: boolean): string | null {
  for (const { name } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
    if (istioCompat && name === 'istio-proxy') return 'it has an istio-proxy container';
    if (Object.hasOwn(PROXIES, name)) return `it has a ${name} container, of ${PROXIES[name]}`;
  }
  return istioCompat ? ambient(metadata, namespace?.metadata.labels) : null;
}

function ambient({ labels, annotations }: Pod['metadata'], ofNamespace: StringMap | undefined): string | null {
  if (annotations?.[REDIRECTION_ANNOTATION] === REDIRECTED && !redirectionIsOurs(annotations)) {
    return `annotation ${REDIRECTION_ANNOTATION}=${REDIRECTED}: Istio's ambient mode has it`;
  }
  // The pod's own label wins; `none` takes it out of a namespace that is in.
  if ((labels?.[AMBIENT_LABEL] ?? ofNamespace?.[AMBIENT_LABEL]) !== 'ambient') return null;
  const where = labels?.[AMBIENT_LABEL] === 'ambient' ? 'it' : 'its namespace';
  return `label ${AMBIENT_LABEL}=ambient on ${where}: Istio's ambient mode takes it over`;
}
