/**
 * Which known files a rename has replaced, by what the watch says of them. Such a file is whole; any other may still be written to.
 *
 * A rename over a file is one event of its name. Removed and made anew, there are two, and each write is another (inotify(7)). An
 * event is in the queue before what it tells can be seen, so that what is seen of a file is judged a turn later.
 */
import type { WatchEvent } from './directory-watch.ts';

export class Replacements {
  readonly #events = new Map<string, WatchEvent | 'several'>();

  note(file: string, event: WatchEvent): void {
    this.#events.set(file, this.#events.has(file) ? 'several' : event);
  }

  /** The files that have events, with whether that may have been a rename; they have none any more. */
  take(): Map<string, boolean> {
    const files = new Map([...this.#events].map(([file, event]) => [file, event === 'rename'] as const));
    this.#events.clear();
    return files;
  }

  /** Whether something has happened to it since. */
  has(file: string): boolean {
    return this.#events.has(file);
  }
}
