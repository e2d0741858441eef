/**
 * The access log of an exchange, and of its callee where one pass serves both. One object per connection, and only where something is
 * logged. What a line says of the request is noted when it comes.
 */
import { socketText } from '../../base/socket-address.ts';
import type { AccessLog, LogPolicy } from '../access-log/access-log.ts';
import { RequestNote } from '../access-log/request-note.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import type { ExchangeRecord, RecordLog } from '../record/exchange-record.ts';
import type { Address } from '../transport.ts';
import type { Origin } from './origin.ts';
import type { RequestId } from './request-id.ts';
import { protocolOf } from './protocol-name.ts';
import type { ExchangeTrace } from './trace.ts';

/** The exchange, as far as its log is concerned. */
export interface LoggedExchange {
  readonly head: Head;
  readonly origin: Origin;
  readonly requestId: RequestId;
  readonly trace: ExchangeTrace | null;
  readonly down: { readonly isHttp2: boolean; peerAddress(): string };
}

export class ExchangeLog implements RecordLog {
  /** False: this request has no lines. */
  active = false;
  readonly #accessLog: AccessLog;
  readonly #note = new RequestNote();
  #exchange: LoggedExchange | null = null;
  #policy: LogPolicy | null = null;
  /** Of the callee whose record comes next. */
  #callee: LogPolicy | null = null;
  // Of the connection: asking costs a system call.
  #local = '';
  #remote = '';
  #requestId = '';
  #forwardedFor = '';
  #upstreamLocal = '';
  #requestEndedAt = 0;

  constructor(accessLog: AccessLog) {
    this.#accessLog = accessLog;
  }

  /** @param policy of whoever reports the exchange; null: only its callee may log. */
  begin(exchange: LoggedExchange, policy: LogPolicy | null): void {
    const { head, origin, requestId } = exchange;
    this.active = true;
    this.#exchange = exchange;
    this.#policy = policy;
    this.#callee = null;
    this.#upstreamLocal = '';
    this.#requestEndedAt = 0;
    if (this.#remote === '') this.#askAddresses(exchange);
    this.#note.take(head, protocolOf(exchange), this.#accessLog.names.request);
    this.#requestId = origin.kind === 'gateway' || !head.has(H['x-request-id']) ? requestId.text() : '';
    this.#forwardedFor = origin.kind === 'gateway' ? origin.clientIp : '';
  }

  #askAddresses({ origin, down }: LoggedExchange): void {
    const { ip, port } = origin.localAddress;
    this.#local = socketText(ip, port);
    this.#remote = down.peerAddress();
  }

  requestEnded(now: number): void {
    this.#requestEndedAt = now;
  }

  /** @param local our end of the upstream connection. */
  answered(head: Head, local: Address): void {
    this.#upstreamLocal = socketText(local.ip, local.port);
    this.#note.takeResponse(head, this.#accessLog.names.response);
  }

  /** For the next record, which is a callee's. */
  ofCallee(policy: LogPolicy | null): RecordLog | null {
    this.#callee = policy;
    return policy === null ? null : this;
  }

  /** For the record of the exchange itself. */
  ofExchange(): RecordLog | null {
    this.#callee = null;
    return this.#policy === null ? null : this;
  }

  write(record: ExchangeRecord): void {
    const policy = this.#callee ?? this.#policy;
    const exchange = this.#exchange;
    if (policy === null || exchange === null) return;
    const { entry } = this.#accessLog;
    const { origin, trace } = exchange;
    entry.note = this.#note;
    entry.requestId = this.#requestId;
    entry.forwardedFor = this.#forwardedFor;
    entry.upstreamLocal = this.#upstreamLocal;
    entry.requestEndedAt = this.#requestEndedAt;
    entry.serverName = '';
    entry.traceId = trace === null || trace.policy === null ? '' : trace.context.traceId;
    entry.inbound = this.#callee !== null || origin.kind === 'inbound';
    entry.localText = this.#callee === null ? this.#local : socketText(record.endpointAddress, record.endpointPort);
    entry.remoteText = this.#remote;
    this.#accessLog.write(policy, record);
  }
}
