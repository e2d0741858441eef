/** What made a pod: Pod → ReplicaSet → Deployment, Pod → Job → CronJob, and so on, the nearest first. */
import type { Graph } from '../incremental/graph.ts';
import { Input } from '../incremental/table.ts';
import type { ApiObject, Kinds, Pod } from '../objects.ts';

export const OWNER_KINDS = [
  'ReplicaSet',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
] as const satisfies readonly (keyof Kinds)[];

export interface Owner {
  readonly kind: string;
  readonly name: string;
  /** Null when only its name is known. */
  readonly object: ApiObject | null;
}

/** No chain is longer. The limit also ends a circle of owners. */
const MAX_DEPTH = 8;

export class Owners {
  readonly #objects: Input<ApiObject, ApiObject>;

  constructor(graph: Graph) {
    this.#objects = new Input(graph, 'owner', (object) => object);
  }

  set(kind: string, namespace: string, name: string, object: ApiObject | null): void {
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
    return (OWNER_KINDS as readonly string[]).includes(kind) ? this.#objects.get(`${kind}/${namespace}/${name}`) : null;
  }

  /** Controllers name what they make: `<deployment>-<pod-template-hash>`, `<cronjob>-<minutes since 1970>`. */
  #derived({ kind, name }: Owner, { metadata }: Pod): { kind: string; name: string } | null {
    if (kind === 'Job') {
      const cronJob = /^(.+)-\d{8,10}$/.exec(name)?.[1];
      return cronJob === undefined ? null : { kind: 'CronJob', name: cronJob };
    }
    if (kind !== 'ReplicaSet') return null;
    const hash = metadata.labels?.['pod-template-hash'];
    if (hash !== undefined && name.endsWith(`-${hash}`)) return { kind: 'Deployment', name: name.slice(0, -hash.length - 1) };
    const stem = name.slice(0, Math.max(0, name.lastIndexOf('-')));
    return this.#find('Deployment', metadata.namespace ?? '', stem) === null ? null : { kind: 'Deployment', name: stem };
  }
}

function controllerOf({ metadata: { ownerReferences } }: ApiObject): { kind: string; name: string } | null {
  const controller = ownerReferences?.find((owner) => owner.controller === true) ?? ownerReferences?.[0];
  return controller === undefined ? null : { kind: controller.kind, name: controller.name };
}
