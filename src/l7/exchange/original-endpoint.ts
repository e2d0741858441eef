/** The original destination of a captured connection, with the local pod that has it. */
import type { Runtime } from '../runtime/runtime.ts';
import { UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { OriginalCluster } from '../upstream/original-cluster.ts';
import type { CapturedOrigin } from './origin.ts';

export interface OriginalEndpoints {
  readonly runtime: Runtime;
  readonly originals: OriginalCluster;
}

export function originalEndpoint({ runtime, originals }: OriginalEndpoints, origin: CapturedOrigin): Endpoint {
  const { ip, port } = origin.destination;
  const callee = origin.kind === 'inbound' ? origin.workload : runtime.workloadAt(ip);
  const local = origin.kind === 'inbound' ? null : (callee?.key ?? null);
  return originals.endpoint(ip, port, callee?.identity ?? UNKNOWN_IDENTITY, local);
}
