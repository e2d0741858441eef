/**
 * What is wrong with the API server as a whole, told once however many watches it hits, and taken back when all of them work again. The
 * first that finds the server there calls the others: each waits up to half a minute, one of a dozen only some seconds.
 */
import type { Problem } from '../../model/problem.ts';
import type { ObjectSink } from '../../model/sink.ts';
import { Occasion } from './occasion.ts';

export class ServerHealth {
  readonly #sink: Pick<ObjectSink, 'problem'>;
  readonly #server: string;
  readonly #failing = new Set<string>();
  readonly #back = new Occasion();

  constructor(sink: Pick<ObjectSink, 'problem'>, server: string) {
    this.#sink = sink;
    this.#server = server;
  }

  failed(resource: string, message: string): void {
    // The first message stays: others for the same reason would look like news.
    if (this.#failing.size === 0)
      this.#sink.problem(this.#server, [serverProblem(`${this.#server}: ${message}; what it said last stays in effect`)]);
    this.#failing.add(resource);
  }

  /** It is not read any more. */
  forget(resource: string): void {
    if (this.#failing.delete(resource) && this.#failing.size === 0) this.#sink.problem(this.#server, []);
  }

  /** Aborted when the server is found to be there again. */
  get back(): AbortSignal {
    return this.#back.next;
  }

  works(resource: string): void {
    if (!this.#failing.delete(resource)) return;
    this.#back.happens();
    if (this.#failing.size === 0) this.#sink.problem(this.#server, []);
  }
}

/** A problem that belongs to no object. */
export function serverProblem(message: string): Problem {
  return { severity: 'error', object: null, path: '', message, file: '', line: 0, column: 0 };
}
