/**
 * Hands to the sink what looks at the files have found. What belongs together takes effect together, up to a size; the rest of a large
 * change follows in pieces, between which small ones pass: a file of ten megabytes must not hold up a rule of one line.
 *
 * Invariants (test/agent/sources/telling.test.ts):
 *  1. the sink ends up with the newest version of each object, in whatever order pieces are told;
 *  2. a change of at most PIECE objects is one change for the sink, and so is everything before the source is synced;
 *  3. a small change waits for one piece at most.
 */
import { setImmediate } from 'node:timers/promises';
import { type Problem, refKey } from '../model/problem.ts';
import type { ObjectPart, ObjectSink } from '../model/sink.ts';
import type { ObjectNews } from './inventory.ts';

/** More than one file by hand has; compiled in about a tenth of a second. */
export const PIECE = 1000;
/** Objects that are validated in a turn; the heartbeat shares this thread. */
const OBJECTS_A_TURN = 50;

export type FileProblems = readonly (readonly [file: string, problems: readonly Problem[]])[];

export class Telling {
  readonly #sink: Omit<ObjectSink, 'part'>;
  /** What is to follow, by key. */
  readonly #rest = new Map<string, ObjectNews>();
  /** The end of the piece that is being told, and of those that wait for it. */
  #told: Promise<void> = Promise.resolve();
  #following: Promise<void> | null = null;
  #stopped = false;

  constructor(sink: Omit<ObjectSink, 'part'>) {
    this.#sink = sink;
  }

  /** Everything at once, whatever its size. */
  whole(objects: readonly ObjectNews[], problems: FileProblems): Promise<void> {
    return this.#piece(objects, problems);
  }

  /** Resolves when the sink has got a small change, or the problems of a large one. */
  tell(objects: readonly ObjectNews[], problems: FileProblems): Promise<void> {
    // What waits is older.
    for (const { ref } of objects) this.#rest.delete(refKey(ref));
    if (objects.length <= PIECE) return this.#piece(objects, problems);
    for (const news of objects) this.#rest.set(refKey(news.ref), news);
    this.#following ??= this.#follow();
    return this.#piece([], problems);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#following;
    await this.#told;
  }

  async #follow(): Promise<void> {
    while (this.#rest.size > 0 && !this.#stopped) {
      await this.#piece(this.#take(), []);
      // Time for what the sink does with it, and for looks at files.
      await setImmediate();
    }
    this.#following = null;
  }

  #take(): ObjectNews[] {
    const piece: ObjectNews[] = [];
    for (const [key, news] of this.#rest) {
      this.#rest.delete(key);
      if (piece.push(news) === PIECE) break;
    }
    return piece;
  }

  #piece(objects: readonly ObjectNews[], problems: FileProblems): Promise<void> {
    this.#told = this.#told.then(() => this.#give(objects, problems));
    return this.#told;
  }

  async #give(objects: readonly ObjectNews[], problems: FileProblems): Promise<void> {
    if (this.#stopped) return;
    const sink = this.#sink;
    sink.begin();
    for (const [file, ofFile] of problems) sink.problem(file, ofFile);
    let told = 0;
    for (const news of objects) {
      give(news, sink);
      if (++told % OBJECTS_A_TURN === 0) await setImmediate();
    }
    sink.end();
  }
}

function give({ ref, now }: ObjectNews, sink: ObjectPart): void {
  if (now === null) sink.remove(ref);
  else now.tell(sink);
}
