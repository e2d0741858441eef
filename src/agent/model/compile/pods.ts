/** Pods as the rest of the compiler sees them: who they are, where, and whether this node serves them. */
import type { Identity } from '../../../l7/snapshot.ts';
import { enrollment } from '../enrollment.ts';
import { type ApiObject, objectKey, type Pod } from '../objects.ts';
import { refOf } from '../problem.ts';
import { canonicalAddress } from './hosts.ts';
import { podIdentity } from './identity.ts';
import { type ObjectSet, objectsOf } from './object-set.ts';
import type { CompileOptions } from './options.ts';
import { type Owner, Owners } from './owners.ts';
import type { ProblemLog } from './problem-log.ts';

const NETNS_ANNOTATION = 'nodeway.io/netns';
const FAIL_CLOSED_ANNOTATION = 'nodeway.io/fail-closed';

export interface MeshPod {
  /** `namespace/name` */
  readonly key: string;
  readonly object: Pod;
  readonly addresses: readonly string[];
  readonly identity: Identity;
  readonly owners: readonly Owner[];
  /** Null: elsewhere. */
  readonly local: LocalPod | null;
}

/** A pod of this node. */
export interface LocalPod {
  readonly key: string;
  readonly uid: string;
  /** Path of its network namespace where the manifests name one. */
  readonly netns: string | null;
  readonly addresses: readonly string[];
  /** Refuse its traffic rather than let it pass while the agent is away. */
  readonly failClosed: boolean;
  readonly enrolled: boolean;
  readonly reason: string;
}

export interface EnrolledPod extends LocalPod {
  readonly enrolled: true;
}

export const isEnrolled = (pod: LocalPod): pod is EnrolledPod => pod.enrolled;

export class Pods {
  readonly list: readonly MeshPod[];
  readonly #byKey: ReadonlyMap<string, MeshPod>;
  readonly #byAddress = new Map<string, MeshPod>();

  constructor(objects: ObjectSet, options: CompileOptions, problems: ProblemLog) {
    const owners = new Owners(objects);
    const namespaces = new Map(objectsOf(objects, 'Namespace').map((namespace) => [namespace.metadata.name, namespace] as const));
    this.list = objectsOf(objects, 'Pod').map((pod) => {
      const chain = owners.of(pod);
      const common = {
        key: objectKey(pod.metadata),
        object: pod,
        addresses: addressesOf(pod),
        identity: podIdentity(pod, chain),
        owners: chain,
      };
      const namespace = namespaces.get(pod.metadata.namespace ?? '') ?? null;
      const netns = namespacePath(pod, objects);
      const local = netns !== null || isOfNode(pod, options) ? localPod(pod, netns, chain, namespace, options, problems) : null;
      return { ...common, local };
    });
    this.#byKey = new Map(this.list.map((pod) => [pod.key, pod]));
    // Addresses of the node itself and of pods that have ended say nothing about who is there now.
    for (const pod of this.list) {
      if (pod.object.spec?.hostNetwork === true || hasEnded(pod.object)) continue;
      for (const address of pod.addresses) this.#byAddress.set(address, pod);
    }
  }

  get(key: string): MeshPod | null {
    return this.#byKey.get(key) ?? null;
  }

  at(address: string): MeshPod | null {
    return this.#byAddress.get(address) ?? null;
  }
}

export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function addressesOf({ status }: Pod): string[] {
  const all = [status?.podIP, ...(status?.podIPs ?? []).map(({ ip }) => ip)].filter((ip) => ip !== undefined && ip !== '');
  return [...new Set(all.map((ip) => canonicalAddress(ip as string)))];
}

function isOfNode({ spec }: Pod, { nodeName }: CompileOptions): boolean {
  return spec?.nodeName !== undefined && spec.nodeName === nodeName;
}

/** Believed only where the author of the object is: in a cluster any user could name another pod's namespace. */
function namespacePath(pod: Pod, objects: ObjectSet): string | null {
  const trusted = objects.origin?.(refOf(pod))?.trusted === true;
  return trusted ? (pod.metadata.annotations?.[NETNS_ANNOTATION] ?? null) : null;
}

function localPod(
  pod: Pod,
  netns: string | null,
  owners: readonly Owner[],
  namespace: ApiObject | null,
  options: CompileOptions,
  problems: ProblemLog,
): LocalPod {
  const workloads = owners.flatMap(({ object }) => (object === null ? [] : [object]));
  const { enrolled, reason, invalid } = enrollment(pod, workloads, namespace, options);
  for (const { object, annotation, value } of invalid) {
    problems.add('error', object, ['metadata', 'annotations', annotation], `must be "true" or "false", not "${value}"; it is ignored`);
  }
  return {
    key: objectKey(pod.metadata),
    uid: pod.metadata.uid ?? '',
    netns,
    addresses: addressesOf(pod),
    failClosed: failClosed(pod, problems),
    enrolled,
    reason,
  };
}

function failClosed(pod: Pod, problems: ProblemLog): boolean {
  const value = pod.metadata.annotations?.[FAIL_CLOSED_ANNOTATION];
  if (value !== undefined && value !== 'true' && value !== 'false') {
    const path = ['metadata', 'annotations', FAIL_CLOSED_ANNOTATION];
    problems.add('error', pod, path, `must be "true" or "false", not "${value}"; it is ignored`);
  }
  return value === 'true';
}
