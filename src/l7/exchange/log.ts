/**
 * What is told of an exchange beside Istio's metrics, and of its callee where one pass serves both: lines of access logs, and tags of
 * metrics that the request gives. One object per connection, and only where something of that kind is asked for. What it says of the
 * request is noted when that comes.
 */
import { socketText } from '../../base/socket-address.ts';
import type { AccessLog, LogPolicy } from '../access-log/access-log.ts';
import type { LoggedSpan } from '../access-log/log-entry.ts';
import { RequestNote } from '../access-log/request-note.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { NO_TEXT, OwnText } from '../message/own-text.ts';
import { type ExchangeRecord, NO_TAGS, type RecordLog } from '../record/exchange-record.ts';
import type { MetricPolicy } from './metric-policy.ts';
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

/** What is told of one side of an exchange. */
export interface Telling {
  /** Null: no line. */
  readonly log: LogPolicy | null;
  /** Null: the metrics are Istio's. */
  readonly metrics: MetricPolicy | null;
  /** It needs a note of the request. */
  readonly asks: boolean;
}

export class ExchangeLog implements RecordLog {
  /** False: nothing is told of this request. */
  active = false;
  /** False: what is told needs nothing but the record. */
  noted = false;
  readonly #accessLog: AccessLog;
  readonly #note = new RequestNote();
  #exchange: LoggedExchange | null = null;
  #own: Telling = { log: null, metrics: null, asks: false };
  /** What the record that comes next is told by. */
  #current: Telling = this.#own;
  #isCallee = false;
  #calleeSpan: LoggedSpan | null = null;
  // Of the connection: asking costs a system call.
  #local = '';
  #remote = NO_TEXT;
  #ownRequestId = false;
  #forwardedFor = '';
  #upstream = NO_TEXT;
  #requestEndedAt = 0;

  constructor(accessLog: AccessLog) {
    this.#accessLog = accessLog;
  }

  /** @param own of whoever reports the exchange. @param calleesAsk what is told of its callee may need a note of the request. */
  begin(exchange: LoggedExchange, own: Telling, calleesAsk: boolean): void {
    this.active = true;
    this.noted = own.asks || calleesAsk;
    this.#own = this.#current = own;
    this.#exchange = this.noted ? exchange : null;
    if (this.noted) this.#takeNote(exchange);
  }

  #takeNote(exchange: LoggedExchange): void {
    const { head, origin } = exchange;
    this.#upstream = NO_TEXT;
    this.#requestEndedAt = 0;
    if (this.#remote === NO_TEXT) this.#askAddresses(exchange);
    this.#note.take(head, protocolOf(exchange), this.#accessLog.names.request);
    this.#ownRequestId = origin.kind === 'gateway' || !head.has(H['x-request-id']);
    this.#forwardedFor = origin.kind === 'gateway' ? origin.clientIp : '';
  }

  #askAddresses({ origin, down }: LoggedExchange): void {
    const { ip, port } = origin.localAddress;
    this.#local = socketText(ip, port);
    this.#remote = new OwnText(down.peerAddress());
  }

  requestEnded(now: number): void {
    this.#requestEndedAt = now;
  }

  /** @param local our end of the upstream connection. */
  answered(head: Head, local: OwnText): void {
    this.#upstream = local;
    this.#note.takeResponse(head, this.#accessLog.names.response);
  }

  /** @param record of a callee, filled. @param span its own; null: it has none. */
  tellCallee(record: ExchangeRecord, callee: Telling, span: LoggedSpan | null): void {
    this.#isCallee = true;
    this.#calleeSpan = span;
    this.#tell(record, callee);
  }

  /** @param record of the exchange itself, filled. */
  tellExchange(record: ExchangeRecord): void {
    this.#isCallee = false;
    this.#tell(record, this.#own);
  }

  write(record: ExchangeRecord): void {
    const { log } = this.#current;
    if (log === null || this.#exchange === null) return;
    this.#describe(record, this.#exchange);
    // Its own line follows the callee's, of the last attempt at least.
    this.#accessLog.write(log, record, this.#isCallee ? this.#own.log : null);
  }

  #tell(record: ExchangeRecord, telling: Telling): void {
    const { log, metrics } = (this.#current = telling);
    record.log = log === null ? null : this;
    record.rules = metrics;
    record.tags = NO_TAGS;
    if (metrics === null || this.#exchange === null) return;
    this.#describe(record, this.#exchange);
    record.tags = metrics.tags(this.#accessLog.entry, record);
  }

  #describe(record: ExchangeRecord, exchange: LoggedExchange): void {
    const { entry } = this.#accessLog;
    const { sockets } = entry;
    const { origin, trace, requestId } = exchange;
    entry.note = this.#note;
    entry.requestId = this.#ownRequestId ? requestId : null;
    entry.forwardedFor = this.#forwardedFor;
    entry.upstreamLocal = this.#upstream;
    entry.requestEndedAt = this.#requestEndedAt;
    entry.serverName = '';
    entry.trace = trace === null || trace.policy === null ? null : trace.context;
    entry.span = this.#isCallee ? this.#calleeSpan : entry.trace;
    entry.inbound = this.#isCallee || origin.kind === 'inbound';
    entry.localText = this.#isCallee ? sockets.text(record.endpointAddress, record.endpointPort) : this.#local;
    entry.remote = this.#remote;
  }
}
