/** What the agent uses of the node: kernel programs, namespaces and sockets. Without capture there are only sockets. */
import type { Clock } from '../base/clock.ts';
import { AddonMissing } from '../base/native-addon.ts';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { AgentConfig } from './config.ts';
import type { Capture, NodeSockets } from './enroll/node-ports.ts';
import type { Log } from './log.ts';

export interface NodeAccess {
  readonly sockets: NodeSockets;
  /** Null: gateways only. */
  readonly capture: Capture | null;
  /** SO_MARK of the agent's sockets; 0: none. */
  readonly mark: number;
  /** Descriptor of the map of original destinations; -1: none. */
  readonly originalDestinations: number;
  beat(): void;
  verdicts(): Readonly<Record<string, number>> | null;
  close(): void;
}

/** @throws CommandError when the node lacks something. */
export async function openNode(config: AgentConfig, clock: Clock, log: Log): Promise<NodeAccess> {
  if (!config.capture) return withoutCapture(await nativeSockets());
  const datapath = await openDatapath(config);
  const { watchProbers } = await import('./enroll/probers.ts');
  const stopWatching = watchProbers(config, clock, log, (cgroups) => datapath.setProbers(cgroups));
  return {
    sockets: await nativeSockets(),
    capture: datapath,
    mark: datapath.mark,
    originalDestinations: datapath.originalDestinationsFd,
    beat: () => datapath.beat(),
    verdicts: () => datapath.counters(),
    close: () => {
      stopWatching();
      datapath.close();
    },
  };
}

async function openDatapath(config: AgentConfig): Promise<Datapath> {
  const { Datapath, DatapathError } = await import('../datapath/datapath.ts');
  const { markOf } = await import('../datapath/mark.ts');
  try {
    return Datapath.open({
      instance: config.instance,
      heartbeatMs: config['heartbeat-timeout'],
      mark: markOf(config['node-name'], config.instance),
      ...(config.cgroup === '' ? {} : { cgroup: config.cgroup }),
    });
  } catch (error) {
    if (!(error instanceof DatapathError) && !(error instanceof AddonMissing)) throw error;
    const hint = 'nodeway check tells what this node has and lacks; --no-capture runs gateways alone';
    throw new CommandError(ExitCode.NodeLacks, `traffic cannot be captured: ${messageOf(error)}\n${hint}`, { cause: error });
  }
}

export async function nativeSockets(): Promise<NodeSockets> {
  const { closeFd, listenIn, namespaceCookie, openNamespace } = await import('../datapath/namespaces.ts');
  return { openNamespace, namespaceCookie, listenIn, closeFd };
}

export function withoutCapture(sockets: NodeSockets): NodeAccess {
  return { sockets, capture: null, mark: 0, originalDestinations: -1, beat: () => {}, verdicts: () => null, close: () => {} };
}
