/**
 * etcd and the API server of Kubernetes: real validation, watches, RBAC and tokens. By itself it is on loopback and has no controllers and
 * no nodes: a namespace that is deleted stays, nothing derives EndpointSlices, and a Pod is what a test says it is.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../base/free-ports.ts';
import { until } from './until.ts';
import { AGENT_NAMESPACE, AGENT_ACCOUNT, agentRights } from './agent-rights.ts';
import { Daemon } from './daemon.ts';
import { KubeApi, type KubeObject } from './kube-api.ts';
import { SERVICE_CIDR } from './cluster/topology.ts';
import { kubeProgram } from './programs.ts';

/** The API server takes up to a minute to end politely while watches are open; etcd has all that there is. */
const POLITE_MS = 500;
/** The first address of the range of Services. */
export const KUBERNETES_SERVICE = '10.96.0.1';

interface Ports {
  readonly client: number;
  readonly peer: number;
  readonly secure: number;
}

export interface ApiServerOptions {
  readonly address: string;
  /** `name=address`, for the certificates of their kubelets. */
  readonly nodes: readonly string[];
  /** Further flags of the API server. */
  readonly flags: (pki: (file: string) => string) => readonly string[];
}

/** Nobody looks for the server in the cluster's own Service, and no controller makes the default account of each namespace. */
const ALONE: ApiServerOptions = {
  address: '127.0.0.1',
  nodes: [],
  flags: () => ['--endpoint-reconciler-type=none', '--disable-admission-plugins=ServiceAccount', '--authorization-mode=RBAC'],
};

export class ApiServer {
  readonly directory: string;
  /** As the administrator. */
  readonly kube: KubeApi;
  readonly #etcdUrl: string;
  readonly #etcd: Daemon;
  readonly #server: Daemon;

  private constructor(directory: string, ports: Ports, options: ApiServerOptions) {
    this.directory = directory;
    this.#etcdUrl = `http://127.0.0.1:${ports.client}`;
    this.#etcd = this.#daemon('etcd', etcdFlags(directory, ports));
    const own = options.flags((file) => this.pki(file));
    this.#server = this.#daemon('apiserver', [...serverFlags(directory, options.address, ports), ...own]);
    this.kube = new KubeApi(this.kubeconfig('admin'));
  }

  /** Resolves when it serves. */
  static async start(options = ALONE): Promise<ApiServer> {
    const directory = mkdtempSync(join(tmpdir(), 'nwt-api-'));
    const [client = 0, peer = 0, secure = 0] = await freePorts(3);
    const place = ['--server', `https://${options.address}:${secure}`, '--name', options.address, '--name', KUBERNETES_SERVICE];
    const nodes = options.nodes.flatMap((node) => ['--node', node]);
    const words = ['certificates', '--dir', join(directory, 'pki'), ...place, ...nodes];
    execFileSync(kubeProgram(), words, { stdio: ['ignore', 'inherit', 'inherit'] });
    const server = new ApiServer(directory, { client, peer, secure }, options);
    server.#etcd.start();
    await server.startServer();
    return server;
  }

  /** Of the API server, without etcd. */
  get serverPid(): number {
    return this.#server.pid;
  }

  /** A key, certificate or kubeconfig. */
  pki(file: string): string {
    return join(this.directory, 'pki', file);
  }

  /** Of a user with a client certificate. */
  kubeconfig(user: string): string {
    return this.pki(`${user}.kubeconfig`);
  }

  /**
   * A kubeconfig of the agent's service account, with its rights.
   *
   * @param server another way to the API server, as a relay.
   */
  async agentKubeconfig(server = this.kube.server): Promise<string> {
    await this.kube.apply(...agentRights());
    const token = await this.kube.token(AGENT_NAMESPACE, AGENT_ACCOUNT);
    const file = join(mkdtempSync(join(this.directory, 'agent-')), 'kubeconfig');
    const cluster = { server, 'certificate-authority-data': this.kube.authority };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'nwt' },
      clusters: [{ name: 'nwt', cluster }],
      users: [{ name: 'agent', user: { token } }],
      contexts: [{ name: 'nwt', context: { cluster: 'nwt', user: 'agent' } }],
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  /** The API server alone: etcd goes on. */
  async stopServer(): Promise<void> {
    await this.#server.stop(POLITE_MS);
  }

  /** Resolves when it serves. What it knows begins now: watches from versions before are refused. */
  async startServer(): Promise<void> {
    this.#server.start();
    await until(async () => {
      this.#etcd.assertRunning();
      this.#server.assertRunning();
      const answer = await this.kube.request('GET', '/readyz').catch(() => null);
      return answer?.status === 200;
    }, 'the API server is ready');
  }

  /** Stops it as a machine that hangs does: connections stay open and nothing is answered. */
  signalServer(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#server.signal(name);
  }

  /**
   * Changes an object in etcd, as another API server on the same etcd would: this one tells those who watch, and takes no request for it.
   * By itself: in a transaction of several objects all would have one version, by which a watch that goes on could miss some.
   *
   * @param prefix below which etcd has the kind, as `endpointslices`.
   */
  async store(prefix: string, object: KubeObject): Promise<void> {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const { namespace, name } = object.metadata;
    await this.#etcdCall('put', { key: base64(`/registry/${prefix}/${namespace}/${name}`), value: base64(JSON.stringify(object)) });
  }

  /** Makes etcd forget all versions but the one that is now. */
  async compact(): Promise<void> {
    const range = await this.#etcdCall('range', { key: 'AA==' });
    const { revision } = (range as { readonly header: { readonly revision: string } }).header;
    await this.#etcdCall('compaction', { revision, physical: true });
  }

  async close(): Promise<void> {
    this.kube.close();
    await this.#server.stop(POLITE_MS);
    await this.#etcd.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #daemon(component: string, flags: readonly string[]): Daemon {
    return new Daemon(component, join(this.directory, `${component}.log`), [kubeProgram(), component, ...flags]);
  }

  async #etcdCall(method: string, body: unknown): Promise<unknown> {
    const response = await fetch(`${this.#etcdUrl}/v3/kv/${method}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd: ${method}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}

function etcdFlags(directory: string, { client, peer }: Ports): string[] {
  const urls = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`] as const;
  return [
    ...[`--data-dir=${join(directory, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn'],
    ...[`--listen-client-urls=${urls[0]}`, `--advertise-client-urls=${urls[0]}`],
    ...[`--listen-peer-urls=${urls[1]}`, `--initial-advertise-peer-urls=${urls[1]}`, `--initial-cluster=default=${urls[1]}`],
  ];
}

function serverFlags(directory: string, address: string, { client, secure }: Ports): string[] {
  const pki = (file: string): string => join(directory, 'pki', file);
  return [
    ...[`--etcd-servers=http://127.0.0.1:${client}`, `--secure-port=${secure}`, `--cert-dir=${join(directory, 'apiserver')}`],
    ...[`--bind-address=${address}`, `--advertise-address=${address}`, `--service-cluster-ip-range=${SERVICE_CIDR}`],
    ...[`--tls-cert-file=${pki('apiserver.crt')}`, `--tls-private-key-file=${pki('apiserver.key')}`, `--client-ca-file=${pki('ca.crt')}`],
    ...[`--service-account-key-file=${pki('tokens.pub')}`, `--service-account-signing-key-file=${pki('tokens.key')}`],
    '--service-account-issuer=https://kubernetes.default.svc',
  ];
}
