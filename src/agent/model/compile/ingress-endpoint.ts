/** Where the application is to which an ingress listener of a Sidecar leads (`defaultEndpoint`), as Istio's inbound clusters have it. */
import type { OriginalConfig } from '../../../l7/config/cluster.ts';
import { LOCAL_ENDPOINT } from '../schema/sidecar.ts';
import type { MeshPod } from './mesh-pod.ts';
import type { InboundSidecar } from './sidecars.ts';

/** Where it is reached. */
export const SAME_PLACE: OriginalConfig = { port: null };

/** @param number of the listener. @param endpoint as written. */
export function applicationAt(addresses: readonly string[], number: number, endpoint: string | undefined): OriginalConfig {
  const [, host, digits] = LOCAL_ENDPOINT.exec(endpoint ?? '') ?? [];
  if (host === undefined) return SAME_PLACE;
  const port = Number(digits);
  const six = host.startsWith('[');
  const own = addresses.find((ip) => ip.includes(':') === six);
  if (host === '0.0.0.0' || host === '[::]') {
    return own !== undefined && port === number ? SAME_PLACE : { port, address: own ?? loopback(six) };
  }
  // Where the pod has no address of the family, the other one's is meant.
  return { port, address: loopback(own === undefined ? !six : six) };
}

export function isElsewhere({ ingress }: InboundSidecar, { addresses }: Pick<MeshPod, 'addresses'>, number: number): boolean {
  const listener = ingress.find(({ port }) => port.number === number);
  return listener !== undefined && applicationAt(addresses, number, listener.defaultEndpoint) !== SAME_PLACE;
}

const loopback = (six: boolean): string => (six ? '::1' : '127.0.0.1');
