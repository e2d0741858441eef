/** The line of a connection that was passed through, and its callee's where one pass serves both. */
import { socketText } from '../../base/socket-address.ts';
import type { AccessLog, LogPolicy } from '../access-log/access-log.ts';
import { UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { AccessLogConfig } from '../config/telemetry.ts';
import type { Origin } from '../exchange/origin.ts';
import { OUTCOME } from '../message/outcome.ts';
import { addressText, NO_TEXT, type OwnText } from '../message/own-text.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { TunnelBytes } from '../tcp/tunnel.ts';
import type { Address, ConnectionId, Transport } from '../transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

export interface TcpLogGround {
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly accessLog: AccessLog;
  /** It is filled for each line. */
  readonly record: ExchangeRecord;
}

interface LoggedTarget {
  readonly endpoint: Endpoint;
  readonly cluster: Cluster | null;
}

const NO_LOGS: readonly AccessLogConfig[] = [];

export class TcpLog {
  readonly #ground: TcpLogGround;
  readonly #origin: Origin;
  readonly #target: LoggedTarget;
  readonly #own: LogPolicy | null;
  readonly #callee: LogPolicy | null;
  readonly #startedAt: number;
  readonly #remote: OwnText;
  #upstreamLocal = NO_TEXT;

  /** Null: nothing is logged. */
  static begin(ground: TcpLogGround, origin: Origin, target: LoggedTarget, client: ConnectionId): TcpLog | null {
    const { accessLog, runtime } = ground;
    const { local } = target.endpoint.config;
    const callee = local === null || origin.kind === 'inbound' ? undefined : runtime.workloads.get(local);
    const own = accessLog.policy(origin.telemetry?.accessLogs ?? NO_LOGS);
    const theirs = accessLog.policy(callee?.telemetry?.inbound.accessLogs ?? NO_LOGS);
    return own === null && theirs === null ? null : new TcpLog(ground, origin, target, client, own, theirs);
  }

  private constructor(
    ground: TcpLogGround,
    origin: Origin,
    target: LoggedTarget,
    client: ConnectionId,
    own: LogPolicy | null,
    callee: LogPolicy | null,
  ) {
    this.#ground = ground;
    this.#origin = origin;
    this.#target = target;
    this.#own = own;
    this.#callee = callee;
    this.#startedAt = ground.transport.now;
    this.#remote = addressText(ground.transport.peerAddress(client));
  }

  /** @param upstream is connected. */
  established(upstream: ConnectionId): void {
    this.#upstreamLocal = addressText(this.#ground.transport.localAddress(upstream));
  }

  end({ forward, backward }: TunnelBytes): void {
    const { record, transport } = this.#ground;
    const { config } = this.#target.endpoint;
    record.log = null;
    record.callee = UNKNOWN_IDENTITY;
    record.route = null;
    record.cluster = this.#target.cluster?.config ?? null;
    record.fallbackService = this.#origin.kind === 'inbound' ? 'InboundPassthroughCluster' : 'PassthroughCluster';
    record.endpointAddress = config.address;
    record.endpointPort = config.port;
    record.attempts = 1;
    record.outcome = OUTCOME.completed;
    record.status = record.flags = record.requestHeadBytes = record.responseHeadBytes = record.answeredAt = 0;
    record.requestBytes = forward;
    record.responseBytes = backward;
    record.startedAt = record.sentAt = this.#startedAt;
    record.endedAt = transport.now;
    if (this.#own !== null) this.#write(this.#own, this.#origin.localAddress, this.#origin.kind === 'inbound');
    if (this.#callee !== null) this.#write(this.#callee, { ip: config.address, port: config.port }, true);
  }

  #write(policy: LogPolicy, local: Address, inbound: boolean): void {
    const { accessLog, record } = this.#ground;
    const { entry } = accessLog;
    entry.note = entry.requestId = entry.trace = entry.span = null;
    entry.serverName = entry.forwardedFor = '';
    entry.requestEndedAt = 0;
    entry.upstreamLocal = this.#upstreamLocal;
    entry.localText = socketText(local.ip, local.port);
    entry.remote = this.#remote;
    entry.inbound = inbound;
    accessLog.write(policy, record);
  }
}
