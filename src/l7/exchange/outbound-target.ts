/** What stands behind the address that a pod's connection was going to. */
import type { DestinationConfig } from '../config/workload.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { OutboundOrigin } from './origin.ts';

/** An unknown address: bytes of any kind go there, if that is allowed. */
const UNKNOWN: DestinationConfig = { to: 'host', protocol: 'tcp' };

/** A known service or a port with HTTP services; else a local pod by its own address, if that is allowed; else unknown. */
export function outboundTarget(runtime: Runtime, { workload, destination, unknownAllowed }: OutboundOrigin): DestinationConfig {
  const known = workload.scope?.destination(destination.ip, destination.port) ?? null;
  if (known !== null) return known;
  const callee = unknownAllowed ? runtime.workloadAt(destination.ip) : null;
  if (callee === null) return UNKNOWN;
  return { to: 'host', protocol: callee.inbound[destination.port]?.protocol ?? 'auto' };
}
