/** The objects of several files: who gives an object first has it. A changed file costs what it changed. */
import { type ObjectRef, type Problem, refKey } from '../model/problem.ts';
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
  /** By kind, namespace and name. */
  readonly #claims = new Map<string, Claims>();
  /** By file, the keys of which it gives an object that another place gives first. */
  readonly #repeated = new Map<string, Set<string>>();

  /** @param order of files. */
  constructor(order: (a: string, b: string) => number = (a, b) => (a < b ? -1 : a > b ? 1 : 0)) {
    this.#order = order;
  }

  /** The documents of some files, before and now. */
  replace(before: Iterable<SourceDocument>, now: Iterable<SourceDocument>): InventoryChanges {
    const gone = new Set(before);
    /** What had been given of each object that is touched. */
    const touched = new Map<string, SourceObject | null>();
    for (const document of now) if (!gone.delete(document)) for (const entry of document.objects) this.#claim(entry, touched);
    for (const document of gone) for (const entry of document.objects) this.#release(entry, touched);
    const objects: ObjectNews[] = [];
    const files = new Set<string>();
    for (const [key, given] of touched) this.#settle(key, given, objects, files);
    return { objects, files };
  }

  /** Objects of a file that are already given elsewhere. */
  problems(file: string): Problem[] {
    return [...(this.#repeated.get(file) ?? [])].flatMap((key) => {
      const claims = this.#claimsOf(key);
      const first = claims.find(({ given }) => given) as SourceObject;
      return claims.filter((entry) => entry !== first && entry.file === file).map((entry) => duplicate(entry, first));
    });
  }

  #claimsOf(key: string): readonly SourceObject[] {
    const claims = this.#claims.get(key);
    if (claims === undefined) return NO_CLAIMS;
    return isOne(claims) ? [claims] : claims;
  }

  #claim(entry: SourceObject, touched: Map<string, SourceObject | null>): void {
    const key = refKey(entry.ref);
    const others = this.#claimsOf(key);
    if (!touched.has(key)) touched.set(key, givenOf(others));
    this.#claims.set(key, others.length === 0 ? entry : [...others, entry]);
  }

  #release(entry: SourceObject, touched: Map<string, SourceObject | null>): void {
    const key = refKey(entry.ref);
    const claims = this.#claimsOf(key);
    if (!touched.has(key)) touched.set(key, givenOf(claims));
    const others = claims.filter((other) => other !== entry);
    if (others.length === 0) this.#claims.delete(key);
    else this.#claims.set(key, others.length === 1 ? (others[0] as SourceObject) : others);
  }

  #settle(key: string, given: SourceObject | null, objects: ObjectNews[], files: Set<string>): void {
    const [first, ...repeated] = [...this.#claimsOf(key)].sort((a, b) => this.#compare(a, b));
    if (given !== null) given.given = false;
    if (first !== undefined) first.given = true;
    const ref = first?.ref ?? given?.ref;
    if (first !== (given ?? undefined) && ref !== undefined) objects.push({ ref, now: first ?? null });
    const now = new Set(repeated.map(({ file }) => file));
    for (const [file, keys] of this.#repeated) {
      if (now.has(file) || !keys.delete(key)) continue;
      files.add(file);
      if (keys.size === 0) this.#repeated.delete(file);
    }
    for (const file of now) {
      files.add(file);
      this.#repeated.set(file, (this.#repeated.get(file) ?? new Set()).add(key));
    }
  }

  #compare(a: SourceObject, b: SourceObject): number {
    return this.#order(a.file, b.file) || a.document.start - b.document.start || a.line - b.line;
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
