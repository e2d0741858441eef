/** The API server as a test speaks to it: as an administrator, without retries. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { until } from './until.ts';
import { kubeProgram } from './programs.ts';

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

interface KubeconfigFile {
  readonly clusters: readonly [{ readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }];
  readonly users: readonly [{ readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }];
}

/** Those that the tests write. */
export const RULES = ['virtualservices', 'destinationrules'].map((plural) => `/apis/networking.istio.io/v1/${plural}`);
const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
/** Kinds without a namespace, of those that tests make. */
const CLUSTER_WIDE = new Set(['Namespace', 'Node', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition', 'PersistentVolume']);

export class KubeApi {
  readonly kubeconfig: string;
  readonly server: string;
  /** As base64 of PEM. */
  readonly authority: string;
  readonly #options: RequestOptions;

  /** @param kubeconfig with a client certificate, as nwt-kube writes them. */
  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
    const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as KubeconfigFile;
    const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
    this.server = clusters[0].cluster.server;
    this.authority = clusters[0].cluster['certificate-authority-data'];
    this.#options = {
      ca: bytes(this.authority),
      cert: bytes(users[0].user['client-certificate-data']),
      key: bytes(users[0].user['client-key-data']),
      agent: new Agent({ keepAlive: true, maxSockets: 16 }),
    };
  }

  async request(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const headers = { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': type }) };
    const sent = request(`${this.server}${path}`, { ...this.#options, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString('utf8')) }));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  /** Follows what is changed at a path, on a connection of its own. Resolves with what ends it, when the server has taken it on. */
  async watch(path: string, onChunk: (chunk: Buffer) => void): Promise<() => void> {
    const sent = request(`${this.server}${path}?watch=true&resourceVersion=0`, { ...this.#options, agent: false });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`);
    response.on('data', onChunk);
    response.on('error', () => {});
    return () => sent.destroy();
  }

  /** Makes or changes them, in this order, as `kubectl apply --server-side`. @throws when one is refused. */
  async apply(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      await this.#expect('PATCH', `${pathOf(object)}?fieldManager=test&force=true`, object, APPLY);
    }
  }

  /** Of the status alone, which an ordinary change leaves as it is. */
  async applyStatus(object: KubeObject): Promise<void> {
    await this.#expect('PATCH', `${pathOf(object)}/status?fieldManager=test&force=true`, object, APPLY);
  }

  /** Of what is there, as a whole, as controllers write it: a third of the work of `apply`, for the server. */
  async replace(object: KubeObject): Promise<void> {
    await this.#expect('PUT', pathOf(object), object);
  }

  async patch(object: KubeObject, change: unknown): Promise<void> {
    await this.#expect('PATCH', pathOf(object), change, MERGE);
  }

  /** At once, and without an error where it is not there. */
  async remove(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects)
      await this.#expect('DELETE', `${pathOf(object)}?gracePeriodSeconds=0`, undefined, undefined, [200, 202, 404]);
  }

  async get(path: string): Promise<unknown> {
    return (await this.#expect('GET', path)).body;
  }

  /** The same, and it resolves when they are gone: who holds a finalizer has done its work. */
  async removed(...objects: readonly KubeObject[]): Promise<void> {
    await this.remove(...objects);
    for (const object of objects) {
      const path = pathOf(object);
      await until(async () => (await this.request('GET', path)).status === 404, `${path} is gone`);
    }
  }

  /** Custom resources are served a moment after their definitions say so. */
  async serves(...paths: readonly string[]): Promise<void> {
    for (const path of paths) await until(async () => (await this.request('GET', path)).status === 200, `the API server serves ${path}`);
  }

  /** A token of a service account, as a pod gets one. */
  async token(namespace: string, account: string, seconds = 3600): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: seconds } };
    const { body } = await this.#expect('POST', path, request);
    return (body as { readonly status: { readonly token: string } }).status.token;
  }

  /** The real kubectl. Resolves with what it printed. @throws when it fails. */
  async kubectl(...words: readonly string[]): Promise<string> {
    const options = { maxBuffer: 256 * 1024 * 1024 };
    const { stdout } = await promisify(execFile)(kubeProgram(), ['kubectl', `--kubeconfig=${this.kubeconfig}`, ...words], options);
    return stdout;
  }

  close(): void {
    (this.#options.agent as Agent).destroy();
  }

  async #expect(method: string, path: string, body?: unknown, type?: string, good: readonly number[] = [200, 201]): Promise<Answer> {
    const answer = await this.request(method, path, body, type);
    if (good.includes(answer.status)) return answer;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

function pathOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = CLUSTER_WIDE.has(kind) ? '' : `/namespaces/${namespace ?? 'default'}`;
  return `${group}${place}/${pluralOf(kind)}/${name}`;
}

/** As Kubernetes guesses it. */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name.endsWith('y') && !name.endsWith('ay')) return `${name.slice(0, -1)}ies`;
  return name.endsWith('s') ? `${name}es` : `${name}s`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
