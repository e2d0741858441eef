/** What made a pod: Pod → ReplicaSet → Deployment, Pod → Job → CronJob, and so on, the nearest first. */
import type { Graph } from '../incremental/graph.ts';
import { Input } from '../incremental/table.ts';
import { OWNER_KINDS, type OwnerKind, type OwnerScope } from '../needs.ts';
import type { ApiObject, Pod } from '../objects.ts';
import { type Packed, unpack } from '../packed.ts';

export interface Owner {
  readonly kind: string;
  readonly name: string;
  /** Null when only its name is known. */
  readonly object: ApiObject | null;
}

/** By which the pods of a ReplicaSet say what made it. A Rollout is Argo's. */
const HASH_LABELS = [
  ['Deployment', 'pod-template-hash'],
  ['Rollout', 'rollouts-pod-template-hash'],
] as const;

/** No chain is longer. The limit also ends a circle of owners. */
const MAX_DEPTH = 8;

export class Owners {
  readonly #objects: Input<Packed<ApiObject>, ApiObject>;

  constructor(graph: Graph) {
    this.#objects = new Input(graph, 'owner', (packed) => unpack(packed));
  }

  set(kind: string, namespace: string, name: string, object: Packed<ApiObject> | null): void {
    this.#objects.set(`${kind}/${namespace}/${name}`, object);
  }

  of(pod: Pod): Owner[] {
    const namespace = pod.metadata.namespace ?? '';
    const chain: Owner[] = [];
    let next = controllerOf(pod);
    while (next !== null && chain.length < MAX_DEPTH) {
      const owner: Owner = { ...next, object: this.#find(next.kind, namespace, next.name) };
      chain.push(owner);
      next = owner.object === null ? this.#derived(owner, pod) : controllerOf(owner.object);
    }
    return chain;
  }

  #find(kind: string, namespace: string, name: string): ApiObject | null {
    return isOwnerKind(kind) ? this.#objects.get(`${kind}/${namespace}/${name}`) : null;
  }

  /** Controllers name what they make: `<deployment>-<pod-template-hash>`, `<cronjob>-<minutes since 1970>`. */
  #derived({ kind, name }: Owner, { metadata }: Pod): { kind: string; name: string } | null {
    if (kind === 'Job') {
      const cronJob = /^(.+)-\d{8,10}$/.exec(name)?.[1];
      return cronJob === undefined ? null : { kind: 'CronJob', name: cronJob };
    }
    if (kind !== 'ReplicaSet') return null;
    for (const [maker, label] of HASH_LABELS) {
      const hash = metadata.labels?.[label];
      if (hash !== undefined && name.endsWith(`-${hash}`)) return { kind: maker, name: name.slice(0, -hash.length - 1) };
    }
    const stem = name.slice(0, Math.max(0, name.lastIndexOf('-')));
    return this.#find('Deployment', metadata.namespace ?? '', stem) === null ? null : { kind: 'Deployment', name: stem };
  }
}

/**
 * Where owners must be looked for that have a say: not the ReplicaSets of Deployments, which say what the Deployment says, and change
 * with every pod.
 */
export function scopesOf(chain: readonly Owner[], namespace: string): OwnerScope[] {
  const kinds = chain.flatMap(({ kind }, index) => {
    const isCopy = kind === 'ReplicaSet' && ['Deployment', 'Rollout'].includes(chain[index + 1]?.kind ?? '');
    return isOwnerKind(kind) && !isCopy ? [kind] : [];
  });
  return kinds.map((kind) => ({ kind, namespace }));
}

const isOwnerKind = (kind: string): kind is OwnerKind => (OWNER_KINDS as readonly string[]).includes(kind);

function controllerOf({ metadata: { ownerReferences } }: ApiObject): { kind: string; name: string } | null {
  const controller = ownerReferences?.find((owner) => owner.controller === true) ?? ownerReferences?.[0];
  return controller === undefined ? null : { kind: controller.kind, name: controller.name };
}
