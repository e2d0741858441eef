/** What users apply: the custom resources, and the DaemonSet with all that belongs to it. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { AGENT_NAMESPACE } from '../agent-rights.ts';
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
  return objectsOf(readFileSync(new URL('daemonset/nodeway.yaml', DEPLOY), 'utf8'));
}

/** What the chart makes of another version of the image, as for `helm upgrade --set image.tag=TAG`. */
export async function agentManifestsOf(tag: string): Promise<KubeObject[]> {
  const chart = fileURLToPath(new URL('helm/nodeway', DEPLOY));
  const values = ['--set', `namespace.create=true,crds.install=false,image.tag=${tag}`];
  const words = ['template', 'nodeway', chart, `--namespace=${AGENT_NAMESPACE}`, '--kube-version=1.34.0', ...values];
  return objectsOf((await promisify(execFile)('scripts/helm', words)).stdout);
}

function objectsOf(text: string): KubeObject[] {
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
