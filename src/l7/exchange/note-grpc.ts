/** What a record says of a call of gRPC. */
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { NOT_GRPC } from '../record/peer-series.ts';
import type { GrpcCall } from './grpc-call.ts';

export function noteGrpc(record: ExchangeRecord, call: GrpcCall | null): void {
  record.grpcStatus = call === null ? NOT_GRPC : call.status;
  record.requestMessages = call === null ? 0 : call.sent.count;
  record.responseMessages = call === null ? 0 : call.received.count;
}
