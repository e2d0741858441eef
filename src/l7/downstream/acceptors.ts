/** What happens to a new connection at each kind of listener. */
import type { Context } from '../context.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { GatewayListener, InboundListener, OutboundListener } from '../engine-port.ts';
import type { Refusal } from '../record/recorder.ts';
import type { Workload } from '../runtime/runtime.ts';
import type { DestinationConfig, Protocol } from '../snapshot.ts';
import type { Acceptor, Address, ConnectionHandler, ConnectionId } from '../transport.ts';
import { Detector } from './detector.ts';
import { Http1Server } from './http1-server.ts';
import type { ServerList } from './server-list.ts';
import { GatewayOrigin, InboundOrigin, OutboundOrigin, type Origin } from './origin.ts';

/** The agent's own ports in a pod: a connection that was meant for one of them has no further destination. */
const OWN_PORTS: ReadonlySet<number> = new Set([15001, 15006, 15008]);
const OPAQUE: DestinationConfig = { protocol: 'tcp', cluster: null };

abstract class ConnectionAcceptor implements Acceptor {
  protected readonly context: Context;
  protected readonly parts: EngineParts;
  readonly #servers: ServerList;

  constructor(context: Context, parts: EngineParts, servers: ServerList) {
    this.context = context;
    this.parts = parts;
    this.#servers = servers;
  }

  abstract onAccept(id: ConnectionId): ConnectionHandler | null;

  protected refuse(reason: Refusal): null {
    this.context.recorder.refused(reason);
    return null;
  }

  protected http(origin: Origin, id: ConnectionId): Http1Server {
    return new Http1Server(this.context, this.parts, origin, id, this.#servers);
  }

  protected byProtocol(
    origin: OutboundOrigin | InboundOrigin,
    id: ConnectionId,
    protocol: Protocol,
    cluster: string | null,
  ): ConnectionHandler {
    if (protocol === 'http') return this.http(origin, id);
    const serveHttp = (seen: Uint8Array): void => {
      const server = this.http(origin, id);
      this.context.transport.setHandler(id, server);
      server.receive(seen, 0, seen.length);
    };
    return new Detector(this.context, this.parts, origin, id, cluster, protocol === 'auto' ? serveHttp : null);
  }
}

export class OutboundAcceptor extends ConnectionAcceptor {
  readonly #listener: OutboundListener;

  constructor(context: Context, parts: EngineParts, servers: ServerList, listener: OutboundListener) {
    super(context, parts, servers);
    this.#listener = listener;
  }

  onAccept(id: ConnectionId): ConnectionHandler | null {
    const peer = this.context.transport.peerAddress(id);
    const destination = this.context.originalDestinations.take(this.#listener.cookie, peer);
    if (destination === null) return this.refuse('original_destination_missing');
    const workload = this.context.runtime.workloads.get(this.#listener.workload);
    if (workload === undefined) return this.refuse('workload_gone');
    const target = this.#target(workload, destination);
    return this.byProtocol(new OutboundOrigin(this.#listener, workload, destination), id, target.protocol, target.cluster);
  }

  /** A known service or a port with HTTP services; else a pod of this node by its own address; else nobody knows. */
  #target(workload: Workload, destination: Address): DestinationConfig {
    const known = workload.scope?.destination(destination.ip, destination.port) ?? null;
    if (known !== null) return known;
    const callee = this.context.runtime.workloadAt(destination.ip);
    if (callee === null) return OPAQUE;
    return { protocol: callee.inbound[destination.port]?.protocol ?? 'auto', cluster: null };
  }
}

export class InboundAcceptor extends ConnectionAcceptor {
  readonly #listener: InboundListener;

  constructor(context: Context, parts: EngineParts, servers: ServerList, listener: InboundListener) {
    super(context, parts, servers);
    this.#listener = listener;
  }

  onAccept(id: ConnectionId): ConnectionHandler | null {
    const destination = this.context.transport.localAddress(id);
    if (OWN_PORTS.has(destination.port)) return this.refuse('own_port');
    const workload = this.context.runtime.workloads.get(this.#listener.workload);
    if (workload === undefined) return this.refuse('workload_gone');
    const protocol = workload.inbound[destination.port]?.protocol ?? 'auto';
    return this.byProtocol(new InboundOrigin(this.#listener, workload, destination), id, protocol, null);
  }
}

export class GatewayAcceptor extends ConnectionAcceptor {
  readonly #listener: GatewayListener;

  constructor(context: Context, parts: EngineParts, servers: ServerList, listener: GatewayListener) {
    super(context, parts, servers);
    this.#listener = listener;
  }

  onAccept(id: ConnectionId): ConnectionHandler | null {
    if (!this.context.runtime.gateways.has(this.#listener.port)) return this.refuse('gateway_gone');
    return this.http(new GatewayOrigin(this.context, this.#listener, id), id);
  }
}
