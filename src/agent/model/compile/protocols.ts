/** What a service's port speaks, by Istio's rules: `appProtocol`, then the name's part before the first `-`, then by looking. */
import type { ClusterConfig } from '../../../l7/config/cluster.ts';
import type { Protocol } from '../../../l7/config/workload.ts';
import type { ConnectionPool, ServicePort } from '../objects.ts';

type RulePolicy = NonNullable<ConnectionPool['http']>['h2UpgradePolicy'];
/** MeshConfig's. */
export type UpgradePolicy = 'DO_NOT_UPGRADE' | 'UPGRADE';

/** `http` ones have routes; those whose connections are looked into (`auto`) do, too. */
export interface PortProtocol {
  readonly protocol: Protocol;
  readonly declaredHttp: boolean;
  readonly routed: boolean;
}

/** Servers at these ports often speak first; without a declared protocol they are not looked into. */
const WELL_KNOWN_TCP = new Set([25, 53, 3306, 27017]);

const KUBERNETES_NAMES: Readonly<Record<string, string>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** Clients of any kind of HTTP may speak either version; this is what the port's own server speaks. */
const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http_proxy: 'http',
  http2: 'http2',
  grpc: 'http2',
  'grpc-web': 'http2',
  https: 'tls',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
  udp: 'tcp',
};
const HTTP = new Set(['http', 'http_proxy', 'http2', 'grpc', 'grpc-web']);

function wordOf({ appProtocol, name }: Pick<ServicePort, 'appProtocol' | 'name'>): string {
  const given = (appProtocol === undefined ? (name ?? '') : (KUBERNETES_NAMES[appProtocol] ?? appProtocol)).toLowerCase();
  return given.startsWith('grpc-web') ? 'grpc-web' : (given.split('-', 1)[0] as string);
}

/** Whether the port says what it speaks. */
export function namesProtocol(port: ServicePort): boolean {
  return Object.hasOwn(PROTOCOLS, wordOf(port)) || WELL_KNOWN_TCP.has(port.port);
}

export function portProtocol({ appProtocol, name, port }: ServicePort): PortProtocol {
  const word = wordOf({ appProtocol, name });
  const known = Object.hasOwn(PROTOCOLS, word) ? PROTOCOLS[word] : undefined;
  const protocol = known ?? (WELL_KNOWN_TCP.has(port) ? 'tcp' : 'auto');
  const declaredHttp = HTTP.has(word);
  return { protocol, declaredHttp, routed: declaredHttp || protocol === 'auto' };
}

/**
 * What is spoken to the endpoints of a port (Istio's setUpstreamProtocol, and the connection pool of a DestinationRule, which may raise a
 * port that is declared as HTTP/1, or leave it to the client). Undefined: HTTP/1. @param meshPolicy where the rule says nothing.
 */
export function wireOf(protocol: Protocol, pool: ConnectionPool['http'], meshPolicy: UpgradePolicy): ClusterConfig['wire'] {
  if (protocol === 'tcp' || protocol === 'tls') return undefined;
  if (pool?.useClientProtocol === true) return 'client';
  if (protocol === 'http2' || (protocol === 'http' && raises(pool?.h2UpgradePolicy, meshPolicy))) return 'http2';
  return protocol === 'auto' ? 'undeclared' : undefined;
}

function raises(policy: RulePolicy, meshPolicy: UpgradePolicy): boolean {
  return (policy === undefined || policy === 'DEFAULT' ? meshPolicy : policy) === 'UPGRADE';
}
