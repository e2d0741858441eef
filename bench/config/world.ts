/**
 * A cluster as manifests: so many Services, each with a VirtualService and two endpoints, a fifth of them with subsets, and clients in
 * namespaces that see them differently. Pure: the same numbers give the same text.
 */

import { fieldPolicy, fieldRoute, wideSidecar } from './fields.ts';

export const TEAMS = 20;
/** Services at ports other than 80, in groups, so that there are ports that few services have. */
const GROUP = 160;
export const SERVICES_PER_RARE_PORT = 8;
const FIRST_RARE_PORT = 8000;
/** Per team, about services of other teams: a client's namespace comes before the service's. */
const PRIVATE_RULES = 10;
export const BACKEND_PORT = 8080;
/** Two hold at a time; the others are for changes. */
const ADDRESSES_PER_SERVICE = 4;
/** RFC 2544's network for benchmarks is 198.18.0.0/15. */
export const BACKEND_NETWORK = '198.18.0.0/15';
export const MOST_SERVICES = 2 ** 17 / ADDRESSES_PER_SERVICE;

export interface ClientPod {
  readonly netns: string;
  readonly address: string;
}

type Kind = 'services' | 'rules' | 'slices' | 'destinations' | 'pods';
const KINDS: readonly Kind[] = ['services', 'rules', 'slices', 'destinations', 'pods'];

export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

export class World {
  readonly services: number;
  readonly #perFile: number;
  readonly #clients: readonly ClientPod[];
  /** Rules have all fields in turn, and every other namespace a Sidecar that names all namespaces. */
  readonly #fields: boolean;
  /** The value that a service's rule sets, and the addresses that it has: what changes change. */
  readonly #rules = new Map<number, string>();
  readonly #moves = new Map<number, number>();
  readonly #newHeaders = new Map<number, string>();

  constructor(services: number, documentsPerFile: number, clients: readonly ClientPod[], fields = false) {
    this.#fields = fields;
    this.services = services;
    this.#perFile = documentsPerFile;
    this.#clients = clients;
  }

