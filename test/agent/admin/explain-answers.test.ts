/**
 * What is explained is what happens: each recorded request of a captured pod is explained from the compiled manifests of its set, and
 * compared with what the access log of Istio's proxy said became of it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Compiler } from '../../../src/agent/model/compile/index.ts';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { parseManifest } from '../../../src/agent/sources/file-text.ts';
import { explainReply, type ExplainView } from '../../../src/agent/admin/explain-view.ts';
import type { ClusterConfig } from '../../../src/l7/config/cluster.ts';
import type { ExplainQuestion } from '../../../src/l7/explain/explanation.ts';
import type { Snapshot } from '../../../src/l7/snapshot.ts';
import { Cluster, type SetPod } from '../../conformance/cluster.ts';
import type { RequestGroup } from '../../conformance/exchange.ts';
import { Rig } from '../../l7/engine/rig.ts';
import { Packing } from '../../l7/runtime/packing.ts';
import { applied, OPTIONS } from '../model/compile/world.ts';

const SETS = join(import.meta.dirname, '../../conformance/istio');

/** A line of the proxy's access log. */
interface Logged {
  /** `outbound|80||a.default.svc.cluster.local`; none where nothing was forwarded. */
  readonly cluster?: string;
  readonly details: string;
  readonly flags: string;
  readonly status: number;
  readonly attempts: number;
  /** `ip:port`. */
  readonly upstream?: string;
}

interface Recorded {
  readonly name: string;
  readonly client_in_mesh?: boolean;
  readonly tries?: readonly { readonly client_log?: readonly Logged[] }[];
}

function read(directory: string, file: string): unknown {
  return JSON.parse(readFileSync(join(directory, file), 'utf8'));
}

class Explained {
  readonly #cluster: Cluster;
  readonly #snapshot: Snapshot;
  readonly #rig = new Rig();

  constructor(directory: string) {
    this.#cluster = Cluster.read(join(directory, 'manifests'));
    const mesh = existsSync(join(directory, 'mesh.yaml')) ? readFileSync(join(directory, 'mesh.yaml'), 'utf8') : null;
    const metadata = { name: 'istio', namespace: 'istio-system' };
    const config = mesh === null ? [] : [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh } }];
    const objects = [...this.#cluster.manifests((pod) => `/run/netns/${pod.replace('/', '-')}`), ...config];
    this.#snapshot = snapshotOf(objects);
    const packing = new Packing();
    const { version, mesh: settings, records, endpoints } = this.#snapshot;
    const whole = Object.fromEntries(Object.entries(records).map(([kind, set]) => [kind, { set, remove: [] }]));
    const slices = [...endpoints].map(([id, set]) => ({ cluster: id, set, remove: [] }));
    const packed = packing.pack({ version, mesh: settings, records: whole, endpoints: slices });
    this.#rig.engine.apply(packed, packing.newSlabs());
  }

  find(from: string): SetPod | undefined {
    const [name = '', namespace] = from.split('/').toReversed();
    const there = this.#cluster.pods.filter((pod) => namespace === undefined || pod.namespace === namespace);
    return there.find((pod) => pod.name === name) ?? there.find(({ labels }) => labels['app'] === name);
  }

  async explain({ host = '', port: given, to, path = '/', method = 'GET', headers = {} }: RequestGroup, pod: SetPod): Promise<ExplainView> {
    const port = given ?? (host.includes(':') ? Number(host.split(':')[1]) : 80);
    const { ip, port: dialled } = this.#cluster.addressOf(to ?? host, port, pod.namespace, false);
    const query = new URLSearchParams({ pod: `${pod.namespace}/${pod.name}`, method, url: `http://${ip}:${dialled}${path}`, address: ip });
    query.append('header', `Host: ${host !== '' && !host.includes(':') && port !== 80 ? `${host}:${port}` : host}`);
    for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) query.append('header', `${name}: ${one}`);
    const explain = (question: ExplainQuestion) => Promise.resolve(this.#rig.engine.explain(question));
    const sources = { snapshot: () => this.#snapshot, explain, clusterDomain: 'cluster.local' };
    const reply = await explainReply(sources, { query } as Parameters<typeof explainReply>[1]);
    if (typeof reply.body !== 'string' || reply.status !== 200) throw new Error(`the answer has the status ${reply.status}`);
    return JSON.parse(reply.body) as ExplainView;
  }

  cluster(id: string): ClusterConfig | undefined {
    return this.#snapshot.records.clusters.get(id);
  }
}

