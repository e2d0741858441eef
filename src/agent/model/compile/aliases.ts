/** Services of the type ExternalName, as Istio takes them: other names of what they lead to, which have its routes. */
import type { Graph } from '../incremental/graph.ts';
import { Index } from '../incremental/index-by-key.ts';
import { type Aged, byAge } from './age.ts';

export interface Alias extends Aged {
  /** Fully qualified. */
  readonly host: string;
  /** What it leads to. */
  readonly target: string;
  readonly ports: readonly number[];
}

export class Aliases {
  readonly #own: Index<Alias>;
  readonly #leadingTo: Index<Alias>;

  constructor(graph: Graph) {
    this.#own = new Index<Alias>(graph);
    this.#leadingTo = new Index<Alias>(graph, byAge);
  }

  emit(alias: Alias): void {
    this.#own.emit(alias.host, alias);
    this.#leadingTo.emit(alias.target, alias);
  }

  /** Null: the host is its own. */
  of(host: string): Alias | null {
    return this.#own.get(host)[0] ?? null;
  }

  /** The host that a destination means: that of an alias, but not what that one is an alias of. */
  meant(host: string): string {
    return this.of(host)?.target ?? host;
  }

  /** All that lead to the host, be it through others. */
  leadingTo(host: string): readonly Alias[] {
    const found = new Map<string, Alias>();
    const visit = (target: string): void => {
      for (const alias of this.#leadingTo.get(target)) {
        if (found.has(alias.host) || alias.host === host) continue;
        found.set(alias.host, alias);
        visit(alias.host);
      }
    };
    visit(host);
    return [...found.values()];
  }

  /** Hosts of services to which it leads at last; it may be none. */
  services(alias: Alias): string[] {
    const seen = new Set([alias.host]);
    let { target } = alias;
    for (let next = this.of(target); next !== null; next = this.of(target)) {
      if (seen.has(target)) return [];
      seen.add(target);
      target = next.target;
    }
    return [target];
  }
}
