/** What the engine gets besides snapshots: the sockets to serve, and for whom. */
import type { Address } from './transport.ts';

/** A listening socket that the control thread has made and keeps; every worker has one of its own at the same address. */
export type ListenerConfig = OutboundListener | InboundListener | GatewayListener;

/** Connections that an enrolled pod opens. `OriginalDestinations` knows where they were going. */
export interface OutboundListener {
  readonly kind: 'outbound';
  readonly id: number;
  readonly fd: number;
  /** Key into the snapshot's `workloads`. */
  readonly workload: string;
  /** Descriptor of the pod's network namespace, for its upstream sockets. */
  readonly netns: number;
  /** The namespace's cookie (SO_NETNS_COOKIE), in decimal. */
  readonly cookie: string;
}

/** Connections to an enrolled pod from elsewhere; the accepted socket's local address is the original destination. */
export interface InboundListener {
  readonly kind: 'inbound';
  readonly id: number;
  readonly fd: number;
  readonly workload: string;
  readonly netns: number;
  /** The agent's own ports in the pod: a connection that was meant for one of them has no further destination. */
  readonly ownPorts: readonly number[];
}

export interface GatewayListener {
  readonly kind: 'gateway';
  readonly id: number;
  readonly fd: number;
  /** Key into the snapshot's `gateways`. */
  readonly port: number;
}

/** Where a captured connection wanted to go. */
export interface OriginalDestinations {
  /**
   * The destination of the connection that came from `peer` in that namespace, and forgets it.
   * Null: unknown (the map was full, or a client connected to the listener itself); the connection must be closed.
   */
  take(cookie: string, peer: Address): Address | null;
}
