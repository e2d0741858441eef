/**
 * Descriptors of the namespaces of pods that have left: connections that were accepted before still open upstream sockets by
 * that descriptor. It is kept while the namespace is there, and LINGER_MS longer, so that its number cannot come to name another
 * pod's namespace under a retry that is still going on.
 */
import { type NamespaceIdentity, identifyNamespace, sameNamespace } from './pod-namespace.ts';

const LINGER_MS = 60_000;

interface Parked {
  readonly namespace: NamespaceIdentity;
  readonly netns: number;
  /** When the namespace was first seen to be gone; null: it is there. */
  goneAt: number | null;
}

export class ParkedNamespaces {
  readonly #close: (fd: number) => void;
  #parked: Parked[] = [];

  constructor(close: (fd: number) => void) {
    this.#close = close;
  }

  park(namespace: NamespaceIdentity, netns: number): void {
    this.#parked.push({ namespace, netns, goneAt: null });
  }

  /** The descriptor that is still open for this namespace, given back; null: none. */
  take(namespace: NamespaceIdentity): number | null {
    const found = this.#parked.find((entry) => sameNamespace(entry.namespace, namespace));
    if (found === undefined) return null;
    this.#parked = this.#parked.filter((entry) => entry !== found);
    return found.netns;
  }

  sweep(now: number): void {
    this.#parked = this.#parked.filter((entry) => {
      if (sameNamespace(entry.namespace, identifyNamespace(entry.namespace.path))) return true;
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
