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

/** @param port another one at the same address; null: the same. */
export function originalEndpoint({ runtime, originals }: OriginalEndpoints, origin: CapturedOrigin, port: number | null = null): Endpoint {
  const { ip } = origin.destination;
  const callee = origin.kind === 'inbound' ? origin.workload : runtime.workloadAt(ip);
  const local = origin.kind === 'inbound' ? null : (callee?.key ?? null);
  return originals.endpoint(ip, port ?? origin.destination.port, callee?.identity ?? UNKNOWN_IDENTITY, local);
}