/** Sets have objects that are refused, too. */
function snapshotOf(objects: readonly unknown[]): Snapshot {
  const store = new ObjectStore();
  const sink = store.contribute('test');
  for (const one of parseManifest('set.yaml', objects.map((object) => JSON.stringify(object)).join('\n---\n')).objects) {
    if (one.object !== null) sink.upsert(one.object, one);
  }
  return applied(new Compiler({ ...OPTIONS, nodeName: 'node1' }, (ref) => store.origin(ref)), store.takeChanges()).snapshot;
}

for (const set of readdirSync(SETS)) {
  t.test(set, async (t) => {
    const directory = join(SETS, set);
    const explained = new Explained(directory);
    const groups = new Map((read(directory, 'requests.json') as RequestGroup[]).map((group) => [group.name, group]));
    for (const { name, tries = [], client_in_mesh: isInMesh } of (read(directory, 'want.json') as { results: Recorded[] }).results) {
      const group = groups.get(name);
      const pod = group === undefined ? undefined : explained.find(group.from);
      if (group === undefined || pod === undefined || isInMesh !== true || group.tcp !== undefined) continue;
      const view = await explained.explain(group, pod);
      for (const { client_log: [logged] = [] } of tries) {
        if (logged === undefined) continue;
        const fault = faultOf(view, logged, isGrpc(group), (id) => explained.cluster(id));
        t.equal(fault, null, `${name}: ${JSON.stringify(logged)}`);
      }
    }
  });
}

type FindCluster = (id: string) => ClusterConfig | undefined;

const isGrpc = ({ headers = {} }: RequestGroup): boolean =>
  Object.entries(headers).some(([name, value]) => name.toLowerCase() === 'content-type' && String(value).startsWith('application/grpc'));

/** What the explanation does not allow of what happened; null: nothing. */
function faultOf(view: ExplainView, logged: Logged, grpc: boolean, clusterOf: FindCluster): string | null {
  const { verdict, destinations, preflight } = view;
  switch (logged.details) {
    case 'direct_response':
      return answerFault(view, logged, grpc);
    case 'route_not_found':
      return verdict === 'no-route' ? null : `it is ${verdict}`;
    case 'cluster_not_found':
      return destinations.some(({ missing, share }) => missing && share > 0) ? null : 'no cluster is missing';
    case 'fault_filter_abort':
      return policyIs(view, grpc ? 'with grpc-status' : `with ${logged.status}`) ? null : 'no such abort';
    case 'cors_response':
      return preflight ? null : 'it is no preflight';
  }
  if (preflight) return 'it is a preflight';
  if (logged.cluster === 'PassthroughCluster') return verdict === 'pass-through' ? null : `it is ${verdict}`;
  return policyFault(view, logged) ?? destinationFault(view, logged, clusterOf);
}

/** A refusal told in gRPC has the status 200. */
function answerFault({ verdict, route }: ExplainView, { status }: Logged, grpc: boolean): string | null {
  const action = route?.action;
  const said = verdict === 'blocked' ? 502 : action?.kind === 'redirect' ? action.code : action?.kind === 'direct' ? action.status : null;
  return said === status || (said !== null && grpc) ? null : `it is ${verdict}, ${said}`;
}

function policyFault(view: ExplainView, { details, flags, attempts }: Logged): string | null {
  if (flags.includes('DI') && !policyIs(view, 'delay')) return 'no delay';
  if (details === 'response_timeout' && view.timeoutMs === 0) return 'no timeout';
  if (details === 'upstream_per_try_timeout' && !policyIs(view, 'each within')) return 'no timeout of an attempt';
  return attempts > 1 && !policyIs(view, 'retries') ? 'no retries' : null;
}

/** A consistent hash picks by our own table, and who is ejected depends on the requests before: then it may be any endpoint, or none. */
function destinationFault({ destinations }: ExplainView, logged: Logged, clusterOf: FindCluster): string | null {
  const chosen = destinations.find(({ cluster }) => (clusterOf(cluster)?.name ?? cluster) === logged.cluster);
  if (chosen === undefined || chosen.share === 0) return `it goes to ${destinations.map(({ cluster }) => cluster).join()}`;
  const isFree = chosen.by === 'key' || clusterOf(chosen.cluster)?.outliers !== undefined;
  if (logged.flags.includes('UH'))
    return isFree || chosen.endpoints.every(({ chance }) => chance === 0) ? null : 'an endpoint may be chosen';
  if (logged.upstream === undefined || logged.attempts > 1) return null;
  const upstream = chosen.endpoints.find(({ address, port }) => `${address}:${port}` === logged.upstream);
  if (upstream === undefined)
    return `no endpoint ${logged.upstream} among ${chosen.endpoints.map(({ address, port }) => `${address}:${port}`).join()}`;
  return upstream.chance > 0 || isFree ? null : `never to ${logged.upstream}`;
}

function policyIs({ policies }: ExplainView, text: string): boolean {
  return policies.some((policy) => policy.includes(text));
}
