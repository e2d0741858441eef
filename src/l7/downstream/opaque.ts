/**
 * A client's connection that is not HTTP/1: it is passed to its original destination, through the service's load balancing if the
 * address belongs to a service, and counted. Bytes that were read to find the protocol go first.
 */
import { murmur3Text } from '../../base/hash.ts';
import { Timer } from '../../base/timer-wheel.ts';
import type { EngineLimits } from '../limits.ts';
import { Flag } from '../message/outcome.ts';
import type { PeerSeries } from '../record/peer-series.ts';
import type { FallbackService, Peers } from '../record/exchange-record.ts';
import type { Recorder } from '../record/recorder.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { TelemetryConfig } from '../config/telemetry.ts';
import { NO_TAGS } from '../record/exchange-record.ts';
import type { MetricPolicy } from '../exchange/metric-policy.ts';
import type { Tellings } from '../exchange/tellings.ts';
import { type Identity, UNKNOWN_IDENTITY } from '../config/identity.ts';
import { TcpCount, type TcpCounts } from './tcp-counts.ts';
import { TcpLog, type TcpLogGround } from './tcp-log.ts';
import { send } from '../send.ts';
import { type CalleeGround, calleeLimits } from '../exchange/callee-place.ts';
import { originalEndpoint } from '../exchange/original-endpoint.ts';
import type { Origin } from '../exchange/origin.ts';
import { proxyHeader } from '../tcp/proxy-protocol.ts';
import { type ProxyAnswer, ProxyRequest } from '../tcp/proxy-request.ts';
import { type SecondWatcher, Tunnel, type TunnelBytes } from '../tcp/tunnel.ts';
import type { CloseReason, ConnectionHandler, ConnectionId, Transport } from '../transport.ts';
import type { Cluster, ClusterSlot } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import { connectOptions } from '../upstream/connect-options.ts';
import { NO_LIMITS } from '../upstream/budget.ts';
import type { Guard, Guards } from '../upstream/guards.ts';
import { Slot } from '../upstream/slot.ts';
import type { OriginalCluster } from '../upstream/original-cluster.ts';
import { WaitingClient } from './waiting-client.ts';

/** What opaque connections of a worker work with. */
export interface OpaqueGround extends TcpLogGround {
  readonly transport: Transport;
  readonly limits: EngineLimits;
  readonly random: () => number;
  readonly runtime: Runtime;
  readonly originals: OriginalCluster;
  readonly recorder: Recorder;
  readonly counts: TcpCounts;
  readonly guards: Guards;
  readonly callees: CalleeGround;
  readonly tellings: Tellings;
  /** SO_MARK of upstream sockets. */
  readonly mark: number;
}

/** What a server did before its client's protocol was known. */
export type EarlyServer =
  { readonly kind: 'spoke'; readonly bytes: Uint8Array } | { readonly kind: 'ended' } | { readonly kind: 'unreachable' };

/** The endpoint of an opaque connection, and the cluster it was taken from. */
export interface OpaqueTarget {
  readonly endpoint: Endpoint;
  readonly cluster: Cluster | null;
}

/** Where such a connection goes; null: its service has no endpoint, or the policy forbids the destination. */
export function opaqueTarget(ground: OpaqueGround, origin: Origin, client: ConnectionId, slot: ClusterSlot | null): OpaqueTarget | null {
  if (slot === null) {
    if (origin.kind === 'gateway') return null;
    if (origin.unknownAllowed) return { endpoint: originalEndpoint(ground, origin), cluster: null };
    countBlocked(ground, origin);
    return null;
  }
  const { cluster } = slot;
  const original = cluster?.config.original;
  if (original !== undefined && origin.kind !== 'gateway') return { endpoint: originalEndpoint(ground, origin, original), cluster };
  // Of the keys by which requests are hashed, a connection has only the address of its client (Envoy, tcp_proxy hash_policy).
  const bySource = cluster?.hash?.key.kind === 'source-address';
  const hash = bySource ? murmur3Text(origin.sourceOf(ground.transport.peerAddress(client).ip), 0) : -1;
  const endpoint = cluster === null ? null : ground.guards.pick(cluster, hash, origin, null);
  return endpoint === null ? null : { endpoint, cluster };
}

