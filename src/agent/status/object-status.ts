/**
 * Tells the authors of objects what is wrong with them: by an Event, and by a condition where the kind has them. An object that never had
 * a problem gets neither, since each change of an object is an event for every agent of the cluster.
 *
 * Pods, and what makes them, are known to the agents of their nodes alone, which tell of them. Everything else is known to all, and told
 * by the one that leads.
 */
import { OWNER_KINDS } from '../model/needs.ts';
import { type ObjectRef, type Problem, refKey } from '../model/problem.ts';
import { fullName, pathOf, type Resource } from '../sources/kubernetes/resources.ts';
import type { Clock } from '../../base/clock.ts';
import { type ApiCalls, type Condition, expected, type LiveObject } from './api-calls.ts';
import { type Found, LiveObjects } from './live-objects.ts';
import { CONDITION, conditionFor, eventOf, type EventText, FIELD_MANAGER, isReason, type Verdict, verdictOf } from './verdict.ts';
import type { WriteQueue } from './write-queue.ts';

/** The API server forgets events after an hour. */
const AGAIN_MS = 30 * 60_000;
const LOCAL_KINDS: ReadonlySet<string> = new Set(['Pod', ...OWNER_KINDS]);

export interface ObjectStatusOptions {
  readonly api: ApiCalls;
  readonly queue: WriteQueue;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly leads: () => boolean;
}

export class ObjectStatus {
  readonly #options: ObjectStatusOptions;
  readonly #live: LiveObjects;
  /** By object: what was last put into the queue. */
  readonly #told = new Map<string, Verdict>();

  constructor(options: ObjectStatusOptions) {
    this.#options = options;
    this.#live = new LiveObjects(options.api);
  }

  /** @param problems all that there are now. */
  update(problems: readonly Problem[]): void {
    const leads = this.#options.leads();
    const verdicts = verdictsOf(problems, leads);
    for (const [key, verdict] of verdicts) this.#tell(key, verdict);
    for (const [key, before] of this.#told) {
      if (verdicts.has(key)) continue;
      const isOurs = leads || LOCAL_KINDS.has(before.ref.kind);
      this.#told.delete(key);
      if (isOurs) this.#put(key, verdictOf(before.ref, []));
    }
  }

  /** Events that are about to be forgotten are told again. */
  again(): void {
    for (const [key, verdict] of this.#told) this.#put(key, verdict);
  }

  /** Another agent may have told of objects that are in order now: those are found by the conditions that it wrote. */
  takeOver(): void {
    for (const resource of this.#live.custom) {
      this.#options.queue.put(`conditions of ${fullName(resource)}`, (stop) => this.#adopt(resource, stop));
    }
  }

  #tell(key: string, verdict: Verdict): void {
    const before = this.#told.get(key);
    if (before?.reason === verdict.reason && before.message === verdict.message) return;
    this.#told.set(key, verdict);
    this.#put(key, verdict);
  }

