/** A Kubernetes cluster on this machine: the control plane in its own namespace, and each node in two of its own. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../until.ts';
import { ApiServer } from '../api-server.ts';
import { Daemon } from '../daemon.ts';
import type { KubeApi } from '../kube-api.ts';
import { program } from '../programs.ts';
import { NodeCgroups } from './cgroups.ts';
import { attempt, command } from './command.ts';
import { ClusterNode } from './node.ts';
import { BRIDGE, HOST_ADDRESS, type NodePlace, nodePlace, type ProxyMode, SERVICE_CIDR } from './topology.ts';

/** Every one of an earlier run. */
const MOST_NODES = 3;

export interface ClusterOptions {
  readonly nodes?: number;
  readonly proxyMode?: ProxyMode;
}

export class Cluster {
  readonly api: ApiServer;
  readonly nodes: readonly ClusterNode[];
  readonly #daemons: readonly Daemon[];

  private constructor(api: ApiServer, nodes: readonly ClusterNode[], daemons: readonly Daemon[]) {
    this.api = api;
    this.nodes = nodes;
    this.#daemons = daemons;
  }

  /** Resolves when all nodes are ready. What an earlier run left goes first. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    await sweep();
    const places = Array.from({ length: options.nodes ?? 2 }, (_, index) => nodePlace(index + 1));
    bridge();
    const api = await ApiServer.start({ address: HOST_ADDRESS, nodes: places.map(({ name, address }) => `${name}=${address}`), flags });
    const { proxyMode = 'nftables' } = options;
    const nodes = places.map((place) => {
      const peers = places.filter((other) => other !== place);
      return new ClusterNode({ place, directory: join(api.directory, place.name), pki: (file) => api.pki(file), proxyMode, peers });
    });
    const cluster = new Cluster(api, nodes, [...controllers(api), dns(api)]);
    try {
      for (const daemon of cluster.#daemons) daemon.start();
      await Promise.all(nodes.map((node) => cluster.#startNode(node)));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  get kube(): KubeApi {
    return this.api.kube;
  }

  /** All processes and namespaces of it are gone, and it starts again with what is on its disk. */
  async reboot(node: ClusterNode): Promise<void> {
    await node.fail();
    await node.start();
    await this.#ready(node.place);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    for (const daemon of this.#daemons) await daemon.stop();
    await this.api.close();
    await sweep();
    rmSync(this.api.directory, { recursive: true, force: true });
  }

  async #startNode(node: ClusterNode): Promise<void> {
    await node.start();
    await this.#ready(node.place);
  }

  async #ready({ name }: NodePlace): Promise<void> {
    await until(async () => {
      for (const daemon of this.#daemons) daemon.assertRunning();
      for (const node of this.nodes) node.assertRunning();
      const { body } = await this.kube.request('GET', `/api/v1/nodes/${name}`);
      const { conditions = [] } = (body as { readonly status?: NodeStatus }).status ?? {};
      return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    }, `${name} is ready`);
  }
}

interface NodeStatus {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

function flags(pki: (file: string) => string): string[] {
  return [
    ...[`--kubelet-client-certificate=${pki('admin.crt')}`, `--kubelet-client-key=${pki('admin.key')}`],
    // No DNS knows the names of the nodes.
    ...[`--kubelet-certificate-authority=${pki('ca.crt')}`, '--kubelet-preferred-address-types=InternalIP'],
    ...['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction', '--allow-privileged=true'],
  ];
}

function controllers(api: ApiServer): Daemon[] {
  const daemon = (name: string, own: readonly string[]): Daemon => {
    const user = ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map((flag) => `--${flag}=${api.kubeconfig(name)}`);
    const words = [program('nwt-kube'), name, ...user, '--leader-elect=false', '--secure-port=0', ...own];
    return new Daemon(name, join(api.directory, `${name}.log`), words);
  };
  return [
    daemon('controller-manager', [
      ...[`--service-account-private-key-file=${api.pki('tokens.key')}`, `--root-ca-file=${api.pki('ca.crt')}`],
      // A kubelet takes up to 45 s to give up a connection to an API server that was away, and on a busy machine longer: with less grace
      // than that all pods of its node are not ready for a while, and nobody has endpoints, with Nodeway or without it.
      ...['--use-service-account-credentials=true', '--node-monitor-grace-period=2m'],
    ]),
    daemon('scheduler', []),
  ];
}

function dns(api: ApiServer): Daemon {
  const file = join(api.directory, 'Corefile');
  writeFileSync(
    file,
    `.:53 {
      bind ${HOST_ADDRESS}
      errors
      ready ${HOST_ADDRESS}:8181
      cache 5
      kubernetes cluster.local {
        kubeconfig ${api.kubeconfig('admin')}
        ttl 5
      }
    }\n`,
  );
  return new Daemon('dns', join(api.directory, 'dns.log'), [program('nwt-dns'), '-conf', file]);
}

function bridge(): void {
  command('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
  command('ip', 'addr', 'add', `${HOST_ADDRESS}/24`, 'dev', BRIDGE);
  command('ip', 'link', 'set', BRIDGE, 'up');
  // For a test that speaks to a Service from outside.
  command('ip', 'route', 'add', SERVICE_CIDR, 'via', nodePlace(1).address);
}

/** By name, so that it does not matter who made it. */
async function sweep(): Promise<void> {
  for (let number = 1; number <= MOST_NODES; number++) {
    const { label } = nodePlace(number);
    const cgroups = new NodeCgroups(label);
    await cgroups.kill();
    await cgroups.remove();
    attempt('ip', 'link', 'del', label);
    attempt('ip', 'netns', 'del', label);
  }
  attempt('ip', 'link', 'del', BRIDGE);
}
