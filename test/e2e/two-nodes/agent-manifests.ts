/** Nodeway's DaemonSet for the tests, with no more rights than the agent needs. */
import { AGENT_ACCOUNT, AGENT_NAMESPACE, agentRights } from '../agent-rights.ts';
import type { KubeObject } from '../kube-api.ts';

const IMAGE = 'docker.io/library/nodeway:e2e';
const LABELS = { 'app.kubernetes.io/name': 'nodeway' };
const METRICS_PORT = 15020;
/** Where the node's hierarchies of cgroups are seen. */
const CGROUPS = '/host/sys/fs/cgroup';

const MOUNTS = [
  { name: 'bpffs', path: '/sys/fs/bpf', mountPath: '/sys/fs/bpf', readOnly: false },
  { name: 'cgroups', path: '/sys/fs/cgroup', mountPath: CGROUPS, readOnly: true },
  { name: 'run', path: '/run/nodeway', mountPath: '/run/nodeway', readOnly: false },
];

/** setns and bpf; programs at cgroups and in namespaces; /proc/PID/ns of pods; ports of Gateways. */
const CAPABILITIES = ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE', 'NET_BIND_SERVICE'];

export function agentManifests(): KubeObject[] {
  return [...agentRights(), daemonSet()];
}

function daemonSet(): KubeObject {
  return {
    ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'nodeway', namespace: AGENT_NAMESPACE } },
    spec: {
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          ...{ serviceAccountName: AGENT_ACCOUNT, hostNetwork: true, hostPID: true, terminationGracePeriodSeconds: 20 },
          tolerations: [{ operator: 'Exists' }],
          containers: [container()],
          volumes: MOUNTS.map(({ name, path }) => ({ name, hostPath: { path, type: 'DirectoryOrCreate' } })),
        },
      },
    },
  };
}

function container(): object {
  const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    ...{ name: 'agent', image: IMAGE, args: ['agent', '--workers=2'] },
    env: [
      field('NODEWAY_NODE_NAME', 'spec.nodeName'),
      field('NODEWAY_AGENT_NAMESPACE', 'metadata.namespace'),
      // The kernel has a kubelet for each node.
      { name: 'NODEWAY_KUBELET_CGROUP', value: `${CGROUPS}/unified/nwt-$(NODEWAY_NODE_NAME)/kubelet` },
    ],
    readinessProbe: { httpGet: { path: '/readyz', port: METRICS_PORT }, periodSeconds: 1 },
    securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: CAPABILITIES } },
    volumeMounts: MOUNTS.map(({ name, mountPath, readOnly }) => ({ name, mountPath, readOnly, mountPropagation: 'HostToContainer' })),
  };
}
