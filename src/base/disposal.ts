import { messageOf } from './errors.ts';

/** Undoes what was set up, last first, whatever fails on the way. */
export class Disposal {
  readonly #steps: { readonly what: string; readonly undo: () => void | Promise<void> }[] = [];

  add(what: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /** Returns what could not be undone; a second call does nothing. */
  async dispose(): Promise<string[]> {
    const failures: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        failures.push(`${step.what}: ${messageOf(error)}`);
      }
    }
    return failures;
  }
}
