/**
 * Descriptors of the namespaces of pods that have left: connections that were accepted before still open upstream sockets by
 * that descriptor. It is kept while the namespace is seen, and LINGER_MS longer, so that its number cannot come to name another
 * pod's namespace under a retry that is still going on.
 */
import type { Sightings, Sought, Whereabouts } from './pod-homes.ts';
import { type NamespaceIdentity, sameNamespace } from './pod-namespace.ts';

const LINGER_MS = 60_000;

/** What is known of the pod that left. */
export interface Leaver {
  readonly uid: string;
  readonly named: string | null;
  readonly at: Whereabouts;
  readonly netns: number;
}

interface Parked extends Sought {
  readonly held: Whereabouts;
  readonly netns: number;
  /** Since when the namespace has not been seen; null: it was. */
  goneAt: number | null;
}

export class ParkedNamespaces {
  readonly #close: (fd: number) => void;
  #parked: Parked[] = [];

  constructor(close: (fd: number) => void) {
    this.#close = close;
  }

  park({ uid, named, at, netns }: Leaver): void {
    this.#parked.push({ id: `parked ${netns}`, uid, named, held: at, netns, goneAt: null });
  }

  /** The descriptor that is still open for this namespace, given back; null: none. */
  take(namespace: NamespaceIdentity): number | null {
    const found = this.#parked.find(({ held }) => sameNamespace(held.namespace, namespace));
    if (found === undefined) return null;
    this.#parked = this.#parked.filter((entry) => entry !== found);
    return found.netns;
  }

  /** To be looked for. */
  sought(): readonly Sought[] {
    return this.#parked;
  }

  /** What was parked since the look stays. */
  sweep(seen: Sightings, now: number): void {
    this.#parked = this.#parked.filter((entry) => {
      const sighting = seen.get(entry.id);
      if (sighting === undefined) return true;
      if (sighting !== null && sameNamespace(entry.held.namespace, sighting.namespace)) {
        entry.goneAt = null;
        return true;
      }
      entry.goneAt ??= now;
      if (now - entry.goneAt < LINGER_MS) return true;
      this.#close(entry.netns);
      return false;
    });
  }

  closeAll(): void {
    for (const { netns } of this.#parked) this.#close(netns);
    this.#parked = [];
  }
}
