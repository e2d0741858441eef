/** The agent's sockets inside one pod: outbound on the loopback addresses, inbound on all, for IPv4 and, where the pod has it, IPv6. */
import { codeOf } from '../../base/errors.ts';
import { AGENT_PORTS, INBOUND_PORT, OUTBOUND_PORT } from '../../datapath/abi.ts';
import { ListenerGroup, type ListenerIds } from './listener-group.ts';
import type { ListenerHost, NodeSockets } from './node-ports.ts';

/** Errors that mean that a namespace has no IPv6: compiled out, disabled, or no loopback address. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

export interface PodPlace {
  readonly workload: string;
  readonly netns: number;
  readonly cookie: string;
  readonly mark: number;
}

export class PodListeners {
  readonly inbound4: number;
  readonly inbound6: number;
  readonly #groups: readonly ListenerGroup[];

  private constructor(groups: readonly ListenerGroup[], inbound4: number, inbound6: number) {
    this.#groups = groups;
    this.inbound4 = inbound4;
    this.inbound6 = inbound6;
  }

  /** @throws what the socket calls throw; nothing is left open then. */
  static open(pod: PodPlace, ids: ListenerIds, sockets: NodeSockets, workers: ListenerHost): PodListeners {
    const groups: ListenerGroup[] = [];
    const group = (address: string, port: number): ListenerGroup => {
      const opened = ListenerGroup.open({ netns: pod.netns, address, port, mark: pod.mark }, ids, sockets, workers);
      groups.push(opened);
      return opened;
    };
    const { workload, netns, cookie } = pod;
    const outbound = (opened: ListenerGroup): void => opened.serve((id, fd) => ({ kind: 'outbound', id, fd, workload, netns, cookie }));
    const inbound = (opened: ListenerGroup): number => {
      opened.serve((id, fd) => ({ kind: 'inbound', id, fd, workload, netns, ownPorts: AGENT_PORTS }));
      return opened.representative;
    };
    try {
      outbound(group('127.0.0.1', OUTBOUND_PORT));
      const inbound4 = inbound(group('0.0.0.0', INBOUND_PORT));
      const inbound6 = optional(() => {
        outbound(group('::1', OUTBOUND_PORT));
        return inbound(group('::', INBOUND_PORT));
      });
      return new PodListeners(groups, inbound4, inbound6);
    } catch (error) {
      for (const opened of groups) void opened.close();
      throw error;
    }
  }

  /** Whether all workers accept on all of them. */
  get ready(): boolean {
    return this.#groups.every((group) => group.ready);
  }

  async close(): Promise<void> {
    await Promise.all(this.#groups.map((group) => group.close()));
  }
}

function optional(open: () => number): number {
  try {
    return open();
  } catch (error) {
    if (NO_IPV6.has(codeOf(error))) return -1;
    throw error;
  }
}
