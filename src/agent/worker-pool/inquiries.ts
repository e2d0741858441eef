/** Questions to workers that wait for an answer. */
import type { Cancel, Clock } from '../../base/clock.ts';
import type { Answer, Question } from '../../l7/question.ts';

/** A worker that is this late hangs, or has been replaced. */
const PATIENCE_MS = 2000;

export class Inquiries {
  readonly #clock: Clock;
  readonly #open = new Map<number, { readonly settle: (answer: Answer | null) => void; readonly cancel: Cancel }>();
  #next = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null: there was no answer in time. */
  ask(worker: { ask(id: number, question: Question): void }, question: Question): Promise<Answer | null> {
    const id = this.#next++;
    return new Promise((settle) => {
      this.#open.set(id, { settle, cancel: this.#clock.after(PATIENCE_MS, () => this.answered(id, null)) });
      worker.ask(id, question);
    });
  }

  answered(id: number, answer: Answer | null): void {
    const inquiry = this.#open.get(id);
    if (inquiry === undefined) return;
    this.#open.delete(id);
    inquiry.cancel();
    inquiry.settle(answer);
  }
}
