/**
 * Captures that an earlier agent left in the kernel when it crashed. Whose each of them is, the kernel keeps beside it. One stays until it
 * is known to be nobody's any more: what cannot be opened now, or found, is still its pod's.
 */
export interface InheritedCapture {
  readonly cookie: string;
  /** Who it was made for (`ownerOf`). */
  readonly owner: string;
}

/** A pod that is wanted. */
export interface Claimant {
  readonly owner: string;
  /** Of the namespace that is held for it; null: none yet. */
  readonly cookie: string | null;
  readonly captured: boolean;
}

export class InheritedCaptures {
  readonly #owners: Map<string, string>;

  constructor(left: readonly InheritedCapture[]) {
    this.#owners = new Map(left.map(({ cookie, owner }) => [cookie, owner]));
  }

  get empty(): boolean {
    return this.#owners.size === 0;
  }

  has(cookie: string): boolean {
    return this.#owners.has(cookie);
  }

  /** Taken over, or released. */
  forget(cookie: string): void {
    this.#owners.delete(cookie);
  }

  abandoned(claimants: readonly Claimant[]): string[] {
    const claims = (claimant: Claimant, cookie: string, owner: string): boolean => {
      if (claimant.cookie === cookie) return true;
      // A pod that is captured in another namespace has moved there.
      return claimant.owner === owner && !claimant.captured;
    };
    return [...this.#owners].filter(([cookie, owner]) => !claimants.some((one) => claims(one, cookie, owner))).map(([cookie]) => cookie);
  }
}
