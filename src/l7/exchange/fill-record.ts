/** Fills the worker's record from an exchange. */
import { type ExchangeRecord, NO_TAGS } from '../record/exchange-record.ts';
import { UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { noteGrpc } from './note-grpc.ts';

/** Peers and route of an exchange with the endpoint of that attempt; the caller fills in how it ended. */
export function recordOf(exchange: Exchange, attempt: Attempt | null): ExchangeRecord {
  const { origin, destination, route, fallbackService, tools } = exchange;
  const { record } = tools;
  const inbound = origin.kind === 'inbound';
  const cluster = (attempt?.cluster ?? destination?.slot.cluster)?.config ?? null;
  const endpoint = attempt?.endpoint.config ?? null;
  record.log = record.rules = null;
  record.tags = NO_TAGS;
  record.traceId = '';
  record.reporter = inbound ? 'destination' : 'source';
  record.caller = origin.identity;
  record.callee = endpoint?.identity ?? UNKNOWN_IDENTITY;
  record.service = inbound ? origin.service : (cluster?.service ?? null);
  record.fallbackService = fallbackService;
  record.route = route?.config ?? null;
  record.cluster = cluster;
  record.endpointAddress = endpoint?.address ?? '';
  record.endpointPort = endpoint?.port ?? 0;
  noteGrpc(record, null);
  return record;
}

/** The record of an exchange that is over. */
export function exchangeRecord(exchange: Exchange): ExchangeRecord {
  const record = recordOf(exchange, exchange.attempted);
  record.attempts = exchange.attempt;
  record.outcome = exchange.outcome;
  record.status = exchange.status;
  record.flags = exchange.outcome.flags | exchange.retrying.flags | exchange.injected;
  noteGrpc(record, exchange.grpc, exchange.grpc?.counted);
  record.requestBytes = exchange.requestBytes;
  record.responseBytes = exchange.responseBytes;
  record.requestHeadBytes = exchange.requestHeadBytes;
  record.responseHeadBytes = exchange.responseHeadBytes;
  record.startedAt = exchange.startedAt;
  record.sentAt = exchange.attempted?.startedAt ?? 0;
  record.answeredAt = exchange.answeredAt;
  record.endedAt = exchange.tools.transport.now;
  if (exchange.trace !== null) record.traceId = exchange.sampledTrace;
  if (exchange.log?.active === true) exchange.log.tellExchange(record);
  return record;
}

/** Counts the messages so far of a call that goes on. Until an endpoint has been asked, nobody knows to whom they go. */
export function countMessages(exchange: Exchange): void {
  const { grpc, attempted, tools } = exchange;
  if (grpc === null || attempted === null || attempted.stream === null) return;
  const record = recordOf(exchange, attempted);
  noteGrpc(record, grpc, grpc.counted);
  if (exchange.log?.active === true) exchange.log.tellExchange(record);
  tools.recorder.messages(record);
  const { local } = attempted.endpoint.config;
  if (local === null) return;
  const callees = attempted.calleeRecord();
  exchange.tellCallee(callees, local);
  tools.recorder.messages(callees);
}
