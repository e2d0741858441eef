/** The original destination of a captured connection, with the local pod that has it. */
import type { Runtime, Workload } from '../runtime/runtime.ts';
import type { OriginalConfig } from '../config/cluster.ts';
import { UNKNOWN_IDENTITY } from '../config/identity.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { OriginalCluster } from '../upstream/original-cluster.ts';
import { inboundSlot } from './inbound-slot.ts';
import type { CapturedOrigin, Origin } from './origin.ts';

export interface OriginalEndpoints {
  readonly runtime: Runtime;
  readonly originals: OriginalCluster;
}

/** @param other where to instead, as far as that is another place. */
export function originalEndpoint({ runtime, originals }: OriginalEndpoints, origin: CapturedOrigin, other?: OriginalConfig): Endpoint {
  const { ip, port } = origin.destination;
  const callee = origin.kind === 'inbound' ? origin.workload : runtime.workloadAt(ip);
  const address = other?.address ?? ip;
  const number = other?.port ?? port;
  const identity = callee?.identity ?? UNKNOWN_IDENTITY;
  if (origin.kind === 'inbound' || callee === null) return originals.endpoint(address, number, identity, null);
  return originals.endpoint(address, number, identity, callee.key, isElsewhere(runtime, callee, number));
}

/** Where the client was going, if the cluster leaves that to its clients; null: it chooses itself. */
export function endpointAsked(ground: OriginalEndpoints, origin: Origin, { config, endpoints }: Cluster): Endpoint | null {
  if (origin.kind === 'gateway') return null;
  if (config.original !== undefined) return originalEndpoint(ground, origin, config.original);
  if (config.chosenBefore !== true) return null;
  const { ip } = origin.destination;
  const chosen = endpoints.find(({ address }) => address === ip);
  return chosen ?? (endpoints.length > 0 && isOfAnother(origin) ? null : originalEndpoint(ground, origin));
}

/** Whether the address is that of some service, whose rules have led elsewhere. Otherwise it is an instance that is not ready, or gone. */
function isOfAnother(origin: CapturedOrigin): boolean {
  const { ip, port } = origin.destination;
  return origin.kind === 'outbound' && origin.workload.scope?.destination(ip, port)?.to === 'cluster';
}

/** Whether the application is not where its pod is reached. */
function isElsewhere(runtime: Runtime, callee: Workload, port: number): boolean {
  const original = inboundSlot(runtime, callee, port)?.cluster?.config.original;
  return original !== undefined && original.port !== null;
}
