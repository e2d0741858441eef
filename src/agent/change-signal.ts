/**
 * Says that something has changed, to one listener, in the next turn of the event loop. However often it is raised until then, the
 * listener runs once; what is raised while it runs is heard in the turn after.
 */
export class ChangeSignal {
  #listener: () => void = () => {};
  #raised = false;

  listen(listener: () => void): void {
    this.#listener = listener;
  }

  raise(): void {
    if (this.#raised) return;
    this.#raised = true;
    setImmediate(() => {
      this.#raised = false;
      this.#listener();
    });
  }
}
