/** The work that is left after a commit, in order. */
import type { Changing } from '../../base/epoch.ts';
import type { Steps } from '../upstream/pick.ts';

export class Later {
  #tasks: Changing[] = [];

  get empty(): boolean {
    return this.#tasks.length === 0;
  }

  settle(changing: Changing): void {
    this.#tasks.push(changing);
  }

  /** @param wanted as those return it that stage something in a container which is settled once. */
  settleIf(changing: Changing, wanted: boolean): void {
    if (wanted) this.#tasks.push(changing);
  }

  run(task: () => void): void {
    this.#tasks.push({
      settle: () => {
        task();
        return true;
      },
    });
  }

  *steps(): Steps<void> {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      while (!task.settle()) yield;
      yield;
    }
  }
}