/** Istio's BlackHoleCluster. */
function countBlocked({ recorder, tellings }: OpaqueGround, origin: Origin): void {
  const rules = tellings.metrics.of(origin.telemetry?.metrics);
  const ruled = { rules, tags: rules?.unknownTags ?? NO_TAGS };
  const series = recorder.connections(peersOf(origin, 'source', UNKNOWN_IDENTITY, null, 'BlackHoleCluster', ruled));
  series.tcp('opened_total', Flag.UH);
  series.tcp('closed_total', Flag.UH);
  recorder.refused('blocked');
}

function peersOf(
  origin: Origin,
  reporter: Peers['reporter'],
  callee: Identity,
  cluster: Cluster | null,
  fallbackService: FallbackService,
  ruled: Pick<Peers, 'rules' | 'tags'>,
): Peers {
  const service = origin.kind === 'inbound' ? origin.service : (cluster?.config.service ?? null);
  return { reporter, caller: origin.identity, callee, service, fallbackService, ...ruled };
}

/**
 *     waiting ──its turn──▶ connecting ──▶ joined ──▶ over
 *        │                      │  └─▶ asking a proxy ─▶ joined
 *        └──────────────────────┴─ cancel, server gone ─▶ over
 */
export class OpaqueConnection implements ConnectionHandler, SecondWatcher, ProxyAnswer {
  readonly #ground: OpaqueGround;
  readonly #origin: Origin;
  readonly #target: OpaqueTarget;
  readonly #client: ConnectionId;
  readonly #early: (early: EarlyServer) => void;
  readonly #guard: Guard | null;
  readonly #slot: Slot | null;
  /** At a callee of this node that limits what all its callers have of it. */
  readonly #calleeSlot: Slot | null;
  #begun = false;
  #refused = false;
  #isEstablished = false;
  /** Null: it is not logged. */
  #line: TcpLog | null = null;
  /** -1: not opened yet. */
  #upstream: ConnectionId = -1;
  /** Null: the endpoint is the server itself, or the proxy has answered. */
  #asking: ProxyRequest | null = null;
  /** Who has joined before the connection was opened. */
  #waiting: WaitingClient | null = null;
  /** Bytes that the server sent before it was joined with its client. */
  #spoken = 0;
  #joined = false;
  #age: Timer | null = null;

  /**
   * Opens the upstream connection, or lets it wait for its turn. Null: too many wait already.
   * @param early called when something happens at the server before `join`.
   */
  static open(
    ground: OpaqueGround,
    origin: Origin,
    target: OpaqueTarget,
    client: ConnectionId,
    early: (early: EarlyServer) => void,
  ): OpaqueConnection | null {
    const connection = new OpaqueConnection(ground, origin, target, client, early);
    return connection.#begin() ? connection : null;
  }