  *files(): Generator<ManifestFile> {
    yield { name: 'namespaces-and-clients.yaml', text: this.#clientDocuments() };
    for (const kind of KINDS) {
      for (let file = 0; file * this.#perFile < this.services; file++) yield this.#file(kind, file);
    }
  }

  /** The file in which the rule of a service now sets this value; with a header's name, it also matches by that. */
  changeRule(service: number, value: string, newHeader: string | null): ManifestFile {
    this.#rules.set(service, value);
    if (newHeader !== null) this.#newHeaders.set(service, newHeader);
    return this.#file('rules', Math.floor(service / this.#perFile));
  }

  /** The file in which a service has moved to its other two addresses. */
  moveEndpoints(service: number): ManifestFile {
    this.#moves.set(service, 1 - (this.#moves.get(service) ?? 0));
    return this.#file('slices', Math.floor(service / this.#perFile));
  }

  addresses(service: number): readonly [string, string] {
    const first = service * ADDRESSES_PER_SERVICE + 2 * (this.#moves.get(service) ?? 0);
    return [backendAddress(first), backendAddress(first + 1)];
  }

  /** More services, in one file of about this size; the last one's rule sets `value`. */
  bulk(bytes: number, value: string): { readonly file: ManifestFile; readonly last: number } {
    const documents: string[] = [];
    let size = 0;
    let last = this.services;
    for (; size < bytes && last < MOST_SERVICES; last++) {
      const document = KINDS.map((kind) => this.#document(kind, last)).join('');
      documents.push(document);
      size += document.length;
    }
    last--;
    this.#rules.set(last, value);
    documents[documents.length - 1] = KINDS.map((kind) => this.#document(kind, last)).join('');
    return { file: { name: 'bulk.yaml', text: documents.join('') }, last };
  }

  #file(kind: Kind, file: number): ManifestFile {
    const first = file * this.#perFile;
    const numbers = Array.from({ length: Math.min(this.#perFile, this.services - first) }, (_, index) => first + index);
    return { name: `${kind}-${file}.yaml`, text: numbers.map((number) => this.#document(kind, number)).join('') };
  }

  #document(kind: Kind, number: number): string {
    switch (kind) {
      case 'services':
        return service(number);
      case 'rules':
        return virtualService(number, this.#rules.get(number) ?? 'first', this.#newHeaders.get(number) ?? null, this.#fields);
      case 'slices':
        return endpointSlice(number, this.addresses(number));
      case 'destinations':
        return hasSubsets(number) ? this.#ownRule(number) : '';
      case 'pods':
        return hasSubsets(number)
          ? this.addresses(number)
              .map((address, index) => remotePod(number, index, address))
              .join('')
          : '';
    }
  }

  #ownRule(number: number): string {
    const rule = destinationRule(number, nameOf(number), teamOf(number), 'LEAST_REQUEST');
    if (!this.#fields) return rule;
    const { policy, subset } = fieldPolicy(number / 5);
    const own = rule.replace('  trafficPolicy:\n    loadBalancer:\n      simple: LEAST_REQUEST\n', policy);
    return own.replace('        version: v1\n', `        version: v1\n${subset}`);
  }

  #clientDocuments(): string {
    const parts = this.#clients.map((client, team) => {
      const rules = Array.from({ length: PRIVATE_RULES }, (_, index) => {
        const number = (team + 1 + index * 21) % this.services;
        return destinationRule(number, `private-${nameOf(number)}`, teamName(team), 'ROUND_ROBIN');
      });
      const sidecar = this.#fields && team % 2 === 1 ? wideSidecar(teamName(team), TEAM_NAMES) : '';
      return [namespace(team), clientPod(team, client), ...rules, sidecar].join('');
    });
    return parts.join('');
  }
}

export function portOf(service: number): number {
  return service % GROUP < SERVICES_PER_RARE_PORT ? FIRST_RARE_PORT + Math.floor(service / GROUP) : 80;
}

/** The ports that few services have, each with the first of its services. */
export function rarePorts(services: number): { readonly port: number; readonly first: number }[] {
  const groups = Math.floor((services + GROUP - SERVICES_PER_RARE_PORT) / GROUP);
  return Array.from({ length: groups }, (_, group) => ({ port: FIRST_RARE_PORT + group, first: group * GROUP }));
}

function teamOf(service: number): string {
  return teamName(service % TEAMS);
}

export function teamName(team: number): string {
  return `team-${String(team).padStart(2, '0')}`;
}

const TEAM_NAMES = Array.from({ length: TEAMS }, (_, team) => teamName(team));

export function hostOf(service: number): string {
  return `${nameOf(service)}.${teamOf(service)}.svc.cluster.local`;
}

export function clusterIp(service: number): string {
  return `10.${96 + (service >> 16)}.${(service >> 8) & 255}.${service & 255}`;
}

function nameOf(service: number): string {
  return `svc-${String(service).padStart(5, '0')}`;
}

function hasSubsets(service: number): boolean {
  return service % 5 === 0;
}

function backendAddress(index: number): string {
  return `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

function namespace(team: number): string {
  return `---
apiVersion: v1
kind: Namespace
metadata:
  name: ${teamName(team)}
`;
}

function clientPod(team: number, { netns, address }: ClientPod): string {
  return `---
apiVersion: v1
kind: Pod
metadata:
  name: client
  namespace: ${teamName(team)}
  labels:
    app: client-${team % 4}
  annotations:
    nodeway.io/netns: /run/netns/${netns}
    nodeway.io/enroll: "true"
spec:
  nodeName: bench
  containers:
    - name: client
      image: client:1
status:
  phase: Running
  podIP: ${address}
  podIPs:
    - ip: ${address}
  conditions:
    - type: Ready
      status: "True"
`;
}

function service(number: number): string {
  const port = portOf(number);
  return `---
apiVersion: v1
kind: Service
metadata:
  name: ${nameOf(number)}
  namespace: ${teamOf(number)}
  labels:
    app: ${nameOf(number)}
    team: ${teamOf(number)}
spec:
  type: ClusterIP
  clusterIP: ${clusterIp(number)}
  clusterIPs:
    - ${clusterIp(number)}
  selector:
    app: ${nameOf(number)}
  ports:
    - name: http
      port: ${port}
      targetPort: ${BACKEND_PORT}
      protocol: TCP
`;
}

function endpointSlice(number: number, addresses: readonly string[]): string {
  const endpoints = addresses.map((address, index) => {
    const pod = hasSubsets(number)
      ? `\n    targetRef:\n      kind: Pod\n      name: ${nameOf(number)}-${index}\n      namespace: ${teamOf(number)}`
      : '';
    return `  - addresses:\n      - ${address}\n    conditions:\n      ready: true\n    nodeName: elsewhere${pod}\n`;
  });
  return `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${nameOf(number)}-1
  namespace: ${teamOf(number)}
  labels:
    kubernetes.io/service-name: ${nameOf(number)}
addressType: IPv4
ports:
  - name: http
    port: ${BACKEND_PORT}
    protocol: TCP
endpoints:
${endpoints.join('')}`;
}

function virtualService(number: number, value: string, newHeader: string | null, fields: boolean): string {
  const host = hostOf(number);
  const subset = hasSubsets(number) ? '\n            subset: v2' : '';
  const source = number % 10 === 3 ? `\n          sourceLabels:\n            app: client-${(number >> 4) % 4}` : '';
  const match = newHeader === null ? '' : `        - headers:\n            ${newHeader}:\n              exact: "yes"\n`;
  return `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ${nameOf(number)}
  namespace: ${teamOf(number)}
spec:
  hosts:
    - ${host}
  http:
    - name: canary
      match:
${match}        - headers:
            x-canary-${number % 50}:
              exact: "yes"
          uri:
            prefix: /api${source}
      route:
        - destination:
            host: ${host}${subset}
    - name: api
      match:
        - uri:
            prefix: /api
      route:
        - destination:
            host: ${host}
          headers:
            response:
              set:
                x-rule: ${value}
${fields ? fieldRoute(number, host) : ''}    - name: default
      timeout: 15s
      route:
        - destination:
            host: ${host}
`;
}

/** Subsets of a service, under the name and in the namespace given: its own, or that of clients who see it differently. */
function destinationRule(number: number, name: string, namespace: string, balancer: 'LEAST_REQUEST' | 'ROUND_ROBIN'): string {
  return `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  host: ${hostOf(number)}
  trafficPolicy:
    loadBalancer:
      simple: ${balancer}
  subsets:
    - name: v1
      labels:
        version: v1
    - name: v2
      labels:
        version: v2
`;
}

function remotePod(number: number, index: number, address: string): string {
  return `---
apiVersion: v1
kind: Pod
metadata:
  name: ${nameOf(number)}-${index}
  namespace: ${teamOf(number)}
  labels:
    app: ${nameOf(number)}
    version: v${index + 1}
spec:
  nodeName: elsewhere
  containers:
    - name: app
      image: app:1
status:
  phase: Running
  podIP: ${address}
  podIPs:
    - ip: ${address}
  conditions:
    - type: Ready
      status: "True"
`;
}
