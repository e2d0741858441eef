/** Which servers do not differ for rules, and where chance decides which of several answers. */
import { type Cluster, compare, type Doc, ipOf, keyOf, type Labels, labelsOf, type PodDoc, selects, type ServiceDoc } from './cluster.ts';
import type { Try } from './exchange.ts';

interface EntrySpec {
  readonly endpoints?: readonly { readonly address?: string }[];
  readonly workloadSelector?: { readonly labels?: Labels };
}

export class Servers {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * Pods of one group differ in their names alone: they have the same labels, are on the same node, and are named by the same objects.
   * Those of a headless Service have names of their own.
   */
  groupOf(name: string): string {
    const pods = this.#cluster.podDocs.filter(({ metadata }) => metadata.name === name);
    const facts = pods.map((pod) => [
      ...[pod.metadata.namespace, pod.spec.nodeName, this.#isInstance(pod) ? name : ''],
      ...[this.#naming(ipOf(pod)), labelTexts(pod)],
    ]);
    return JSON.stringify(facts);
  }

  /** Whether an endpoint of another group could have answered, too: of the Service or ServiceEntry that its server is of, and of its subset. */
  isRandom(one: Try): boolean {
    const { backend } = one;
    if (backend === undefined) return false;
    const clusters = clustersOf(one);
    // Of a way that no proxy tells of: through any Service that the server is of.
    const sets = clusters.length > 0 ? clusters.flatMap((name) => this.#endpoints(name)) : this.#cluster.services.map((of) => this.#of(of));
    const own = sets.filter((pods) => pods.some(({ metadata }) => metadata.name === backend));
    return own.some((pods) => new Set(pods.map(({ metadata }) => this.groupOf(metadata.name))).size > 1);
  }

  /** What a cluster may stand for, by each object that gives its host and each subset of its name. */
  #endpoints(cluster: string): PodDoc[][] {
    const [, , subset = '', host = ''] = cluster.split('|');
    const { services, docs } = this.#cluster;
    const entries = docs.filter(({ kind, spec }) => kind === 'ServiceEntry' && (spec?.['hosts'] as string[] | undefined)?.includes(host));
    const own = [...services.filter((service) => hostOf(service) === host), ...entries].map((object) => this.#of(object));
    // Several of a namespace for one host may give it their endpoints together.
    const sets = [...own, [...new Set(own.flat())]];
    if (subset === '') return sets;
    const chosen = this.#subsets(subset);
    return sets.flatMap((pods) => chosen.map((labels) => pods.filter((pod) => selects(labels, labelsOf(pod)))));
  }

  /** Connections to a headless Service go to the instance that they ask for. */
  #of(object: Doc): PodDoc[] {
    if (object.kind === 'Service') return isHeadless(object as ServiceDoc) ? [] : this.#cluster.selected(object as ServiceDoc);
    const { endpoints = [], workloadSelector } = (object.spec ?? {}) as EntrySpec;
    const addresses = endpoints.map(({ address }) => address);
    return this.#cluster.podDocs.filter((pod) => addresses.includes(ipOf(pod)) || selects(workloadSelector?.labels, labelsOf(pod)));
  }

  /** Labels of all subsets of that name. */
  #subsets(name: string): Labels[] {
    const rules = this.#cluster.docs.filter(({ kind }) => kind === 'DestinationRule');
    const all = rules.flatMap(({ spec }) => (spec?.['subsets'] as { name: string; labels?: Labels }[] | undefined) ?? []);
    return all.flatMap((subset) => (subset.name === name ? [subset.labels ?? {}] : []));
  }

  #isInstance(pod: PodDoc): boolean {
    return this.#cluster.services.some((service) => isHeadless(service) && this.#cluster.selected(service).includes(pod));
  }

  /** Objects that have an address in them, beside its pod. */
  #naming(ip: string): string[] {
    const naming = this.#cluster.docs.filter((doc) => doc.kind !== 'Pod' && JSON.stringify(doc).includes(`"${ip}"`));
    return naming.map((doc) => `${doc.kind} ${keyOf(doc)}`);
  }
}

/** Through which a request went. */
function clustersOf({ client_log: own = [], server_log: others = {} }: Try): string[] {
  const lines = [...own, ...Object.values(others).flat()];
  return lines.flatMap(({ cluster = '' }) => (cluster.startsWith('outbound|') ? [cluster] : []));
}

const isHeadless = ({ spec }: ServiceDoc): boolean => spec.clusterIP === 'None';
const hostOf = ({ metadata }: Doc): string => `${metadata.name}.${metadata.namespace}.svc.cluster.local`;
const labelTexts = (pod: PodDoc): string[] =>
  Object.entries(labelsOf(pod))
    .map(([key, value]) => `${key}=${value}`)
    .sort(compare);
