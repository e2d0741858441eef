/** What users apply: the custom resources, and the DaemonSet with all that belongs to it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../kube-api.ts';

const DEPLOY = new URL('../../../deploy/', import.meta.url);

/** For `kubectl apply --filename`. */
export const CUSTOM_RESOURCES = fileURLToPath(new URL('crds', DEPLOY));

interface Container {
  readonly name: string;
  readonly env?: readonly object[];
}

/** All as it is, but that each agent is told which kubelet of the kernel is its own. */
export function agentManifests(): KubeObject[] {
  const text = readFileSync(new URL('daemonset/nodeway.yaml', DEPLOY), 'utf8');
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
  return objects.map((object) => (object.kind === 'DaemonSet' ? withKubelet(object) : object));
}

function withKubelet(daemonSet: KubeObject): KubeObject {
  const copy = structuredClone(daemonSet) as KubeObject & {
    readonly spec: { readonly template: { readonly spec: { containers: Container[] } } };
  };
  const pod = copy.spec.template.spec;
  const cgroup = { name: 'NODEWAY_KUBELET_CGROUP', value: '/host/sys/fs/cgroup/unified/nwt-$(NODEWAY_NODE_NAME)/kubelet' };
  pod.containers = pod.containers.map((container) => ({ ...container, env: [...(container.env ?? []), cgroup] }));
  return copy;
}
