/** The objects of the tests' own applications. */
import { readFileSync } from 'node:fs';
import type { KubeObject } from '../kube-api.ts';

/** Image with Node.js, for the programs of test/e2e/workloads. */
const IMAGE = 'nodeway-sentiment:1';
const PROGRAMS = ['server.mjs', 'client.mjs', 'first.mjs'] as const;

export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly replicas?: number;
  /** Where all its pods run. */
  readonly node?: string;
  readonly version?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of the container. */
  readonly more?: object;
  /** Names of further containers, which do nothing. */
  readonly beside?: readonly string[];
}

export function namespaceObject(name: string, annotations: Readonly<Record<string, string>> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } };
}

/** The programs, for the pods of a namespace. */
export function programsObject(namespace: string): KubeObject {
  const text = (name: string): string => readFileSync(new URL(`../workloads/${name}`, import.meta.url), 'utf8');
  const data = Object.fromEntries(PROGRAMS.map((name) => [name, text(name)]));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'programs', namespace }, data };
}

/** A server as its users deploy it: ready when it answers, and a pause before it stops, so that everybody knows. */
export function serverObject(workload: Workload): KubeObject {
  return deployment(workload, 'server.mjs', {
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 },
    lifecycle: { preStop: { sleep: { seconds: 4 } } },
  });
}

export function serviceObject(namespace: string, name: string): KubeObject {
  const ports = [
    { name: 'http', port: 80, targetPort: 8080 },
    { name: 'tcp', port: 9000, targetPort: 9000 },
  ];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: { app: name }, ports } };
}

export function clientObject(workload: Workload): KubeObject {
  return deployment(workload, 'client.mjs', { readinessProbe: { httpGet: { path: '/', port: 7000 }, periodSeconds: 1 } });
}

/** Pods whose first act is a connection to TARGET. */
export function firstObject(workload: Workload): KubeObject {
  return deployment(workload, 'first.mjs', { readinessProbe: { httpGet: { path: '/', port: 7000 }, periodSeconds: 1 } });
}

function deployment(workload: Workload, program: string, container: object): KubeObject {
  const { namespace, name, replicas = 1, node, version = 'v1', env = {}, more = {}, beside = [] } = workload;
  const values = Object.entries({ VERSION: version, ...env }).map(([key, value]) => ({ name: key, value }));
  const labels = { app: name, version };
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: `${name}-${version}`, namespace, labels } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 15,
          ...(node === undefined ? spread(labels) : { nodeSelector: { 'kubernetes.io/hostname': node } }),
          containers: [
            {
              ...{ name: 'main', image: IMAGE, command: ['node', `/programs/${program}`], env: values },
              volumeMounts: [{ name: 'programs', mountPath: '/programs' }],
              ...container,
              ...more,
            },
            ...beside.map((other) => ({ name: other, image: IMAGE, command: ['sleep', 'infinity'] })),
          ],
          volumes: [{ name: 'programs', configMap: { name: 'programs' } }],
        },
      },
    },
  };
}

/** As many on each node. */
function spread(labels: Readonly<Record<string, string>>): object {
  const constraint = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };
  return { topologySpreadConstraints: [{ ...constraint, labelSelector: { matchLabels: labels } }] };
}
