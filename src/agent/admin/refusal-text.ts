/** How a refusal of our own looks to its client. Pure. */
import { grpcStatusOf } from '../../l7/message/grpc-status.ts';

/** Those that stand for a status of HTTP. */
const NAMES: Readonly<Record<number, string>> = {
  2: 'UNKNOWN',
  7: 'PERMISSION_DENIED',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

/** @param grpc the client speaks gRPC, which is answered 200 with a status of its own. */
export function refusalText(status: number, grpc: boolean): string {
  if (!grpc) return String(status);
  const code = grpcStatusOf(status);
  return `grpc-status ${code} (${NAMES[code]})`;
}
