/**
 * A node of Kubernetes without Kubernetes: what its controllers, its DNS and kube-proxy do with the objects that are applied, as far as
 * the application notices. All that the agent learns of it are the objects, as files in a directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { exitOf } from './command.ts';
import { type Deployment, isDeployment, isService, type KubeObject, namespaceOf, type Service } from './manifests.ts';
import { PodNetwork, removeNamespace } from './network.ts';
import { Pod } from './pod.ts';
import { programOf } from './programs.ts';
import { type ServicePort, translateServices } from './service-proxy.ts';

const DNS_LIMIT_MS = 120_000;

export const DIRECTORIES = ['manifests', 'logs', 'volumes'] as const;

export interface ClusterOptions {
  /** What is below it, by {@link DIRECTORIES}, is the cluster's. */
  readonly directory: string;
  /** What the demonstration gives to every pod beyond its manifest. */
  readonly env: Readonly<Record<string, string>>;
}

export class Cluster {
  readonly network: PodNetwork;
  readonly manifests: string;
  readonly pods: Pod[] = [];
  readonly #options: ClusterOptions;
  readonly #services = new Map<string, Service>();
  readonly #dns: ChildProcess;
  readonly #dnsReplies: Interface;
  #disposed = false;

  private constructor(options: ClusterOptions, network: PodNetwork) {
    this.#options = options;
    this.network = network;
    this.manifests = join(options.directory, 'manifests');
    const program = fileURLToPath(new URL('cluster-dns.ts', import.meta.url));
    const command = ['netns', 'exec', network.switchNamespace, process.execPath, program, network.dnsAddress];
    this.#dns = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.#dnsReplies = createInterface({ input: this.#dns.stdout as NodeJS.ReadableStream });
  }

  static async create(options: ClusterOptions): Promise<Cluster> {
    for (const part of DIRECTORIES) await mkdir(join(options.directory, part), { recursive: true });
    const cluster = new Cluster(options, await PodNetwork.create());
    await once(cluster.#dnsReplies, 'line', { signal: AbortSignal.timeout(DNS_LIMIT_MS) });
    return cluster;
  }

  /** As `kubectl apply`: an object of the same kind and name is replaced. */
  async apply(objects: readonly KubeObject[]): Promise<void> {
    const stored = objects.map((object) => (isService(object) ? this.#allocate(object) : object));
    await Promise.all(stored.map((object) => this.#store(object)));
    await Promise.all(stored.filter(isDeployment).map((deployment) => this.#startPods(deployment)));
    await this.#publishServices();
  }

  async delete(objects: readonly KubeObject[]): Promise<void> {
    const gone = new Set(objects.filter(isDeployment).map(({ metadata }) => metadata.name));
    const stopped = this.pods.filter(({ place }) => gone.has(place.deployment ?? ''));
    this.pods.splice(0, this.pods.length, ...this.pods.filter((pod) => !stopped.includes(pod)));
    // First out of every list of endpoints, then stopped: the order in which Kubernetes tries to do it, too.
    await Promise.all([...objects, ...stopped.map((pod) => pod.toObject())].map((object) => rm(this.#file(object), { force: true })));
    await this.#publishServices();
    for (const { place } of stopped) this.network.forget(place.netns);
    await Promise.all(stopped.map((pod) => pod.stop()));
  }

  /** A pod without a program, for requests from its namespace. */
  async addClient(name: string, namespace: string): Promise<Pod> {
    const place = await this.network.addPod(name, namespace);
    const pod = await Pod.start({ name, namespace, ...place, labels: { app: name }, ports: [], deployment: null }, null, '');
    await this.#join([pod]);
    await this.#publishServices();
    return pod;
  }

  podsOf(deployment: string): Pod[] {
    return this.pods.filter(({ place }) => place.deployment === deployment);
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    await Promise.allSettled(this.pods.splice(0).map((pod) => pod.stop()));
    this.#dns.stdin?.end();
    await exitOf(this.#dns);
    await removeNamespace(this.network.switchNamespace);
  }

  async #startPods(deployment: Deployment): Promise<void> {
    const { name } = deployment.metadata;
    if (this.podsOf(name).length > 0) return;
    const { replicas = 1 } = deployment.spec;
    const started = await Promise.all(Array.from({ length: replicas }, (_, index) => this.#startPod(`${name}-${index + 1}`, deployment)));
    await this.#join(started);
  }

  async #startPod(name: string, deployment: Deployment): Promise<Pod> {
    if (this.#disposed) throw new Error('the demonstration is being removed');
    const { template } = deployment.spec;
    const namespace = namespaceOf(deployment);
    const { netns, address } = await this.network.addPod(name, namespace);
    const { directory, env } = this.#options;
    const program = programOf(template.spec, { name, address, volumes: join(directory, 'volumes') });
    const ports = template.spec.containers.flatMap((container) => container.ports ?? []);
    const place = { name, namespace, netns, address, labels: template.metadata.labels, ports, deployment: deployment.metadata.name };
    return Pod.start(place, { ...program, env: { ...program.env, ...env } }, join(directory, 'logs', `${name}.jsonl`));
  }

  async #join(pods: readonly Pod[]): Promise<void> {
    this.pods.push(...pods);
    await this.network.introduce();
    await Promise.all(pods.map((pod) => this.#store(pod.toObject())));
  }

  #allocate(service: Service): Service {
    const key = `${namespaceOf(service)}/${service.metadata.name}`;
    const clusterIP = this.#services.get(key)?.spec.clusterIP ?? this.network.clusterIp();
    const allocated = { ...service, spec: { ...service.spec, clusterIP } };
    this.#services.set(key, allocated);
    return allocated;
  }

  async #publishServices(): Promise<void> {
    const services = [...this.#services.values()];
    const records = services.map((service) => [
      `${service.metadata.name}.${namespaceOf(service)}.svc.cluster.local`,
      service.spec.clusterIP,
    ]);
    const updated = once(this.#dnsReplies, 'line', { signal: AbortSignal.timeout(DNS_LIMIT_MS) });
    this.#dns.stdin?.write(`${JSON.stringify(Object.fromEntries(records))}\n`);
    const ports = services.flatMap((service) => this.#servicePorts(service));
    await Promise.all([updated, ...this.pods.map(({ place }) => translateServices(place.netns, ports))]);
  }

  #servicePorts(service: Service): ServicePort[] {
    const selected = this.pods.filter(({ place }) => selects(service, place.labels) && place.namespace === namespaceOf(service));
    return service.spec.ports.map(({ port, targetPort = port }) => ({
      name: service.metadata.name,
      address: service.spec.clusterIP ?? '',
      port,
      endpoints: selected.map(({ place }) => {
        const named = place.ports.find(({ name }) => name === targetPort)?.containerPort;
        return { address: place.address, port: named ?? Number(targetPort) };
      }),
    }));
  }

  /** Renamed into place, so that nobody reads half an object. */
  async #store(object: KubeObject): Promise<void> {
    const file = this.#file(object);
    await writeFile(`${file}.new`, stringify(object));
    await rename(`${file}.new`, file);
  }

  #file({ kind, ...object }: KubeObject): string {
    const { name } = object.metadata;
    return join(this.manifests, `${kind.toLowerCase()}.${object.metadata.namespace ?? 'default'}.${name}.yaml`);
  }
}

function selects(service: Service, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(service.spec.selector).every(([key, value]) => labels[key] === value);
}
