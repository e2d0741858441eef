/** Objects as the API server has them now: for what the agent does not keep of them, such as the UID of one that was refused. */
import type { ObjectRef } from '../model/problem.ts';
import { typeKey } from '../model/problem.ts';
import { OWNER_KINDS } from '../model/needs.ts';
import { ownersIn, pathOf, type Resource, resourcesOf } from '../sources/kubernetes/resources.ts';
import { type ApiCalls, expected, type LiveObject } from './api-calls.ts';

/** An object, and where it is. */
export interface Found {
  readonly object: LiveObject;
  readonly path: string;
}

const ALL = [...resourcesOf({ nodeName: '', settingsNamespaces: [] }), ...OWNER_KINDS.map((kind) => ownersIn({ kind, namespace: '' }))];

export class LiveObjects {
  readonly #api: ApiCalls;
  readonly #resources: ReadonlyMap<string, Resource> = new Map(ALL.map((resource) => [typeKey(resource.type), resource]));

  constructor(api: ApiCalls) {
    this.#api = api;
  }

  /** Kinds that have conditions. */
  get custom(): Resource[] {
    return ALL.filter(({ optional }) => optional);
  }

  /** Null: it is not there any more, or of a kind that nobody reads. */
  async find(ref: ObjectRef, stop: AbortSignal): Promise<Found | null> {
    const resource = this.#resources.get(typeKey(ref));
    if (resource === undefined) return null;
    for (const version of resource.versions) {
      const namespace = ref.namespace === '' ? null : ref.namespace;
      const path = `${pathOf({ ...resource, namespace }, version)}/${ref.name}`;
      const answer = expected(await this.#api.call({ method: 'GET', path }, stop), 200, 404);
      if (answer.status === 200) return { object: answer.body as LiveObject, path };
    }
    return null;
  }
}
