/** What happens to a new connection at each kind of listener. */
import type { GatewayListener, InboundListener, OriginalDestinations, OutboundListener } from '../engine-port.ts';
import { GatewayOrigin, InboundOrigin, OutboundOrigin, type Origin } from '../exchange/origin.ts';
import type { ExchangeStack } from '../exchange/exchange.ts';
import { outboundTarget } from '../exchange/outbound-target.ts';
import type { ExchangeTools } from '../exchange/tools.ts';
import type { Http1Wire } from '../http1/wire.ts';
import type { Http2Wire } from '../http2/wire.ts';
import type { Refusal } from '../record/recorder.ts';
import type { MeshSettings } from '../snapshot.ts';
import { gatewayIdentity, type Identity, UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { DestinationConfig } from '../config/workload.ts';
import type { Stacks } from '../stack.ts';
import type { Acceptor, ConnectionHandler, ConnectionId, Scarce } from '../transport.ts';
import { Detector } from './detector.ts';
import type { Exhaustion } from './exhaustion.ts';
import { Http1Server } from './http1-server.ts';
import { ConnectionRoute, NOWHERE } from './connection-route.ts';
import { OpaqueConnection, opaqueTarget, type OpaqueGround } from './opaque.ts';
import type { ServerList } from './server-list.ts';

/** What the acceptors of a worker work with. */
export interface AcceptorGround {
  readonly wire: Http1Wire;
  readonly http2: Http2Wire;
  readonly tools: ExchangeTools;
  readonly opaque: OpaqueGround;
  readonly list: ServerList;
  readonly originalDestinations: OriginalDestinations;
  readonly exhaustion: Exhaustion;
  readonly stacks: Stacks;
}

abstract class ConnectionAcceptor implements Acceptor {
  protected readonly ground: AcceptorGround;

  constructor(ground: AcceptorGround) {
    this.ground = ground;
  }

  abstract onAccept(id: ConnectionId): ConnectionHandler | null;

  onExhausted(of: Scarce): void {
    this.ground.exhaustion.note(this.name, of);
  }

  /** For people. */
  protected abstract readonly name: string;

  protected refuse(reason: Refusal): null {
    this.ground.tools.recorder.refused(reason);
    return null;
  }

  protected http(origin: Origin, stack: ExchangeStack, id: ConnectionId): Http1Server {
    return new Http1Server(this.ground, stack, origin, id);
  }

  /** @param ip where the client was going. */
  protected byProtocol(
    origin: Origin,
    ip: string,
    stack: ExchangeStack,
    id: ConnectionId,
    destination: DestinationConfig,
  ): ConnectionHandler {
    const { protocol } = destination;
    if (protocol === 'http' || protocol === 'http2') return this.http(origin, stack, id);
    const { opaque, wire } = this.ground;
    const { transport, limits } = wire;
    const route = new ConnectionRoute(destination, destination.to === 'host' ? origin.names() : null);
    const looks = protocol === 'auto';
    const serveHttp = (seen: Uint8Array): void => {
      const server = this.http(origin, stack, id);
      transport.setHandler(id, server);
      server.begun = true;
      server.receive(seen, 0, seen.length);
    };
    return new Detector(
      {
        transport,
        serveHttp: looks ? serveHttp : null,
        // A client of a server that is declared to speak TLS begins.
        detectTimeoutMs: looks ? limits.detectTimeoutMs : limits.headTimeoutMs,
        byName: route.byName,
        openUpstream: (early, name) => {
          const slot = route.slot(opaque, ip, name);
          const target = slot === NOWHERE ? null : opaqueTarget(opaque, origin, id, slot);
          return target === null ? null : OpaqueConnection.open(opaque, origin, target, id, early);
        },
        onRefused: () => void this.refuse('upstream_unreachable'),
      },
      id,
    );
  }
}

export class OutboundAcceptor extends ConnectionAcceptor {
  protected readonly name: string;
  readonly #listener: OutboundListener;

  constructor(ground: AcceptorGround, listener: OutboundListener) {
    super(ground);
    this.name = `${listener.workload}, outbound`;
    this.#listener = listener;
  }

  onAccept(id: ConnectionId): ConnectionHandler | null {
    const { wire, tools, originalDestinations, stacks } = this.ground;
    const peer = wire.transport.peerAddress(id);
    const destination = originalDestinations.take(this.#listener.cookie, peer);
    if (destination === null) return this.refuse('original_destination_missing');
    const workload = tools.runtime.workloads.get(this.#listener.workload);
    if (workload === undefined) return this.refuse('workload_gone');
    const origin = new OutboundOrigin(this.#listener, workload, destination);
    return this.byProtocol(origin, destination.ip, stacks.outbound, id, outboundTarget(tools.runtime, origin));
  }
}

export class InboundAcceptor extends ConnectionAcceptor {
  protected readonly name: string;
  readonly #listener: InboundListener;

  constructor(ground: AcceptorGround, listener: InboundListener) {
    super(ground);
    this.name = `${listener.workload}, inbound`;
    this.#listener = listener;
  }

  onAccept(id: ConnectionId): ConnectionHandler | null {
    const { wire, tools, stacks } = this.ground;
    const destination = wire.transport.localAddress(id);
    if (this.#listener.ownPorts.includes(destination.port)) return this.refuse('own_port');
    const workload = tools.runtime.workloads.get(this.#listener.workload);
    if (workload === undefined) return this.refuse('workload_gone');
    const { protocol = 'auto', cluster } = workload.inbound[destination.port] ?? {};
    const origin = new InboundOrigin(this.#listener, workload, destination);
    const target = { to: 'host', protocol, ...(cluster !== undefined && { opaque: cluster }) } as const;
    return this.byProtocol(origin, destination.ip, stacks.inbound, id, target);
  }
}

export class GatewayAcceptor extends ConnectionAcceptor {
  protected readonly name: string;
  readonly #listener: GatewayListener;
  /** One object for all connections, because metrics are keyed by it. */
  #identity: Identity = UNKNOWN_IDENTITY;

  constructor(ground: AcceptorGround, listener: GatewayListener) {
    super(ground);
    this.name = `gateway port ${listener.port}`;
    this.#listener = listener;
  }

  onAccept(id: ConnectionId): ConnectionHandler | null {
    const { wire, tools, stacks } = this.ground;
    const { gateways, mesh } = tools.runtime;
    const gateway = gateways.get(this.#listener.port);
    if (gateway === undefined) return this.refuse('gateway_gone');
    const origin = new GatewayOrigin(this.#listener.port, this.#identityIn(mesh), gateways, wire.transport, id);
    const { protocol, rules } = gateway.config;
    if (protocol === undefined) return this.http(origin, stacks.gateway, id);
    const destination = { to: 'host', protocol, ...(rules !== undefined && { rules }) } as const;
    return this.byProtocol(origin, wire.transport.localAddress(id).ip, stacks.gateway, id, destination);
  }

  #identityIn({ gatewayName, rootNamespace }: MeshSettings): Identity {
    const { workload, namespace } = this.#identity;
    if (gatewayName !== workload || rootNamespace !== namespace) this.#identity = gatewayIdentity(gatewayName, rootNamespace);
    return this.#identity;
  }
}
