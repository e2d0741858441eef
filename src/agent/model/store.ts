/**
 * The objects of all sources: the last good version of each, and what is wrong with the versions that were refused.
 *
 * Sources are contributors in the order in which they were added. Where several give one object, the first that has a good version
 * of it has its version in effect; when it takes its object back, the next one's takes effect.
 *
 * Invariants (test/agent/model/store-model.test.ts: "the store behaves as its model"):
 *
 * 1. A refused version changes nothing that is in effect, of this object or of any other.
 * 2. `takeChanges` names exactly the objects whose version in effect differs from the one that the call before left behind.
 * 3. A source takes away only what it gave itself: by `remove`, or by a list that is complete and does not have it.
 * 4. The cost of a change does not depend on the number of other objects.
 */
import type { Clock } from '../../base/clock.ts';
import type { AnyObject, Kinds } from './objects.ts';
import { type ObjectRef, type ObjectType, placeOf, type Problem, refKey, refOf, typeKey } from './problem.ts';
import { checkObject, type Finding } from './schema/index.ts';
import { typeOfKind } from './schema/kinds.ts';
import type { ObjectSink, Origin, RawObject } from './sink.ts';

/** Of what the source gave last. `previous-in-force`: that was refused, and what it gave before still holds. */
export type ObjectState = 'accepted' | 'refused' | 'previous-in-force';

export interface ObjectStatus {
  readonly ref: ObjectRef;
  readonly state: ObjectState;
  /** When it got into this state, in milliseconds since the epoch; 0 for a store without clock. */
  readonly since: number;
}

export interface ObjectChange {
  readonly ref: ObjectRef;
  /** The version in effect now; null: none. */
  readonly object: AnyObject | null;
  readonly origin: Origin | null;
}

/** What one source says of an object. */
interface Version {
  readonly good: AnyObject | null;
  readonly origin: Origin;
  readonly state: ObjectState;
  readonly since: number;
  readonly problems: readonly Finding[];
  /** Of the API server; two equal ones are the same version. */
  readonly revision: string | null;
}

interface Entry {
  readonly ref: ObjectRef;
  /** By the source's position; a source without a version has none. */
  readonly versions: Map<number, Version>;
}

interface Contributor {
  readonly name: string;
  readonly position: number;
  synced: boolean;
  /** In the middle of a change. */
  telling: boolean;
  /** Of each type that this source gave, the keys. */
  readonly given: Map<string, Set<string>>;
  /** Of each type that is being listed, what was not reported again yet. */
  readonly unseen: Map<string, Set<string>>;
}

export class ObjectStore {
  readonly #entries = new Map<string, Entry>();
  /** Those with a version in effect, by type. */
  readonly #inForce = new Map<string, Map<string, AnyObject>>();
  readonly #contributors: Contributor[] = [];
  /** Keys of the entries that have problems. */
  readonly #troubled = new Set<string>();
  readonly #sourceProblems = new Map<string, readonly Problem[]>();
  /** Of what changed since the last `takeChanges`, the version that was in effect then. */
  readonly #before = new Map<string, { readonly ref: ObjectRef; readonly object: AnyObject | null }>();
  readonly #onChange: () => void;
  readonly #clock: Pick<Clock, 'now'> | null;
  #scheduled = false;
  /** Something changed that nobody was told of yet. */
  #news = false;

  /** `onChange` is called once for all changes of a turn, and not before every source has reported everything. */
  constructor(onChange: () => void = () => {}, clock: Pick<Clock, 'now'> | null = null) {
    this.#onChange = onChange;
    this.#clock = clock;
  }