  #put(key: string, verdict: Verdict): void {
    this.#options.queue.put(key, (stop) => this.#write(verdict, stop));
  }

  async #write(verdict: Verdict, stop: AbortSignal): Promise<void> {
    const found = await this.#live.find(verdict.ref, stop);
    if (found === null) return;
    const { reason, message } = verdict;
    const type = reason === 'Accepted' ? 'Normal' : 'Warning';
    await this.#condition(verdict, found, stop);
    await tellEvent(this.#options, found.object, { reason, message, type }, stop);
  }

  /**
   * A condition of this type that another controller wrote is left to it. Other conditions of others stay: where the definition says nothing
   * else, the list is a whole for the server, which is theirs once they have written it (as istiod writes what its analysis says). It
   * then takes ours only from one who insists, and brings theirs along.
   */
  async #condition(verdict: Verdict, { object, path }: Found, stop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    if (!this.#live.custom.some(({ kind }) => kind === verdict.ref.kind)) return;
    const condition = conditionFor(verdict, object, clock.now());
    if (condition === null) return;
    if ((await this.#apply({ object, path }, [condition], {}, stop)) !== 409 || isTheirs(object)) return;
    const others = (object.status?.conditions ?? []).filter(({ type }) => type !== CONDITION);
    await this.#apply({ object, path }, [...others, condition], { force: 'true' }, stop);
  }

  /** The answer's status. Conflict: the list is another's, or, where we insist, the object has changed since it was read. */
  async #apply({ object, path }: Found, conditions: readonly Condition[], more: Insistence, stop: AbortSignal): Promise<number> {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, uid, generation, resourceVersion } = metadata;
    const body = {
      ...{ apiVersion, kind },
      metadata: { name, namespace, uid, ...(more.force !== undefined && { resourceVersion }) },
      status: { conditions, ...(generation !== undefined && { observedGeneration: generation }) },
    };
    const query = { fieldManager: FIELD_MANAGER, ...more };
    const contentType = 'application/apply-patch+yaml';
    const answer = await this.#options.api.call({ method: 'PATCH', path: `${path}/status`, query, body, contentType }, stop);
    return expected(answer, 200, 201, 404, 409).status;
  }

  async #adopt(resource: Resource, stop: AbortSignal): Promise<void> {
    const { api } = this.#options;
    for (const version of resource.versions) {
      const answer = expected(await api.call({ method: 'GET', path: pathOf(resource, version) }, stop), 200, 404);
      if (answer.status === 404) continue;
      const { items = [] } = answer.body as { readonly items?: readonly LiveObject[] };
      for (const { metadata, status } of items.filter(isWritten)) {
        const ref: ObjectRef = { ...resource.type, namespace: metadata.namespace ?? '', name: metadata.name };
        const refused = status?.conditions?.some(({ type, reason }) => type === CONDITION && reason !== 'Accepted') ?? false;
        if (refused && !this.#told.has(refKey(ref))) this.#put(refKey(ref), verdictOf(ref, []));
      }
      return;
    }
  }
}

/** Only of what is ours to tell of, and of what is at the API server. */
function verdictsOf(problems: readonly Problem[], leads: boolean): Map<string, Verdict> {
  const told = problems.filter(({ object, file }) => object !== null && file === '' && (leads || LOCAL_KINDS.has(object.kind)));
  const byObject = Map.groupBy(told, ({ object }) => refKey(object as ObjectRef));
  return new Map([...byObject].map(([key, own]) => [key, verdictOf((own[0] as Problem).object as ObjectRef, own)]));
}

const isWritten = ({ metadata: { managedFields } }: LiveObject): boolean =>
  managedFields?.some(({ manager }) => manager === FIELD_MANAGER) ?? false;

interface Insistence {
  readonly force?: 'true';
}

/** The condition of our type has a reason that we do not give. */
const isTheirs = ({ status }: LiveObject): boolean =>
  status?.conditions?.some(({ type, reason }) => type === CONDITION && !isReason(reason)) ?? false;

type EventWriter = Pick<ObjectStatusOptions, 'api' | 'clock' | 'nodeName'>;

/** Once; and again when the server is about to forget it. */
async function tellEvent({ api, clock, nodeName }: EventWriter, about: LiveObject, text: EventText, stop: AbortSignal): Promise<void> {
  const now = clock.now();
  const event = eventOf(about, text, nodeName, now);
  const collection = `/apis/events.k8s.io/v1/namespaces/${event.metadata.namespace}/events`;
  const made = expected(await api.call({ method: 'POST', path: collection, body: event }, stop), 200, 201, 409);
  if (made.status !== 409 || text.type === 'Normal') return;
  const path = `${collection}/${event.metadata.name}`;
  const answer = expected(await api.call({ method: 'GET', path }, stop), 200, 404);
  const { eventTime, series } = answer.body as {
    readonly eventTime?: string;
    readonly series?: { count: number; lastObservedTime: string };
  };
  if (answer.status === 404 || now - Date.parse(series?.lastObservedTime ?? eventTime ?? '') < AGAIN_MS - 60_000) return;
  const lastObservedTime = eventOf(about, text, nodeName, now).eventTime;
  const body = { series: { count: (series?.count ?? 1) + 1, lastObservedTime } };
  expected(await api.call({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' }, stop), 200, 404);
}
