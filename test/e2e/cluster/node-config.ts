/** The configuration files of a node's programs. */
import { HOST_ADDRESS, POD_CIDR, type NodePlace, type ProxyMode } from './topology.ts';

/** Files of the control plane. */
export type Pki = (file: string) => string;

export function kubeletConfig({ name, address }: NodePlace, pki: Pki, cgroupRoot: string, resolvConf: string): object {
  return {
    ...{ apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', address, port: 10250 },
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: pki('ca.crt') } },
    authorization: { mode: 'Webhook' },
    ...{ tlsCertFile: pki(`kubelet-${name}.crt`), tlsPrivateKeyFile: pki(`kubelet-${name}.key`) },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    // A kubelet removes pods' cgroups that it does not know: each needs a root of its own.
    ...{ cgroupDriver: 'cgroupfs', cgroupRoot, failCgroupV1: false, failSwapOn: false },
    ...{ clusterDomain: 'cluster.local', clusterDNS: [HOST_ADDRESS], resolvConf },
    ...{ volumePluginDir: '/var/lib/kubelet/volumeplugins', imageGCHighThresholdPercent: 100, imageGCLowThresholdPercent: 99 },
    // The disk and the memory of the machine are not the cluster's business.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0%', 'imagefs.available': '0%', 'nodefs.inodesFree': '0%' },
    ...{ nodeStatusUpdateFrequency: '5s', kubeAPIQPS: 100, kubeAPIBurst: 200, registerWithTaints: [] },
  };
}

export function proxyConfig({ name }: NodePlace, pki: Pki, mode: ProxyMode): object {
  return {
    ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', mode },
    ...{ hostnameOverride: name, clusterCIDR: POD_CIDR, clientConnection: { kubeconfig: pki('proxy.kubeconfig') } },
    // The limits belong to the machine's first network namespace, and are read-only in others.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

/** Pods reach each other with their own addresses. */
export function networkConfig({ podCidr }: NodePlace): object {
  const ipam = { type: 'host-local', dataDir: '/run/cni', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }] };
  return {
    ...{ cniVersion: '1.0.0', name: 'pods' },
    plugins: [
      { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, hairpinMode: true, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}
