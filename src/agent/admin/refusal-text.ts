/** How a refusal of our own looks to its client. Pure. */
import { grpcStatusOf } from '../../l7/message/grpc-status.ts';

/** By code (https://grpc.io/docs/guides/status-codes/). */
const NAMES: readonly string[] = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'],
  ...['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  'UNAUTHENTICATED',
];

export function grpcText(code: number): string {
  const name = NAMES[code];
  return name === undefined ? `grpc-status ${code}` : `grpc-status ${code} (${name})`;
}

/** @param grpc the client speaks gRPC, which is answered 200 with a status of its own. */
export function refusalText(status: number, grpc: boolean): string {
  return grpc ? grpcText(grpcStatusOf(status)) : String(status);
}
