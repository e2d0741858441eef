/**
 * The objects of all sources: the last good version of each, and what is wrong with the versions that were refused.
 *
 * Sources are contributors in the order in which they were added. Where several give one object, the first that has a good version
 * of it has its version in effect; when it takes its object back, the next one's takes effect. A part of a source is a contributor of
 * its own, after all that were added before.
 *
 * Invariants (test/agent/model/store-model.test.ts: "the store behaves as its model"):
 *
 * 1. A refused version changes nothing that is in effect, of this object or of any other.
 * 2. `takeChanges` names exactly the objects whose version in effect differs from the one that the call before left behind.
 * 3. A source takes away only what it gave itself: by `remove`, by a list that is complete and does not have it, or by closing the part
 *    that gave it.
 * 4. The cost of a change does not depend on the number of other objects.
 */
import type { Clock } from '../../base/clock.ts';
import type { AnyObject, Kinds } from './objects.ts';
import { checked } from './checked.ts';
import { type Packed, unpack } from './packed.ts';
import {
  type Finding,
  type ObjectRef,
  type ObjectType,
  placeOf,
  type Problem,
  type ProblemNews,
  refKey,
  refOf,
  typeKey,
} from './problem.ts';
import { RefMap } from './ref-map.ts';
import { typeOfKind } from './schema/kinds.ts';
import type { CheckedObject, ClosablePart, ObjectPart, ObjectSink, Origin, RawObject } from './sink.ts';

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
  readonly object: Packed<AnyObject> | null;
  readonly origin: Origin | null;
}

/** Between two calls of `takeChanges`. */
export interface StoreChange extends ObjectChange {
  /** The version in effect before; null: none. */
  readonly before: Packed<AnyObject> | null;
}

/** What one source says of an object. */
interface Version {
  readonly good: Packed<AnyObject> | null;
  readonly origin: Origin;
  readonly verdict: Verdict;
  /** Of the API server; two equal ones are the same version. */
  readonly revision: string | null;
}

/** What came of a version. Most that a source gives at about the same time share one. */
interface Verdict {
  /** Of the source. */
  readonly position: number;
  readonly state: ObjectState;
  readonly since: number;
  readonly problems: readonly Finding[];
}

class Entry {
  readonly ref: ObjectRef;
  /** Nearly always one, which needs no list. */
  #versions: Version | readonly Version[] = NO_VERSIONS;

  constructor(ref: ObjectRef) {
    this.ref = ref;
  }

