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

/** A client as each kind of owner makes it, with what pods of users have: a container before, one beside, a port of the node. */
export function ownedObjects(namespace: string, env: Readonly<Record<string, string>>): KubeObject[] {
  const owned = (apiVersion: string, kind: string, own: (template: PodTemplate) => object): KubeObject => {
    const name = kind.toLowerCase();
    const more = { ports: [{ containerPort: 7000, hostPort: 7100 + name.length }] };
    const template = podTemplate({ namespace, name, env, more, beside: ['helper'] }, 'client.mjs', {});
    const before = { name: 'before', image: IMAGE, command: ['node', '--eval', ''] };
    const spec = own({ ...template, spec: { ...template.spec, initContainers: [before] } });
    return { apiVersion, kind, metadata: { name, namespace }, spec };
  };
  const selected = (template: PodTemplate): object => ({ selector: { matchLabels: template.metadata.labels }, template });
  const job = (template: PodTemplate): object => ({ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } });
  return [
    owned('apps/v1', 'Deployment', selected),
    owned('apps/v1', 'StatefulSet', (template) => ({ serviceName: 'none', ...selected(template) })),
    owned('apps/v1', 'DaemonSet', selected),
    owned('batch/v1', 'Job', job),
    owned('batch/v1', 'CronJob', (template) => ({ schedule: '0 0 1 1 *', jobTemplate: { spec: job(template) } })),
  ];
}

function deployment(workload: Workload, program: string, container: object): KubeObject {
  const { namespace, name, replicas = 1, version = 'v1' } = workload;
  const template = podTemplate(workload, program, container);
  const { labels } = template.metadata;
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: `${name}-${version}`, namespace, labels } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template,
    },
  };
}

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: object;
}

function podTemplate(workload: Workload, program: string, container: object): PodTemplate {
  const { name, node, version = 'v1', env = {}, more = {}, beside = [] } = workload;
  const values = Object.entries({ VERSION: version, ...env }).map(([key, value]) => ({ name: key, value }));
  const labels = { app: name, version };
  return {
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
  };
}

/** As many on each node. */
function spread(labels: Readonly<Record<string, string>>): object {
  const constraint = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };
  return { topologySpreadConstraints: [{ ...constraint, labelSelector: { matchLabels: labels } }] };
}
