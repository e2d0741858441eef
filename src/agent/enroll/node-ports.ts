/** What enrolment needs of the node. src/datapath implements it; tests have their own. */
import type { ListenerConfig } from '../../l7/engine-port.ts';
import type { InheritedCapture } from './inherited-captures.ts';

export interface ListenOptions {
  /** Descriptor of a network namespace; -1: the agent's own. */
  readonly netns: number;
  readonly address: string;
  readonly port: number;
  /** SO_MARK, by which the kernel programs know the agent's listeners; 0: none. */
  readonly mark: number;
  readonly backlog: number;
}

/** Sockets and namespaces by descriptor. All throw errors with an errno's name as `code`. */
export interface NodeSockets {
  openNamespace(path: string): number;
  namespaceCookie(netns: number): string;
  /** -1: the workers bind by themselves. */
  listenIn(options: ListenOptions): number;
  /** Of a listening socket: also what a worker left at it. */
  closeFd(fd: number): void;
}

export interface CapturedPod {
  readonly netns: number;
  readonly cookie: string;
  /** Who it is (`ownerOf`), which the kernel keeps for the next agent. */
  readonly owner: string;
  readonly addresses: readonly string[];
  /** Without the agent the pod's connections are refused instead of sent past it. */
  readonly failClosed: boolean;
  /** A listener of the pod's inbound group; -1: none for that family. */
  readonly inbound4: number;
  readonly inbound6: number;
}

export interface Capture {
  enroll(pod: CapturedPod): void;
  withdraw(cookie: string): void;
  enrolled(): readonly InheritedCapture[];
}

/** The worker pool's part in it. */
export interface ListenerHost {
  readonly size: number;
  listen(id: number, configs: readonly ListenerConfig[]): void;
  unlisten(id: number): Promise<void>;
  listening(id: number): boolean;
}

/** Connections that may wait for a worker: as many as the kernel allows by default (net.core.somaxconn), because a worker that is being replaced accepts none for a moment. */
export const BACKLOG = 4096;
