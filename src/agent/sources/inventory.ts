/** The objects of several files: who gives an object first has it. A changed file costs what it changed. */
import { type ObjectRef, type Problem, refKey } from '../model/problem.ts';
import { RefMap } from '../model/ref-map.ts';
import type { SourceDocument, SourceObject } from './document.ts';

export interface ObjectNews {
  readonly ref: ObjectRef;
  /** The version that counts now; null: there is none any more. */
  readonly now: SourceObject | null;
}

export interface InventoryChanges {
  /** Objects whose version is another one now. */
  readonly objects: readonly ObjectNews[];
  /** Files of which another set of objects is repeated. */
  readonly files: ReadonlySet<string>;
}

/** Nearly always one; those of several are in no order. */
type Claims = SourceObject | readonly SourceObject[];

const NO_CLAIMS: readonly SourceObject[] = [];

export class Inventory {
  readonly #order: (a: string, b: string) => number;
  readonly #claims = new RefMap<Claims>();
  /** By file, the objects (by key) that another place gives first. */
  readonly #repeated = new Map<string, Map<string, ObjectRef>>();

  /** @param order of files. */
  constructor(order: (a: string, b: string) => number = (a, b) => (a < b ? -1 : a > b ? 1 : 0)) {
    this.#order = order;
  }

  /** The documents of some files, before and now. */
  replace(before: Iterable<SourceDocument>, now: Iterable<SourceDocument>): InventoryChanges {
    const gone = new Set(before);
    const touched = new Touched();
    for (const document of now) if (!gone.delete(document)) for (const entry of document.objects) this.#claim(entry, touched);
    for (const document of gone) for (const entry of document.objects) this.#release(entry, touched);
    const objects: ObjectNews[] = [];
    const files = new Set<string>();
    for (const { ref, given } of touched.objects) this.#settle(ref, given, objects, files);
    return { objects, files };
  }

  /** Objects of a file that are already given elsewhere. */
  problems(file: string): Problem[] {
    return [...(this.#repeated.get(file)?.values() ?? [])].flatMap((ref) => {
      const claims = this.#claimsOf(ref);
      const first = claims.find(({ given }) => given) as SourceObject;
      return claims.filter((entry) => entry !== first && entry.file === file).map((entry) => duplicate(entry, first));
    });
  }

  #claimsOf(ref: ObjectRef): readonly SourceObject[] {
    const claims = this.#claims.get(ref);
    if (claims === undefined) return NO_CLAIMS;
    return isOne(claims) ? [claims] : claims;
  }

  #claim(entry: SourceObject, touched: Touched): void {
    const { ref } = entry;
    const others = this.#claimsOf(ref);
    touched.note(ref, others);
    this.#claims.set(ref, others.length === 0 ? entry : [...others, entry]);
  }

  #release(entry: SourceObject, touched: Touched): void {
    const { ref } = entry;
    const claims = this.#claimsOf(ref);
    touched.note(ref, claims);
    const others = claims.filter((other) => other !== entry);
    if (others.length === 0) this.#claims.delete(ref);
    else this.#claims.set(ref, others.length === 1 ? (others[0] as SourceObject) : others);
  }

  #settle(ref: ObjectRef, given: SourceObject | null, objects: ObjectNews[], files: Set<string>): void {
    const [first, ...repeated] = [...this.#claimsOf(ref)].sort((a, b) => this.#compare(a, b));
    if (given !== null) given.given = false;
    if (first !== undefined) first.given = true;
    if (first !== (given ?? undefined)) objects.push({ ref: first?.ref ?? ref, now: first ?? null });
    if (repeated.length > 0 || this.#repeated.size > 0) this.#repeat(ref, new Set(repeated.map(({ file }) => file)), files);
  }

  /** @param now the files that repeat the object. @param files gets those of which that is news. */
  #repeat(ref: ObjectRef, now: ReadonlySet<string>, files: Set<string>): void {
    const key = refKey(ref);
    for (const [file, repeated] of this.#repeated) {
      if (now.has(file) || !repeated.delete(key)) continue;
      files.add(file);
      if (repeated.size === 0) this.#repeated.delete(file);
    }
    for (const file of now) {
      files.add(file);
      this.#repeated.set(file, (this.#repeated.get(file) ?? new Map()).set(key, ref));
    }
  }

  #compare(a: SourceObject, b: SourceObject): number {
    return this.#order(a.file, b.file) || a.document.start - b.document.start || a.line - b.line;
  }
}

/** Objects that are claimed or released, each with what had been given of it. */
class Touched {
  readonly objects: { readonly ref: ObjectRef; readonly given: SourceObject | null }[] = [];
  readonly #known = new RefMap<true>();

  note(ref: ObjectRef, claims: readonly SourceObject[]): void {
    if (this.#known.get(ref) === true) return;
    this.#known.set(ref, true);
    this.objects.push({ ref, given: givenOf(claims) });
  }
}

function isOne(claims: Claims): claims is SourceObject {
  return !Array.isArray(claims);
}

function givenOf(claims: readonly SourceObject[]): SourceObject | null {
  return claims.find(({ given }) => given) ?? null;
}

function duplicate({ ref, file, line, column }: SourceObject, first: SourceObject): Problem {
  const message = `already given in ${first.file}:${first.line}, which is in effect`;
  return { severity: 'error', object: ref, path: '', message, file, line, column };
}
