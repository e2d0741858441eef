/**
 * Whether the agent is ready: while all gates are open. A part opens its gate when its condition holds, and may close it again. A
 * closed gate says what it waits for.
 */
export interface Gate {
  open(): void;
  close(awaited: string): void;
}

export interface GateReport {
  readonly gate: string;
  readonly open: boolean;
  /** What a closed gate waits for; empty for an open one. */
  readonly awaited: string;
}

export class Readiness {
  /** What each gate waits for; null: open. */
  readonly #awaited = new Map<string, string | null>();
  readonly #onChange: (ready: boolean) => void;

  constructor(onChange: (ready: boolean) => void) {
    this.#onChange = onChange;
  }

  gate(name: string, awaited: string): Gate {
    this.#awaited.set(name, awaited);
    return { open: () => this.#set(name, null), close: (reason) => this.#set(name, reason) };
  }

  get ready(): boolean {
    return [...this.#awaited.values()].every((awaited) => awaited === null);
  }

  report(): GateReport[] {
    return [...this.#awaited].map(([gate, awaited]) => ({ gate, open: awaited === null, awaited: awaited ?? '' }));
  }

  #set(name: string, awaited: string | null): void {
    const before = this.ready;
    this.#awaited.set(name, awaited);
    if (this.ready !== before) this.#onChange(this.ready);
  }
}
