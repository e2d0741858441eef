/** Where a client's connection came from, and what that means for everything it carries. One per connection. */
import type { GatewayListener, InboundListener, OutboundListener } from '../engine-port.ts';
import type { Context } from '../context.ts';
import type { Stage } from '../exchange/exchange.ts';
import type { Scope, Table, Workload } from '../runtime/runtime.ts';
import { GATEWAY_STAGES, INBOUND_STAGES, OUTBOUND_STAGES } from '../stack.ts';
import { type Identity, UNKNOWN_IDENTITY } from '../snapshot.ts';
import type { Address, ConnectionId } from '../transport.ts';

/** Of a connection that a pod opened or received: it has an original destination. */
export type CapturedOrigin = OutboundOrigin | InboundOrigin;
export type Origin = CapturedOrigin | GatewayOrigin;

/** A connection that an enrolled pod has opened. */
export class OutboundOrigin {
  readonly kind = 'outbound';
  readonly stages: readonly Stage[] = OUTBOUND_STAGES;
  readonly workload: Workload;
  /** Namespace of the upstream sockets. */
  readonly netns: number;
  /** Where the application wanted to go. */
  readonly destination: Address;
  #scope: Scope | null = null;
  #table: Table | null = null;

  constructor(listener: OutboundListener, workload: Workload, destination: Address) {
    this.netns = listener.netns;
    this.workload = workload;
    this.destination = destination;
  }

  get identity(): Identity {
    return this.workload.identity;
  }

  /** The routes in force now; looked up again only when the client's view has changed. */
  table(): Table | null {
    if (this.workload.scope !== this.#scope) {
      this.#scope = this.workload.scope;
      this.#table = this.#scope?.table(this.destination.port) ?? null;
    }
    return this.#table;
  }

  get port(): number {
    return this.destination.port;
  }
}

/** A connection to an enrolled pod, from outside the mesh or from another node. */
export class InboundOrigin {
  readonly kind = 'inbound';
  readonly stages: readonly Stage[] = INBOUND_STAGES;
  readonly workload: Workload;
  readonly netns: number;
  readonly destination: Address;
  /** Nothing in plain text says who the client is. */
  readonly identity: Identity = UNKNOWN_IDENTITY;

  constructor(listener: InboundListener, workload: Workload, destination: Address) {
    this.netns = listener.netns;
    this.workload = workload;
    this.destination = destination;
  }

  table(): null {
    return null;
  }

  get port(): number {
    return this.destination.port;
  }
}

const GATEWAY_IDENTITY: Identity = {
  ...UNKNOWN_IDENTITY,
  workload: 'nodeway-gateway',
  namespace: 'istio-system',
  app: 'nodeway-gateway',
  canonicalService: 'nodeway-gateway',
};

/** A connection to one of this node's gateway ports. */
export class GatewayOrigin {
  readonly kind = 'gateway';
  readonly stages: readonly Stage[] = GATEWAY_STAGES;
  readonly workload = null;
  /** The agent's own namespace. */
  readonly netns = -1;
  readonly port: number;
  readonly identity: Identity = GATEWAY_IDENTITY;
  readonly #context: Context;
  readonly #connection: ConnectionId;
  #clientIp: string | null = null;
  #forwarded: Uint8Array | null = null;

  constructor(context: Context, listener: GatewayListener, connection: ConnectionId) {
    this.#context = context;
    this.#connection = connection;
    this.port = listener.port;
  }

  table(): Table | null {
    return this.#context.runtime.gateways.get(this.port)?.table ?? null;
  }

  get clientIp(): string {
    return (this.#clientIp ??= this.#context.transport.peerAddress(this.#connection).ip);
  }

  /** What every request of this connection gets that has no X-Forwarded-For of its own. */
  get forwardedLines(): Uint8Array {
    return (this.#forwarded ??= Buffer.from(
      `x-forwarded-for: ${this.clientIp}\r\nx-envoy-external-address: ${this.clientIp}\r\n`,
      'latin1',
    ));
  }
}
