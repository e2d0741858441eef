/** The demonstration's application in pods, with an agent that captures them and a gateway before them, as those find it who look at it. */
import { fileURLToPath } from 'node:url';
import { Agent } from '../../examples/sentiment/demo/agent.ts';
import { readChapters } from '../../examples/sentiment/demo/chapters.ts';
import { Cluster } from '../../examples/sentiment/demo/cluster.ts';
import { claim, DIRECTORY, removeDirectory, sweepAll } from '../../examples/sentiment/demo/leftovers.ts';
import type { KubeObject } from '../../examples/sentiment/demo/manifests.ts';
import type { PodPlace } from '../../examples/sentiment/demo/pod.ts';
import { freePorts } from '../base/free-ports.ts';

const NODEWAY = fileURLToPath(new URL('../../scripts/nodeway', import.meta.url));

export interface Sentiment {
  /** Of the gateway. */
  readonly url: string;
  readonly metricsPort: number;
  readonly agent: Agent;
  /** Applies objects, and returns when the agent works by them. */
  readonly apply: (...objects: readonly KubeObject[]) => Promise<void>;
  /** A pod of the namespace `default` that runs what is started in its network namespace. */
  readonly addPod: (name: string) => Promise<PodPlace>;
  readonly close: () => Promise<void>;
}

/** Needs root. @throws if it runs already. */
export async function startSentiment(): Promise<Sentiment> {
  const owner = await claim();
  if (owner !== null) throw new Error(`the demonstration's application runs already: process ${owner}`);
  await sweepAll(NODEWAY);
  const cluster = await Cluster.create({ directory: DIRECTORY, env: {} });
  const [metricsPort = 0, adminPort = 0] = await freePorts(2);
  const { network, manifests } = cluster;
  const place = { directory: DIRECTORY, manifests, gatewayAddresses: [network.nodeAddress], metricsPort, adminPort };
  const agent = new Agent({ nodeway: NODEWAY, ...place });
  const close = async (): Promise<void> => {
    await agent.withdraw();
    await cluster.dispose();
    await sweepAll(NODEWAY);
    await removeDirectory();
  };
  const apply = async (...objects: readonly KubeObject[]): Promise<void> => {
    const before = agent.running ? (await agent.status()).snapshot : 0;
    await cluster.apply(objects);
    if (agent.running) await agent.settled(before);
  };
  const addPod = async (name: string): Promise<PodPlace> => {
    const before = (await agent.status()).snapshot;
    const { place: home } = await cluster.addClient(name, 'default');
    await agent.settled(before);
    return home;
  };
  try {
    const { application, enrolment, gateway, routes } = await readChapters(null);
    await apply(...[application, enrolment, gateway, routes].flat().map(({ object }) => object));
    await agent.start();
    await agent.settled(0);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: `http://${network.nodeAddress}`, metricsPort, agent, apply, addPod, close };
}

/** MeshConfig, as Istio's ConfigMap has it. */
export function meshObject(mesh: unknown): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: JSON.stringify(mesh) },
  };
}

/** Of the whole mesh. */
export function telemetryObject(spec: unknown): KubeObject {
  return { apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name: 'mesh', namespace: 'istio-system' }, spec };
}
