/** Where a peer's client meets a peer's server: at a gateway of an engine alone, and from pod to pod through an agent that captures. */
import { AgentProcess, podObject, serviceObject } from '../node/agent/agent-process.ts';
import { type Outcome, type Pod, PodNetwork } from '../node/pod-network.ts';
import { listening, run, start, startGateway } from './processes.ts';

const CLUSTER_IP = '10.96.0.7';

export interface Place {
  readonly name: string;
  /** Where the client finds the server, with the agent between them. */
  readonly host: string;
  readonly port: number;
  /** Runs the client to its end. */
  readonly client: (command: string, words: readonly string[]) => Promise<Outcome>;
  readonly close: () => Promise<void>;
}

export interface Server {
  readonly command: string;
  readonly words: readonly string[];
  /** It listens at all addresses. */
  readonly port: number;
  readonly wire: 'http1' | 'http2';
}

export async function atGateway(server: Server, port: number): Promise<Place> {
  start(server.command, server.words);
  await listening(server.port);
  await startGateway(port, server.port, server.wire);
  return { name: 'gateway', host: '127.0.0.1', port, client: run, close: async () => {} };
}

/** Needs root. @param name of the network. */
export async function betweenPods(name: string, server: Server): Promise<Place> {
  const network = await PodNetwork.create(name);
  const agent = await AgentProcess.create(network);
  const close = async (): Promise<void> => {
    await agent.close();
    await network.close();
  };
  try {
    const [client, app] = ['client', 'app'].map((pod) => network.addPod(pod)) as [Pod, Pod];
    app.start([server.command, ...server.words], { stdio: ['ignore', 'ignore', 'inherit'] });
    await app.listens(server.port);
    const service = serviceObject('app', CLUSTER_IP, { [server.wire === 'http2' ? 'grpc' : 'http']: server.port });
    await agent.apply('pods.json', podObject(client, 'client'), podObject(app, 'app'), service);
    await agent.start();
    return {
      name: 'pod to pod',
      host: CLUSTER_IP,
      port: server.port,
      client: (command, words) => client.run([command, ...words]),
      close: async () => {
        const passed = await agent.metric('nodeway_datapath_verdicts_total', { reason: 'outbound_passed' });
        await close();
        if (passed > 0) throw new Error(`${passed} connections went past the agent`);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whether pods can be made here. Says so where they cannot, which is a failure in CI. */
export function canMakePods(): boolean {
  if (process.getuid?.() === 0) return true;
  console.log('not run from pod to pod: that needs root');
  if (process.env['CI'] !== undefined) process.exitCode = 1;
  return false;
}
