/** What is wrong with objects among each other; the same thing found on several ways is one problem. */
import type { Entry, Target } from '../incremental/cell.ts';
import type { Graph } from '../incremental/graph.ts';
import { type FieldPath, type ObjectRef, pathText, placeOf, type Problem, type ProblemNews, refKey, type Severity } from '../problem.ts';
import type { Origin } from '../sink.ts';
import { order } from './age.ts';

export type Origins = (ref: ObjectRef) => Origin | null;

interface Found {
  readonly severity: Severity;
  readonly object: ObjectRef;
  readonly path: FieldPath;
  readonly message: string;
}

export class ProblemLog implements Target {
  readonly #graph: Graph;
  readonly #origins: Origins;
  /** With how many cells say it. */
  readonly #found = new Map<string, { readonly problem: Found; times: number }>();
  /** What has come or gone since the last `takeNews`. */
  readonly #news = new Set<string>();

  constructor(graph: Graph, origins: Origins) {
    this.#graph = graph;
    this.#origins = origins;
  }

  /** Of the cell that is being computed. */
  add(severity: Severity, object: ObjectRef, path: FieldPath, message: string): void {
    const key = `${refKey(object)} ${pathText(path)} ${message}`;
    this.#graph.emit(this, key, { severity, object, path, message } satisfies Found);
  }

  /** By object and field. Places are those of now: an object may have moved in its file since. */
  list(): Problem[] {
    return [...this.#found].sort(([a], [b]) => order(a, b)).map(([, { problem }]) => this.#placed(problem));
  }

  /** Each problem that came or went since the last call, under a subject of its own. Only their places are looked up. */
  takeNews(): ProblemNews[] {
    const subjects = [...this.#news].sort(order);
    this.#news.clear();
    return subjects.map((subject) => {
      const found = this.#found.get(subject);
      return { subject, problems: found === undefined ? [] : [this.#placed(found.problem)] };
    });
  }

  #placed(found: Found): Problem {
    return { ...found, path: pathText(found.path), ...placeOf(this.#origins(found.object), found.path) };
  }

  emittedFrom(): void {
    // No cell reads problems.
  }

  added({ key, value }: Entry): void {
    const known = this.#found.get(key);
    if (known !== undefined) {
      known.times++;
      return;
    }
    this.#found.set(key, { problem: value as Found, times: 1 });
    this.#news.add(key);
  }

  replaced({ key, value }: Entry): void {
    this.#found.set(key, { problem: value as Found, times: this.#found.get(key)?.times ?? 1 });
    this.#news.add(key);
  }

  removed({ key }: Entry): void {
    const known = this.#found.get(key);
    if (known === undefined || --known.times > 0) return;
    this.#found.delete(key);
    this.#news.add(key);
  }
}