  private constructor(
    ground: OpaqueGround,
    origin: Origin,
    target: OpaqueTarget,
    client: ConnectionId,
    early: (early: EarlyServer) => void,
  ) {
    this.#ground = ground;
    this.#origin = origin;
    this.#target = target;
    this.#client = client;
    this.#early = early;
    const { cluster, endpoint } = target;
    const guard = (this.#guard = cluster === null ? null : ground.guards.of(cluster, origin.client));
    const limited = cluster?.config.pool !== undefined;
    this.#slot = guard === null || !limited ? null : new Slot(guard, endpoint, () => this.#enter());
    const callee = calleeLimits(ground.callees, endpoint);
    this.#calleeSlot = callee === null ? null : new Slot(callee.guard, callee.endpoint, () => this.#connect());
  }

  /** Joins client and server. @param first what the client has sent already. @param ended who has sent FIN already. */
  join(first: Uint8Array | null, ended: 'none' | 'first' | 'second' = 'none'): void {
    if (this.#joined) return;
    this.#joined = true;
    if (this.#upstream >= 0 && this.#asking === null) this.#join(first, ended);
    else this.#waiting = new WaitingClient(this.#ground.transport, this.#client, first, ended === 'first', () => this.cancel());
  }

  /** The connection turned out not to be opaque, or its client is gone. */
  cancel(): void {
    this.#leave();
    if (this.#upstream >= 0) this.#ground.transport.close(this.#upstream);
  }

  onConnect(): void {
    this.#isEstablished = true;
    this.established();
  }

  established(): void {
    this.#slot?.established();
    this.#calleeSlot?.established();
    this.#line?.established(this.#upstream);
    this.#guard?.outliers.connected(this.#target.endpoint);
  }

  /** There is no connection to the endpoint. */
  failed(): void {
    this.#guard?.outliers.failed(this.#target.endpoint, false, false);
  }

  onData(start: number, end: number): void {
    this.#spoken += end - start;
    this.#early({ kind: 'spoke', bytes: this.#ground.transport.arena.slice(start, end) });
  }

  onEnd(): void {
    this.#early({ kind: 'ended' });
  }

  onClose(_reason: CloseReason): void {
    if (!this.#isEstablished) this.failed();
    this.#leave();
    this.#early({ kind: 'unreachable' });
  }

  onBlocked(): void {}
  onDrained(): void {}
  onRelayed(): void {}

  #begin(): boolean {
    this.#target.endpoint.active++;
    if (this.#slot === null) this.#enter();
    else if (!this.#slot.begin()) this.#refused = true;
    if (this.#refused) this.#leave();
    this.#begun = true;
    return !this.#refused;
  }

  /** The client may have another connection there; whether the callee may, its own rules say. */
  #enter(): void {
    if (this.#calleeSlot === null) return this.#connect();
    if (this.#calleeSlot.begin()) return;
    this.#refused = true;
    if (!this.#begun) return;
    this.#leave();
    if (this.#waiting === null) this.#early({ kind: 'unreachable' });
    else this.#ground.transport.reset(this.#client);
  }

  #connect(): void {
    const { transport, runtime, mark } = this.#ground;
    const { endpoint, cluster } = this.#target;
    const timeoutMs = cluster?.config.connectTimeoutMs ?? runtime.mesh.connectTimeoutMs;
    const from = { netns: this.#origin.netns, mark, timeoutMs };
    this.#upstream = transport.connect(connectOptions(endpoint, cluster?.config.pool ?? NO_LIMITS, from), this);
    const { proxyProtocol, tunnel } = cluster?.config ?? {};
    if (proxyProtocol !== undefined) this.#introduce(proxyProtocol);
    if (tunnel === undefined) this.#letIn();
    else this.#asking = new ProxyRequest(transport, this.#upstream, tunnel, timeoutMs, this);
  }

  #introduce(version: 1 | 2): void {
    const { transport } = this.#ground;
    const { ip, port } = transport.peerAddress(this.#client);
    const header = proxyHeader(version, { ip: this.#origin.sourceOf(ip), port }, this.#origin.localAddress);
    send(transport, this.#upstream, header, 0, header.length);
  }

  /** Whoever has joined already. */
  #letIn(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    this.#ground.transport.resume(this.#client);
    this.#join(waiting.first, waiting.ended ? 'first' : 'none');
  }

  /** A proxy has opened the way to its target. */
  opened(rest: Uint8Array | null): void {
    const { transport } = this.#ground;
    this.#asking = null;
    transport.setHandler(this.#upstream, this);
    this.onConnect();
    if (rest !== null) this.#spoken += rest.length;
    if (rest !== null && this.#joined) send(transport, this.#client, rest, 0, rest.length);
    else if (rest !== null) this.#early({ kind: 'spoke', bytes: rest });
    this.#letIn();
  }

  /** A proxy does not want to, or is not there. */
  refused(closed: boolean): void {
    const { transport } = this.#ground;
    this.#asking = null;
    this.failed();
    this.#leave();
    if (!closed) transport.close(this.#upstream);
    if (this.#waiting === null) this.#early({ kind: 'unreachable' });
    else transport.close(this.#client);
  }

  #join(first: Uint8Array | null, ended: 'none' | 'first' | 'second'): void {
    const { limits, transport, recorder } = this.#ground;
    const { tcpIdleTimeoutMs = limits.idleTimeoutMs, maxConnectionMs } = this.#target.cluster?.config.pool ?? NO_LIMITS;
    const means = { transport, recorder, limits: { idleTimeoutMs: tcpIdleTimeoutMs } };
    const line = (this.#line = TcpLog.begin(this.#ground, this.#origin, this.#target, this.#client));
    if (this.#isEstablished) line?.established(this.#upstream);
    const spoken = this.#spoken;
    const said = first?.length ?? 0;
    const whole = ({ forward, backward }: TunnelBytes): TunnelBytes => ({ forward: forward + said, backward: backward + spoken });
    const tunnel = new Tunnel(means, (bytes) => this.#over(count, line, whole(bytes)), this.#isEstablished ? undefined : this);
    const { series, reportMs } = this.#series();
    const count = new TcpCount(series, () => whole(tunnel.bytes), reportMs);
    this.#ground.counts.open(count);
    if (first !== null) send(transport, this.#upstream, first, 0, first.length);
    tunnel.join(this.#client, this.#upstream, ended);
    if (maxConnectionMs === undefined) return;
    this.#age = new Timer(() => tunnel.end());
    transport.timers.arm(this.#age, maxConnectionMs);
  }

  #leave(): void {
    this.#asking?.cancel();
    this.#target.endpoint.active--;
    this.#slot?.free();
    this.#calleeSlot?.free();
    if (this.#age !== null) this.#ground.transport.timers.disarm(this.#age);
  }

  #over(count: TcpCount, line: TcpLog | null, bytes: TunnelBytes): void {
    this.#leave();
    line?.end(bytes);
    this.#ground.counts.close(count, bytes);
  }

  /** The caller's record, or that of an inbound connection, and the callee's if its pod is enrolled on this node. */
  #series(): { readonly series: readonly PeerSeries[]; readonly reportMs: number } {
    const { endpoint, cluster } = this.#target;
    const { recorder, runtime } = this.#ground;
    const { identity, local } = endpoint.config;
    const origin = this.#origin;
    const inbound = origin.kind === 'inbound';
    const fallback = inbound ? 'InboundPassthroughCluster' : 'PassthroughCluster';
    const ruled = this.#ruled(origin.telemetry);
    const own = recorder.connections(peersOf(origin, inbound ? 'destination' : 'source', identity, cluster, fallback, ruled));
    if (local === null) return { series: [own], reportMs: ruled.reportMs };
    const theirs = this.#ruled(runtime.workloads.get(local)?.telemetry?.inbound ?? null);
    const callee = recorder.connections(peersOf(origin, 'destination', identity, cluster, 'unknown', theirs));
    return { series: [own, callee], reportMs: Math.min(ruled.reportMs || theirs.reportMs, theirs.reportMs || ruled.reportMs) };
  }

  /** How the metrics of one side differ from Istio's, and what their tags say of this connection. */
  #ruled(telemetry: TelemetryConfig | null): Pick<Peers, 'rules' | 'tags'> & { readonly reportMs: number } {
    const { tellings, accessLog, record } = this.#ground;
    const rules: MetricPolicy | null = tellings.metrics.of(telemetry?.metrics);
    if (rules === null) return ISTIOS;
    const { config } = this.#target.endpoint;
    accessLog.entry.clear();
    record.clear();
    record.cluster = this.#target.cluster?.config ?? null;
    record.endpointAddress = config.address;
    record.endpointPort = config.port;
    return { rules, tags: rules.tags(accessLog.entry, record), reportMs: rules.reportMs };
  }
}

const ISTIOS = { rules: null, tags: NO_TAGS, reportMs: 0 };
