/** The objects of several files: who gives an object first has it. A changed file costs what it changed. */
import { type Problem, refKey } from '../model/problem.ts';
import type { SourceDocument, SourceObject } from './document.ts';

export interface InventoryChanges {
  /** Objects whose version is another one now, by key; null: there is none any more. */
  readonly objects: ReadonlyMap<string, SourceObject | null>;
  /** Files of which another set of objects is repeated. */
  readonly files: ReadonlySet<string>;
}

export class Inventory {
  readonly #order: (a: string, b: string) => number;
  /** By kind, namespace and name, in no order. */
  readonly #claims = new Map<string, readonly SourceObject[]>();
  readonly #first = new Map<string, SourceObject>();
  /** By file, the keys of which it gives an object that another place gives first. */
  readonly #repeated = new Map<string, Set<string>>();

  /** @param order of files. */
  constructor(order: (a: string, b: string) => number = (a, b) => (a < b ? -1 : a > b ? 1 : 0)) {
    this.#order = order;
  }

  /** The documents of some files, before and now. */
  replace(before: Iterable<SourceDocument>, now: Iterable<SourceDocument>): InventoryChanges {
    const gone = new Set(before);
    const touched = new Set<string>();
    for (const document of now) if (!gone.delete(document)) for (const entry of document.objects) touched.add(this.#claim(entry));
    for (const document of gone) for (const entry of document.objects) touched.add(this.#release(entry));
    const objects = new Map<string, SourceObject | null>();
    const files = new Set<string>();
    for (const key of touched) this.#settle(key, objects, files);
    return { objects, files };
  }

  /** Objects of a file that are already given elsewhere. */
  problems(file: string): Problem[] {
    return [...(this.#repeated.get(file) ?? [])].flatMap((key) => {
      const first = this.#first.get(key) as SourceObject;
      const others = (this.#claims.get(key) ?? []).filter((entry) => entry !== first && entry.origin.file === file);
      return others.map((entry) => duplicate(entry, first));
    });
  }

  #claim(entry: SourceObject): string {
    const key = refKey(entry.ref);
    const others = this.#claims.get(key);
    this.#claims.set(key, others === undefined ? [entry] : [...others, entry]);
    return key;
  }

  #release(entry: SourceObject): string {
    const key = refKey(entry.ref);
    const others = (this.#claims.get(key) ?? []).filter((other) => other !== entry);
    if (others.length === 0) this.#claims.delete(key);
    else this.#claims.set(key, others);
    return key;
  }

  #settle(key: string, objects: Map<string, SourceObject | null>, files: Set<string>): void {
    const claims = [...(this.#claims.get(key) ?? [])].sort((a, b) => this.#compare(a, b));
    const [first, ...repeated] = claims;
    if (first !== this.#first.get(key)) objects.set(key, first ?? null);
    if (first === undefined) this.#first.delete(key);
    else this.#first.set(key, first);
    const now = new Set(repeated.map(({ origin }) => origin.file));
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

  #compare({ origin: a }: SourceObject, { origin: b }: SourceObject): number {
    return this.#order(a.file, b.file) || a.document.start - b.document.start || a.line - b.line;
  }
}

function duplicate({ ref, origin }: SourceObject, first: SourceObject): Problem {
  const message = `already given in ${first.origin.file}:${first.origin.line}, which is in effect`;
  return { severity: 'error', object: ref, path: '', message, file: origin.file, line: origin.line, column: origin.column };
}
