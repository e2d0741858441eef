/** A cluster with Nodeway in it, on every node. */
import type { Test } from 'tap';
import type { AgentStatus } from '../../../src/agent/admin/status.ts';
import { until } from '../until.ts';
import { AGENT_NAMESPACE } from '../agent-rights.ts';
import { KUBERNETES_SERVICE } from '../api-server.ts';
import { Cluster, type ClusterOptions } from '../cluster/cluster.ts';
import type { ClusterNode } from '../cluster/node.ts';
import { type KubeApi, type KubeObject, RULES } from '../kube-api.ts';
import { sameAsFresh } from '../fresh-agent.ts';
import { agentManifests, CUSTOM_RESOURCES } from './agent-manifests.ts';
import { programsObject } from './objects.ts';

export interface PodObject extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean; readonly containerID?: string }[];
  };
}

/** What a client of the tests counted. */
export interface Counts {
  readonly sent: number;
  readonly ok: number;
  /** Answered by a server that had been asked to stop. */
  readonly late: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly examples: readonly string[];
  readonly pods: Readonly<Record<string, number>>;
  readonly versions: Readonly<Record<string, number>>;
}

interface DaemonSetStatus {
  readonly metadata: { readonly generation: number };
  readonly status: Readonly<Record<string, number>>;
}

export class Mesh {
  readonly cluster: Cluster;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async start(options: ClusterOptions = {}): Promise<Mesh> {
    const mesh = new Mesh(await Cluster.start(options));
    try {
      await mesh.install();
      await mesh.agentsReady();
    } catch (error) {
      await mesh.close();
      throw error;
    }
    return mesh;
  }

  /** As the manual says, and again what is the same already. */
  async install(): Promise<void> {
    await this.customResources();
    await this.kube.apply(...agentManifests());
  }

  async customResources(): Promise<void> {
    await this.kube.kubectl('apply', `--filename=${CUSTOM_RESOURCES}`);
    await this.kube.kubectl('wait', '--for=condition=Established', `--filename=${CUSTOM_RESOURCES}`, '--timeout=240s');
    await this.kube.serves(...RULES);
  }

  get kube(): KubeApi {
    return this.cluster.kube;
  }

