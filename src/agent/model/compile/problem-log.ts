/** What is wrong with objects among each other; the same thing found on several ways is one problem. */
import type { Entry, Target } from '../incremental/cell.ts';
import type { Graph } from '../incremental/graph.ts';
import { type FieldPath, type ObjectRef, pathText, placeOf, type Problem, refKey, type Severity } from '../problem.ts';
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
    return [...this.#found]
      .sort(([a], [b]) => order(a, b))
      .map(([, { problem }]) => ({ ...problem, path: pathText(problem.path), ...placeOf(this.#origins(problem.object), problem.path) }));
  }

  emittedFrom(): void {
    // No cell reads problems.
  }

  added({ key, value }: Entry): void {
    const known = this.#found.get(key);
    if (known === undefined) this.#found.set(key, { problem: value as Found, times: 1 });
    else known.times++;
  }

  replaced({ key, value }: Entry): void {
    this.#found.set(key, { problem: value as Found, times: this.#found.get(key)?.times ?? 1 });
  }

  removed({ key }: Entry): void {
    const known = this.#found.get(key);
    if (known !== undefined && --known.times === 0) this.#found.delete(key);
  }
}
