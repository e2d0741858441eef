/** What the agent uses of the node: kernel programs, namespaces and sockets. Without capture there are only sockets. */
import type { Clock } from '../base/clock.ts';
import { AddonMissing } from '../base/native-addon.ts';
import { CommandError, ExitCode, codeOf, messageOf } from '../base/errors.ts';
import type { ListenerConfig } from '../l7/engine-port.ts';
import { loadTransportAddon } from '../l7/transport/native-binding.ts';
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
  /** A worker that served these listeners has ended: what it had accepted and not touched can be accepted once more. */
  giveBack(listeners: readonly ListenerConfig[], taken: SharedArrayBuffer): void;
  beat(): void;
  verdicts(): Readonly<Record<string, number>> | null;
  close(): void;
}

/** @throws CommandError when the node lacks something. */
export async function openNode(config: AgentConfig, clock: Clock, log: Log): Promise<NodeAccess> {
  if (!config.capture) return withoutCapture(await nativeSockets());
  const datapath = await openDatapath(config);
  const { replaced } = datapath;
  if (replaced.length > 0)
    log.info({ replaced }, 'another version had programs and maps pinned; they are removed, and its pods are captured anew');
  const { watchProbers } = await import('./enroll/probers.ts');
  const { giveBackDestinations } = await import('../datapath/original-destinations.ts');
  const stopWatching = watchProbers(config, clock, log, (cgroups) => datapath.setProbers(cgroups));
  return {
    sockets: await nativeSockets(),
    capture: datapath,
    mark: datapath.mark,
    originalDestinations: datapath.originalDestinationsFd,
    giveBack: (listeners, taken) => {
      for (const listener of listeners) {
        if (listener.kind !== 'outbound') continue;
        const peers = loadTransportAddon().leftPeers(listener.fd);
        giveBackDestinations(datapath.originalDestinationsFd, taken, listener.cookie, peers);
      }
    },
    beat: () => datapath.beat(),
    verdicts: () => datapath.counters(),
    close: () => {
      stopWatching();
      datapath.close();
    },
  };
}

async function openDatapath(config: AgentConfig): Promise<Datapath> {
  const { Datapath } = await import('../datapath/datapath.ts');
  const { markOf } = await import('../datapath/mark.ts');
  try {
    return Datapath.open({
      instance: config.instance,
      heartbeatMs: config['heartbeat-timeout'],
      mark: markOf(config['node-name'], config.instance),
      ...(config.cgroup === '' ? {} : { cgroup: config.cgroup }),
    });
  } catch (error) {
    // What has an errno, or a code of the datapath's own, is the node's: rights, a read-only file system, another agent.
    if (codeOf(error) === '' && !(error instanceof AddonMissing)) throw error;
    const hint = 'nodeway check tells what this node has and lacks; --no-capture runs gateways alone';
    throw new CommandError(ExitCode.NodeLacks, `traffic cannot be captured: ${messageOf(error)}\n${hint}`, { cause: error });
  }
}

export async function nativeSockets(): Promise<NodeSockets> {
  const { closeFd, listenIn, namespaceCookie, openNamespace } = await import('../datapath/namespaces.ts');
  const close = (fd: number): void => {
    loadTransportAddon().forsake(fd);
    closeFd(fd);
  };
  return { openNamespace, namespaceCookie, listenIn, closeFd: close };
}

export function withoutCapture(sockets: NodeSockets): NodeAccess {
  const nothing = { giveBack: () => {}, beat: () => {}, verdicts: () => null, close: () => {} };
  return { sockets, capture: null, mark: 0, originalDestinations: -1, ...nothing };
}
