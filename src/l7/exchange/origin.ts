/** Where a client's connection came from, and what that means for everything it carries. One per connection. */
import type { InboundListener, OutboundListener } from '../engine-port.ts';
import type { FieldNumbers } from '../message/field-numbers.ts';
import { addressText, type WireText } from '../message/wire-text.ts';
import type { Runtime, Scope, Table, Workload } from '../runtime/runtime.ts';
import type { TelemetryConfig } from '../config/telemetry.ts';
import { type Identity, type ServiceRef, UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { Address, ConnectionId, Transport } from '../transport.ts';

/** Of a connection that a pod opened or received: it has an original destination. */
export type CapturedOrigin = OutboundOrigin | InboundOrigin;
export type Origin = CapturedOrigin | GatewayOrigin;

/** What the `server` header says: a sidecar's outbound side names itself `envoy`, gateways and the inbound side `istio-envoy`. */
export type ServerName = 'envoy' | 'istio-envoy';

/** The family of addresses to prefer at a cluster that has both; 0: the cluster's own preference. */
export type Family = 0 | 4 | 6;

/** Whose limits hold for what all callers of a pod use of it. @param workload its key. */
export function inboundClient(workload: string): string {
  return `inbound ${workload}`;
}

/** A connection that an enrolled pod has opened. */
export class OutboundOrigin {
  readonly kind = 'outbound';
  readonly serverName: ServerName = 'envoy';
  /** Whose limits hold for what it uses of clusters. */
  readonly client: string;
  readonly workload: Workload;
  /** Namespace of the upstream sockets. */
  readonly netns: number;
  /** Where the application wanted to go. */
  readonly destination: Address;
  readonly family: Family;
  #scope: Scope | null = null;
  #table: Table | null = null;

  constructor(listener: OutboundListener, workload: Workload, destination: Address) {
    this.client = listener.workload;
    this.netns = listener.netns;
    this.workload = workload;
    this.destination = destination;
    this.family = destination.ip.includes(':') ? 6 : 4;
  }

  get identity(): Identity {
    return this.workload.identity;
  }

  get telemetry(): TelemetryConfig | null {
    return this.workload.telemetry?.outbound ?? null;
  }

  /** The routes in effect now; looked up again only when the client's view has changed. */
  table(): Table | null {
    if (this.workload.scope !== this.#scope) {
      this.#scope = this.workload.scope;
      this.#table = this.#scope?.table(this.destination.port) ?? null;
    }
    return this.#table;
  }

  /** The names that TLS clients may ask for there; null: none. */
  names(): Table | null {
    return this.workload.scope?.names(this.destination.port) ?? null;
  }

  /** The client's address. A captured connection comes from a loopback address, unless its socket was bound: the pod's is meant. */
  sourceOf(peer: string): string {
    if (peer !== '::1' && !peer.startsWith('127.')) return peer;
    const ofFamily = this.workload.addresses.find((ip) => ip.includes(':') === (this.family === 6));
    return ofFamily ?? this.workload.addresses[0] ?? peer;
  }

  /** Whether unknown names and addresses are passed through. */
  get unknownAllowed(): boolean {
    return this.workload.scope?.outboundTrafficPolicy !== 'REGISTRY_ONLY';
  }

  get port(): number {
    return this.destination.port;
  }

  /** Where the client has connected to. */
  get localAddress(): Address {
    return this.destination;
  }
}

/** A connection to an enrolled pod, from outside the mesh or from another node. */
export class InboundOrigin {
  readonly kind = 'inbound';
  readonly client: string;
  readonly serverName: ServerName = 'istio-envoy';
  readonly workload: Workload;
  readonly netns: number;
  readonly destination: Address;
  readonly family: Family = 0;
  /** Plain text does not identify the client. */
  readonly identity: Identity = UNKNOWN_IDENTITY;
  readonly unknownAllowed = true;

  constructor(listener: InboundListener, workload: Workload, destination: Address) {
    this.client = inboundClient(listener.workload);
    this.netns = listener.netns;
    this.workload = workload;
    this.destination = destination;
  }

  table(): null {
    return null;
  }

  sourceOf(peer: string): string {
    return peer;
  }

  names(): null {
    return null;
  }

  get telemetry(): TelemetryConfig | null {
    return this.workload.telemetry?.inbound ?? null;
  }

  get port(): number {
    return this.destination.port;
  }

  get localAddress(): Address {
    return this.destination;
  }

  /** The service through which the port is usually reached. */
  get service(): ServiceRef | null {
    return this.workload.inbound[this.port]?.service ?? null;
  }
}

/** `x-forwarded-for` and `x-envoy-external-address` of a client. */
export interface ForwardedLines {
  readonly lines: Uint8Array;
  /** Bytes of the first line. */
  readonly first: number;
  /** Of the first line; that of the second follows. */
  readonly number: number;
}

const LF = 10;

/** A connection to one of this node's gateway ports. */
export class GatewayOrigin {
  readonly kind = 'gateway';
  /** All gateways of a node are one client, as the ports of one gateway's pod are. */
  readonly client = 'gateway';
  readonly serverName: ServerName = 'istio-envoy';
  readonly workload = null;
  /** The agent's own namespace. */
  readonly netns = -1;
  readonly family: Family = 0;
  readonly port: number;
  readonly identity: Identity;
  readonly #gateways: Runtime['gateways'];
  readonly #transport: Transport;
  readonly #id: ConnectionId;
  #clientIp: WireText | null = null;
  /** What every request of this connection gets that has no X-Forwarded-For of its own. */
  forwarded: ForwardedLines | null = null;
  #isForwarding = false;

  constructor(port: number, identity: Identity, gateways: Runtime['gateways'], transport: Transport, id: ConnectionId) {
    this.port = port;
    this.identity = identity;
    this.#gateways = gateways;
    this.#transport = transport;
    this.#id = id;
  }

  sourceOf(peer: string): string {
    return peer;
  }

  table(): Table | null {
    return this.#gateways.get(this.port)?.table ?? null;
  }

  get telemetry(): TelemetryConfig | null {
    return this.#gateways.get(this.port)?.config.telemetry ?? null;
  }

  /** The names that TLS clients may ask for there; null: none, or TLS is not passed on. */
  names(): Table | null {
    const gateway = this.#gateways.get(this.port);
    return gateway?.config.protocol === 'tls' ? gateway.names : null;
  }

  /** They have been written there. The first time nothing is kept: the request may be the only one. */
  noteForwarded(bytes: Uint8Array, start: number, end: number, numbers: FieldNumbers): void {
    if (this.#isForwarding) {
      const lines = bytes.slice(start, end);
      this.forwarded = { lines, first: lines.indexOf(LF) + 1, number: numbers.take(2) };
    }
    this.#isForwarding = true;
  }

  get localAddress(): Address {
    return this.#transport.localAddress(this.#id);
  }

  get clientIp(): WireText {
    return (this.#clientIp ??= addressText(this.#transport.peerAddress(this.#id).ip));
  }
}