  /** In the order of the sources, so that the first good one wins; a source without a version has none. */
  get versions(): readonly Version[] {
    return isOne(this.#versions) ? [this.#versions] : this.#versions;
  }

  set versions(versions: readonly Version[]) {
    const [first] = versions;
    this.#versions = first !== undefined && versions.length === 1 ? first : versions;
  }
}

const isOne = (versions: Version | readonly Version[]): versions is Version => !Array.isArray(versions);

const NO_VERSIONS: readonly Version[] = [];

const GONE = { good: null, origin: null } as const;

interface Contributor {
  readonly name: string;
  /** The name of the source that it is, or is a part of. */
  readonly source: string;
  readonly position: number;
  synced: boolean;
  /** In the middle of a change. */
  telling: boolean;
  /** Of each type that is being listed, what was not reported again yet. */
  readonly unseen: Map<string, Map<string, Entry>>;
}

export class ObjectStore {
  readonly #entries = new RefMap<Entry>();
  #contributors: readonly Contributor[] = [];
  #positions = 0;
  /** Those that have problems. */
  readonly #troubled = new Set<Entry>();
  readonly #sourceProblems = new Map<string, readonly Problem[]>();
  /** Whose problems may have changed since the last `takeProblemNews`: objects, and subjects of sources. */
  readonly #problemNews = new Set<Entry | string>();
  /** Of what changed since the last `takeChanges`, the version that was in effect then. */
  readonly #before = new Map<Entry, Version | null>();
  readonly #onChange: () => void;
  readonly #clock: Pick<Clock, 'now'> | null;
  /** The last one without findings. */
  #verdict: Verdict = { position: -1, state: 'accepted', since: 0, problems: [] };
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
    const contributor = this.#add(name, name, false);
    return {
      ...this.#partOf(contributor),
      begin: () => void (contributor.telling = true),
      end: () => {
        contributor.telling = false;
        if (this.#news) this.#changed();
      },
      part: (part) => this.#openPart(name, part),
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

  /** Objects that have changed since the last `takeChanges`. */
  get untaken(): number {
    return this.#before.size;
  }

  /** Every object whose version in effect changed since the last call, once. Nothing while a source is in the middle of a change. */
  takeChanges(): readonly StoreChange[] {
    if (this.#telling) return [];
    const changes: StoreChange[] = [];
    for (const [entry, before] of this.#before) {
      const version = winner(entry);
      if (differ(before, version)) {
        const { good: object, origin } = version ?? GONE;
        changes.push({ ref: entry.ref, object, origin: object === null ? null : origin, before: before?.good ?? null });
      }
      // Not before somebody was told that it is gone: it may come back in the same turn.
      if (version === null) this.#entries.delete(entry.ref);
    }
    this.#before.clear();
    return changes;
  }

  /** The versions in effect, in no particular order. */
  list<K extends keyof Kinds>(kind: K): Kinds[K][] {
    const entries = [...this.#entries.ofType(typeOfKind(kind))];
    return entries.flatMap((entry) => winner(entry)?.good ?? []).map((good) => unpack(good)) as Kinds[K][];
  }

  /** Of the version in effect; without one, of the version that was refused. */
  origin(ref: ObjectRef): Origin | null {
    return winner(this.#entries.get(ref))?.origin ?? null;
  }

  status(ref: ObjectRef): ObjectStatus | null {
    const version = winner(this.#entries.get(ref));
    return version === null ? null : { ref, state: version.verdict.state, since: version.verdict.since };
  }

  /** Of every object of a kind, in no particular order. */
  statuses(kind: keyof Kinds): ObjectStatus[] {
    return [...this.#entries.ofType(typeOfKind(kind))].flatMap(({ ref }) => this.status(ref) ?? []);
  }

  /** Of sources first, then of the objects; with a clock, a refused object's begin with since when it is refused. */
  problems(): Problem[] {
    return [...[...this.#sourceProblems.values()].flat(), ...[...this.#troubled].flatMap((entry) => this.#problemsOf(entry))];
  }

  /** The problems of everything of which they may have changed since the last call. */
  takeProblemNews(): ProblemNews[] {
    const news = [...this.#problemNews];
    this.#problemNews.clear();
    return news.map((one) =>
      typeof one === 'string'
        ? { subject: one, problems: this.#sourceProblems.get(one) ?? [] }
        : { subject: refKey(one.ref), problems: this.#problemsOf(one) },
    );
  }

  get #telling(): boolean {
    return this.#contributors.some(({ telling }) => telling);
  }

  #add(name: string, source: string, synced: boolean): Contributor {
    if (this.#contributors.some((other) => other.name === name)) throw new RangeError(`a source ${name} contributes already`);
    const contributor = { name, source, position: this.#positions++, synced, telling: false, unseen: new Map() };
    this.#contributors = [...this.#contributors, contributor];
    return contributor;
  }

  #partOf(contributor: Contributor): ObjectPart {
    return {
      upsert: (object, origin) => this.#upsert(contributor, object, origin),
      upsertChecked: (object, origin) => this.#put(contributor, this.#seen(contributor, object.ref), object, origin, null),
      remove: (ref) => this.#remove(contributor, ref),
      relist: (type) => this.#relist(contributor, type),
      listed: (type) => this.#listed(contributor, type),
      problem: (subject, problems) => this.#problem(`${contributor.name} ${subject}`, problems),
    };
  }

  #openPart(source: string, name: string): ClosablePart {
    const contributor = this.#add(`${source}: ${name}`, source, true);
    const subjects = new Set<string>();
    const part = this.#partOf(contributor);
    return {
      ...part,
      problem: (subject, problems) => {
        subjects.add(subject);
        part.problem(subject, problems);
      },
      close: () => {
        for (const subject of subjects) part.problem(subject, []);
        for (const { ref } of this.#given(contributor)) this.#remove(contributor, ref);
        this.#contributors = this.#contributors.filter((other) => other !== contributor);
      },
    };
  }

  #given({ position }: Contributor): Entry[] {
    return [...this.#entries.values()].filter(({ versions }) => versions.some(({ verdict }) => verdict.position === position));
  }

  #upsert(contributor: Contributor, object: RawObject, origin: Origin): void {
    const ref = origin.ref ?? refOf(object);
    const known = this.#seen(contributor, ref);
    const revision = revisionOf(object, origin);
    if (revision !== null && known !== undefined && versionOf(known, contributor)?.revision === revision) return;
    this.#put(contributor, known, checked(object, origin), origin, revision);
  }

  /** The contributor gives the object now. @returns what is known of it. */
  #seen({ unseen }: Contributor, ref: ObjectRef): Entry | undefined {
    if (unseen.size > 0) unseen.get(typeKey(ref))?.delete(refKey(ref));
    return this.#entries.get(ref);
  }

  #put(contributor: Contributor, known: Entry | undefined, object: CheckedObject, origin: Origin, revision: string | null): void {
    const { position } = contributor;
    const { ref, good: now, findings: problems } = object;
    const before = known === undefined ? undefined : versionOf(known, contributor);
    const good = now ?? before?.good ?? null;
    const state: ObjectState = now !== null ? 'accepted' : good !== null ? 'previous-in-force' : 'refused';
    const since = before?.verdict.state === state ? before.verdict.since : (this.#clock?.now() ?? 0);
    const version = { good, origin, verdict: this.#shared({ position, state, since, problems }), revision };
    const entry = known ?? this.#newEntry(ref);
    const others = entry.versions.filter((other) => other !== before);
    this.#settle(entry, others.length === 0 ? [version] : [...others, version].sort((a, b) => a.verdict.position - b.verdict.position));
  }

  #shared(verdict: Verdict): Verdict {
    if (verdict.problems.length > 0) return verdict;
    const { position, state, since } = this.#verdict;
    if (position !== verdict.position || state !== verdict.state || since !== verdict.since) this.#verdict = verdict;
    return this.#verdict;
  }

  #newEntry(ref: ObjectRef): Entry {
    const entry = new Entry(ref);
    this.#entries.set(ref, entry);
    return entry;
  }

  #remove({ position, unseen }: Contributor, ref: ObjectRef): void {
    if (unseen.size > 0) unseen.get(typeKey(ref))?.delete(refKey(ref));
    const entry = this.#entries.get(ref);
    const others = entry?.versions.filter(({ verdict }) => verdict.position !== position) ?? [];
    if (entry !== undefined && others.length < entry.versions.length) this.#settle(entry, others);
  }

  #relist({ position, unseen }: Contributor, type: ObjectType): void {
    const given = [...this.#entries.ofType(type)].filter(({ versions }) => versions.some(({ verdict }) => verdict.position === position));
    unseen.set(typeKey(type), new Map(given.map((entry) => [refKey(entry.ref), entry])));
  }

  #listed(contributor: Contributor, type: ObjectType): void {
    const gone = [...(contributor.unseen.get(typeKey(type))?.values() ?? [])];
    contributor.unseen.delete(typeKey(type));
    for (const { ref } of gone) this.#remove(contributor, ref);
  }

  #problem(subject: string, problems: readonly Problem[]): void {
    // Sources repeat what they see at each look; only a difference is a change.
    if (JSON.stringify(problems) === JSON.stringify(this.#sourceProblems.get(subject) ?? [])) return;
    if (problems.length > 0) this.#sourceProblems.set(subject, problems);
    else this.#sourceProblems.delete(subject);
    this.#problemNews.add(subject);
    this.#changed();
  }

  /** Every change of an entry, with what follows from it. */
  #settle(entry: Entry, versions: readonly Version[]): void {
    if (!this.#before.has(entry)) this.#before.set(entry, winner(entry));
    entry.versions = versions;
    const troubled = versions.length > 1 || versions.some(({ verdict }) => verdict.problems.length > 0);
    if (troubled || this.#troubled.has(entry)) this.#problemNews.add(entry);
    if (troubled) this.#troubled.add(entry);
    else this.#troubled.delete(entry);
    this.#changed();
  }

  #problemsOf(entry: Entry): readonly Problem[] {
    const first = winner(entry);
    return entry.versions.flatMap((version) => {
      const own = this.#problemsOfVersion(entry.ref, version);
      const winning = this.#sourceAt(first?.verdict.position);
      if (version === first || winning === this.#sourceAt(version.verdict.position)) return own;
      const message = `given by ${winning} too, whose version is in effect`;
      return [{ severity: 'warning' as const, object: entry.ref, path: '', message, ...placeOf(version.origin, []) }, ...own];
    });
  }

  #sourceAt(at: number | undefined): string | undefined {
    return this.#contributors.find(({ position }) => position === at)?.source;
  }

  #problemsOfVersion(object: ObjectRef, { verdict, origin }: Version): readonly Problem[] {
    const { state, since, problems: findings } = verdict;
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

function versionOf({ versions }: Entry, { position }: Contributor): Version | undefined {
  return versions.find(({ verdict }) => verdict.position === position);
}

/** The version in effect, or the first of those that were refused. */
function winner(entry: Entry | undefined): Version | null {
  if (entry === undefined) return null;
  return entry.versions.find(({ good }) => good !== null) ?? entry.versions[0] ?? null;
}

/** Whether something else is in effect: another object, or the same by someone who may say more. */
function differ(a: Version | null, b: Version | null): boolean {
  const [before, after] = [a ?? GONE, b ?? GONE];
  return before.good !== after.good || (after.good !== null && before.origin?.trusted !== after.origin?.trusted);
}

/**
 * With the extent: an object may first be known by its metadata only, in the same version. A file's author may edit what an API
 * server printed, and leave the version as it was.
 */
function revisionOf({ metadata: { uid, resourceVersion } }: RawObject, { metadataOnly, file }: Origin): string | null {
  return resourceVersion === undefined || file !== undefined ? null : `${uid ?? ''} ${resourceVersion} ${metadataOnly === true}`;
}