  node(name: string): ClusterNode {
    const node = this.cluster.nodes.find(({ place }) => place.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  close(): Promise<void> {
    return this.cluster.close();
  }

  /** The agents of all nodes are of the newest version and ready. */
  async agentsReady(): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${AGENT_NAMESPACE}/daemonsets/nodeway`;
    await this.until('the agents are ready', async () => {
      const { metadata, status } = (await this.kube.get(path)) as DaemonSetStatus;
      const nodes = this.cluster.nodes.length;
      return (
        status['observedGeneration'] === metadata.generation &&
        status['updatedNumberScheduled'] === nodes &&
        status['numberReady'] === nodes
      );
    });
  }

  agentPods(): Promise<readonly PodObject[]> {
    return this.pods(AGENT_NAMESPACE, 'app.kubernetes.io/name=nodeway');
  }

  /** A namespace with the tests' programs, and everything in it ready. */
  async place(namespace: KubeObject, ...objects: readonly KubeObject[]): Promise<void> {
    await this.kube.apply(namespace, programsObject(namespace.metadata.name), ...objects);
    await this.settled(namespace.metadata.name);
  }

  /** All Deployments of a namespace have the pods that they want, and no other pod is left. */
  async settled(namespace: string): Promise<void> {
    await this.until(`the Deployments of ${namespace} are ready`, async () => {
      const { items } = (await this.kube.get(`/apis/apps/v1/namespaces/${namespace}/deployments`)) as {
        readonly items: readonly DeploymentObject[];
      };
      const pods = await this.pods(namespace, '');
      const wanted = items.reduce((sum, { spec }) => sum + spec.replicas, 0);
      return items.every(isRolledOut) && pods.length === wanted;
    });
  }

  async pods(namespace: string, labels: string): Promise<readonly PodObject[]> {
    const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(labels)}`;
    return ((await this.kube.get(path)) as { readonly items: readonly PodObject[] }).items;
  }

  /** The one pod of an application. */
  async pod(namespace: string, app: string): Promise<PodObject> {
    const pods = await this.pods(namespace, `app=${app}`);
    if (pods.length !== 1) throw new Error(`${pods.length} pods of ${app} in ${namespace}`);
    return pods[0] as PodObject;
  }

  /** What a client has counted up to now. */
  async peek(client: PodObject): Promise<Counts> {
    const response = await fetch(`http://${client.status.podIP}:7000/`);
    return (await response.json()) as Counts;
  }

  /** The same, and it begins anew. */
  async counts(client: PodObject): Promise<Counts> {
    const response = await fetch(`http://${client.status.podIP}:7000/`, { method: 'POST' });
    return (await response.json()) as Counts;
  }

  /** The configuration of a node's agent, without the number that counts its versions. */
  snapshot(node: string): unknown {
    const { version: _, ...content } = this.admin(node, '/snapshot') as { readonly version: number };
    return content;
  }

  /** The agents know what agents that start now know. These stand beside them, capture nothing, and write nothing. */
  async asFresh(t: Test): Promise<void> {
    for (const { place } of this.cluster.nodes) {
      const { api, kube } = this.cluster;
      const snapshot = (): Promise<unknown> => Promise.resolve(this.snapshot(place.name));
      await sameAsFresh(t, snapshot, { nodeName: place.name, kubeconfig: kube.kubeconfig, directory: api.directory });
    }
  }

  /** Resets what the agent of a node has open to the Service of the API server. Returns how many connections these were. */
  cutWatches(node: string): number {
    const cut = this.node(node).run('ss', '--kill', '--numeric', '--no-header', '--tcp', 'state', 'established', 'dst', KUBERNETES_SERVICE);
    return cut.split('\n').filter((line) => line !== '').length;
  }

  /** Everything that the agent was told is in effect. */
  async agentAtRest(node: string): Promise<void> {
    await this.until(`the agent of ${node} is at rest`, async () => {
      const { ready, snapshot, workers, pods } = this.status(node);
      const isSettled = pods.every(({ enrolled, phase }) => phase === (enrolled ? 'captured' : 'absent'));
      return ready && isSettled && workers.every(({ version }) => version === snapshot);
    });
  }

  /** Resolves when the agent's pod on a node is another one, and ready. */
  async replaceAgent(node: string): Promise<void> {
    const old = (await this.agentPods()).find(({ spec }) => spec.nodeName === node) as PodObject;
    await this.kube.kubectl('delete', 'pod', `--namespace=${AGENT_NAMESPACE}`, old.metadata.name, '--wait');
    await this.agentsReady();
    await this.agentAtRest(node);
  }

  /** From the agent's admin endpoint, in its node. */
  admin(node: string, path: string): unknown {
    return JSON.parse(this.node(node).run('curl', '--silent', '--fail', '--max-time', '10', `http://127.0.0.1:15000${path}`));
  }

  status(node: string): AgentStatus {
    return this.admin(node, '/status') as AgentStatus;
  }

  /** The sum of a metric's samples with these labels. */
  async metric(node: string, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const response = await fetch(`http://${this.node(node).place.address}:15020/metrics`);
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const samples = (await response.text()).split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const chosen = samples.filter((line) => wanted.every((pair) => line.includes(pair)));
    return chosen.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** A program in a pod. */
  exec(pod: PodObject, ...words: readonly string[]): Promise<string> {
    const { namespace = 'default', name } = pod.metadata;
    return this.kube.kubectl('exec', '--namespace', namespace, name, '--', ...words);
  }

  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(condition, what);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await this.#situation()}`, { cause: error });
    }
  }

  /** For whoever has to find out why. */
  async #situation(): Promise<string> {
    const agents = [`--namespace=${AGENT_NAMESPACE}`, '--selector=app.kubernetes.io/name=nodeway'];
    const questions = [
      ['get', 'pods', '--all-namespaces', '--output=wide'],
      ['logs', ...agents, '--all-containers', '--ignore-errors', '--tail=15', '--prefix'],
      ['get', 'events', '--all-namespaces', '--field-selector=type=Warning'],
    ];
    const answers = questions.map((words) => this.kube.kubectl(...words).catch((error: Error) => error.message));
    return (await Promise.all(answers)).join('\n');
  }
}

interface DeploymentObject {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly replicas: number };
  readonly status: Readonly<Record<string, number>>;
}

function isRolledOut({ metadata, spec, status }: DeploymentObject): boolean {
  const { observedGeneration, updatedReplicas = 0, readyReplicas = 0, replicas = 0 } = status;
  const isCurrent = observedGeneration === metadata.generation;
  return isCurrent && [updatedReplicas, readyReplicas, replicas].every((count) => count === spec.replicas);
}