  /** Adds a source, which comes after those that were added before. */
  contribute(name: string): ObjectSink {
    if (this.#contributors.some((other) => other.name === name)) throw new RangeError(`a source ${name} contributes already`);
    const contributor: Contributor = {
      name,
      position: this.#contributors.length,
      synced: false,
      telling: false,
      given: new Map(),
      unseen: new Map(),
    };
    this.#contributors.push(contributor);
    return {
      begin: () => void (contributor.telling = true),
      end: () => {
        contributor.telling = false;
        if (this.#news) this.#changed();
      },
      upsert: (object, origin) => this.#upsert(contributor, object, origin),
      remove: (ref) => this.#remove(contributor, ref),
      relist: (type) => void contributor.unseen.set(typeKey(type), new Set(contributor.given.get(typeKey(type)))),
      listed: (type) => this.#listed(contributor, type),
      problem: (subject, problems) => this.#problem(`${name} ${subject}`, problems),
      synced: () => {
        contributor.synced = true;
        this.#changed();
      },
    };
  }

  /** Whether every source has reported everything once. */
  get synced(): boolean {
    return this.#contributors.every(({ synced }) => synced);
  }

  /** Every object whose version in effect changed since the last call, once. Nothing while a source is in the middle of a change. */
  takeChanges(): readonly ObjectChange[] {
    if (this.#telling) return [];
    const changes: ObjectChange[] = [];
    for (const [key, { ref, object: before }] of this.#before) {
      const object = this.#objectInForce(ref, key);
      if (object !== before) changes.push({ ref, object, origin: object === null ? null : this.origin(ref) });
    }
    this.#before.clear();
    return changes;
  }

  /** The versions in effect, in no particular order. */
  list<K extends keyof Kinds>(kind: K): Kinds[K][] {
    return [...(this.#inForce.get(typeKey(typeOfKind(kind)))?.values() ?? [])] as Kinds[K][];
  }

  /** Of the version in effect; without one, of the version that was refused. */
  origin(ref: ObjectRef): Origin | null {
    return winner(this.#entries.get(refKey(ref)))?.origin ?? null;
  }

  status(ref: ObjectRef): ObjectStatus | null {
    const version = winner(this.#entries.get(refKey(ref)));
    return version === null ? null : { ref, state: version.state, since: version.since };
  }

  /** Of sources first, then of the objects; with a clock, a refused object's begin with since when it is refused. */
  problems(): Problem[] {
    const entries = [...this.#troubled].map((key) => this.#entries.get(key) as Entry);
    return [...[...this.#sourceProblems.values()].flat(), ...entries.flatMap((entry) => this.#problemsOf(entry))];
  }

  get #telling(): boolean {
    return this.#contributors.some(({ telling }) => telling);
  }

  #upsert(contributor: Contributor, object: RawObject, origin: Origin): void {
    const ref = refOf(object);
    const key = refKey(ref);
    contributor.unseen.get(typeKey(ref))?.delete(key);
    const entry = this.#entries.get(key) ?? { ref, versions: new Map<number, Version>() };
    const before = entry.versions.get(contributor.position);
    const revision = revisionOf(object, origin);
    if (before !== undefined && revision !== null && before.revision === revision) return;
    const { value, problems } = checkObject(object, origin);
    const good = value ?? before?.good ?? null;
    const state: ObjectState = value !== null ? 'accepted' : good !== null ? 'previous-in-force' : 'refused';
    const since = before?.state === state ? before.since : (this.#clock?.now() ?? 0);
    this.#entries.set(key, entry);
    const given = contributor.given.get(typeKey(ref)) ?? new Set<string>();
    contributor.given.set(typeKey(ref), given.add(key));
    this.#settle(key, entry, () => {
      const version = { good, origin, state, since, problems, revision };
      if (before !== undefined) return entry.versions.set(contributor.position, version);
      // In the order of the sources, so that the first good one wins.
      const others = [...entry.versions, [contributor.position, version] as const].sort(([a], [b]) => a - b);
      entry.versions.clear();
      for (const [position, other] of others) entry.versions.set(position, other);
    });
  }

  #remove({ position, given, unseen }: Contributor, ref: ObjectRef): void {
    const key = refKey(ref);
    const entry = this.#entries.get(key);
    unseen.get(typeKey(ref))?.delete(key);
    given.get(typeKey(ref))?.delete(key);
    if (entry?.versions.has(position) === true) this.#settle(key, entry, () => entry.versions.delete(position));
  }

  #listed(contributor: Contributor, type: ObjectType): void {
    const gone = contributor.unseen.get(typeKey(type)) ?? new Set<string>();
    contributor.unseen.delete(typeKey(type));
    for (const key of gone) this.#remove(contributor, (this.#entries.get(key) as Entry).ref);
  }

  #problem(subject: string, problems: readonly Problem[]): void {
    // Sources repeat what they see at each look; only a difference is a change.
    if (JSON.stringify(problems) === JSON.stringify(this.#sourceProblems.get(subject) ?? [])) return;
    if (problems.length > 0) this.#sourceProblems.set(subject, problems);
    else this.#sourceProblems.delete(subject);
    this.#changed();
  }

  /** Every change of an entry, with what follows from it. */
  #settle(key: string, entry: Entry, change: () => void): void {
    const { ref, versions } = entry;
    if (!this.#before.has(key)) this.#before.set(key, { ref, object: this.#objectInForce(ref, key) });
    change();
    const object = winner(entry)?.good ?? null;
    const known = this.#inForce.get(typeKey(ref)) ?? new Map<string, AnyObject>();
    if (object !== null) this.#inForce.set(typeKey(ref), known.set(key, object));
    else if (known.delete(key) && known.size === 0) this.#inForce.delete(typeKey(ref));
    if (versions.size === 0) this.#entries.delete(key);
    const troubled = versions.size > 1 || [...versions.values()].some(({ problems }) => problems.length > 0);
    if (troubled) this.#troubled.add(key);
    else this.#troubled.delete(key);
    this.#changed();
  }

  #objectInForce(ref: ObjectRef, key: string): AnyObject | null {
    return this.#inForce.get(typeKey(ref))?.get(key) ?? null;
  }

  #problemsOf(entry: Entry): readonly Problem[] {
    const first = winner(entry);
    return [...entry.versions].flatMap(([position, version]) => {
      const own = this.#problemsOfVersion(entry.ref, version);
      if (version === first) return own;
      const holder = [...entry.versions].find(([, other]) => other === first)?.[0] ?? position;
      const message = `given by ${this.#contributors[holder]?.name} too, whose version is in effect`;
      return [{ severity: 'warning' as const, object: entry.ref, path: '', message, ...placeOf(version.origin, []) }, ...own];
    });
  }

  #problemsOfVersion(object: ObjectRef, { state, since, problems: findings, origin }: Version): readonly Problem[] {
    const problems = findings.map(({ severity, path, message, place }): Problem => {
      return { severity, object, path, message, ...placeOf(origin, []), ...place };
    });
    if (state === 'accepted' || this.#clock === null || !problems.some(({ severity }) => severity === 'error')) return problems;
    const inForce = state === 'refused' ? 'nothing of it is in effect' : 'the version before it stays in effect';
    const message = `refused since ${new Date(since).toISOString()}; ${inForce}`;
    return [{ severity: 'error', object, path: '', message, ...placeOf(origin, []) }, ...problems];
  }

  #changed(): void {
    this.#news = true;
    if (this.#scheduled || !this.synced || this.#telling) return;
    this.#news = false;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#onChange();
    });
  }
}

/** The version in effect, or the first of those that were refused. */
function winner(entry: Entry | undefined): Version | null {
  const versions = [...(entry?.versions.values() ?? [])];
  return versions.find(({ good }) => good !== null) ?? versions[0] ?? null;
}

/** With the extent: an object may first be known by its metadata only, in the same version. */
function revisionOf({ metadata: { uid, resourceVersion } }: RawObject, { metadataOnly }: Origin): string | null {
  return resourceVersion === undefined ? null : `${uid ?? ''} ${resourceVersion} ${metadataOnly === true}`;
}
