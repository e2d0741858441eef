/** What a record says of a call of gRPC. */
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { NOT_GRPC } from '../record/peer-series.ts';
import type { GrpcCall, MessageMark } from './grpc-call.ts';

/** @param mark up to where that reporter has counted; it is moved on. */
export function noteGrpc(record: ExchangeRecord, call: GrpcCall | null, mark: MessageMark | null = null): void {
  record.grpcStatus = call === null ? NOT_GRPC : call.status;
  record.requestMessages = record.responseMessages = 0;
  if (call === null || mark === null) return;
  record.requestMessages = call.sent.count - mark.sent;
  record.responseMessages = call.received.count - mark.received;
  mark.sent = call.sent.count;
  mark.received = call.received.count;
}
