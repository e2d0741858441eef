import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Build } from '../build.ts';
import type { Place, Proxy } from './proxy.ts';

const COMMAND = fileURLToPath(new URL('../../scripts/nodeway', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

export const nodeway: Proxy = {
  name: 'nodeway',
  describes: 'the agent as users start it, with one worker; a port of a Gateway, no capture',
  missing: () => (existsSync(MAIN) ? null : 'dist/ is not built (scripts/build)'),
  configure: (place) => [COMMAND, ...agentArguments(place)],
};

/** The agent of another checkout, or of this one by another name. */
export function nodewayOf(build: Build): Proxy {
  return {
    name: build.name,
    describes: `the agent of ${build.directory}`,
    missing: () => null,
    configure: (place) => [...build.command, ...agentArguments(place)],
  };
}

/** What an agent differs in from that of users, for one question. */
export interface Difference {
  readonly name: string;
  readonly describes: string;
  /** Further documents, of YAML. */
  readonly documents?: (place: Place) => string;
  /** Routes of the VirtualService, of YAML, in place of those by prefix and header. */
  readonly routes?: string;
  /** What the upstream speaks, HTTP/1 where absent; clients choose for themselves. */
  readonly protocol?: Protocol;
  /** Where metrics are scraped; absent: nowhere. */
  readonly metricsAddress?: string;
}

export function nodewayWith(difference: Difference): Proxy {
  const { name, describes } = difference;
  return { ...nodeway, name, describes, configure: (place) => [COMMAND, ...agentArguments(place, difference)] };
}

const FLAGS = [
  ['--no-capture', '--workers', '1', '--gateway-address', '127.0.0.1', '--node-name', 'bench', '--instance', 'bench'],
  ['--admin-address', 'none', '--log-level', 'warn'],
].flat();

/** Names of the Service's ports, which say what the upstream speaks. */
type Protocol = 'http' | 'http2';

function agentArguments(place: Place, difference: Difference | null = null): string[] {
  const manifests = join(place.directory, 'manifests');
  mkdirSync(manifests);
  writeFileSync(
    join(manifests, 'bench.yaml'),
    documents(place, difference?.protocol ?? 'http', difference?.routes ?? ROUTES) + (difference?.documents?.(place) ?? ''),
  );
  return ['agent', '--manifests', manifests, ...FLAGS, '--metrics-address', difference?.metricsAddress ?? 'none'];
}

const ROUTES = `    - match: [{ uri: { prefix: /admin }, headers: { x-role: { exact: root } } }]
      route: [{ destination: { host: second } }]
    - match: [{ uri: { prefix: /api }, headers: { x-tenant: { exact: green } } }]
      route: [{ destination: { host: second } }]
    - match: [{ uri: { prefix: /api }, headers: { x-tenant: { exact: blue } } }]
      route: [{ destination: { host: first } }]
`;

function documents({ port, upstreamPort }: Place, protocol: Protocol, routes: string): string {
  return `apiVersion: v1
kind: Namespace
metadata: { name: bench }
---
${service('first', protocol)}---
${endpoints('first', upstreamPort, protocol)}---
${service('second', protocol)}---
${endpoints('second', upstreamPort, protocol)}---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: entry, namespace: bench }
spec:
  selector: { istio: ingressgateway }
  servers:
    - port: { number: ${port}, name: http, protocol: HTTP }
      hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: entry, namespace: bench }
spec:
  hosts: ['*']
  gateways: [entry]
  http:
${routes}`;
}

function service(name: string, protocol: Protocol): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: bench }
spec:
  ports: [{ name: ${protocol}, port: 80 }]
`;
}

function endpoints(name: string, port: number, protocol: Protocol): string {
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: bench, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: ${protocol}, port: ${port} }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
`;
}
