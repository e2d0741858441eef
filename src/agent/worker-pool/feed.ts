/**
 * Hands configurations to one worker, in parts and no faster than it takes them, so that its queue never holds more than it can work
 * off in a moment. What depends on a configuration (listeners) waits until it is in effect.
 *
 *     idle --delta--> sending --commit--> committing --configured--> settling --settled--> idle
 *
 * Invariants (test/agent/worker-pool/feed.test.ts):
 *  1. at most WINDOW parts are under way, and FIRST_WINDOW before the worker has a configuration;
 *  2. no part follows a commit before the worker has settled it;
 *  3. messages and configurations take effect in the order in which they were pushed.
 */
import { type DeltaPart, partsOf } from '../../l7/runtime/parts.ts';
import type { PackedDelta } from '../../l7/packed/packed-delta.ts';
import type { ToWorker } from './protocol.ts';

/** One is worked on, one is waiting. */
const WINDOW = 2;
/** A worker without a configuration serves nobody who would wait, and need not wait for this thread, which then has other things to do. */
const FIRST_WINDOW = 1000;

const NO_PARTS: Iterator<DeltaPart> = [].values();

type Phase = 'idle' | 'sending' | 'committing' | 'settling';
type Item = { readonly delta: PackedDelta } | { readonly message: ToWorker };

export class Feed {
  readonly #send: (message: ToWorker) => void;
  readonly #queue: Item[] = [];
  #phase: Phase = 'idle';
  #parts: Iterator<DeltaPart> = NO_PARTS;
  #version = 0;
  #room = FIRST_WINDOW;
  /** How many of the slabs of packed records the worker knows. */
  #slabs = 0;

  constructor(send: (message: ToWorker) => void) {
    this.#send = send;
  }

  configure(delta: PackedDelta): void {
    this.#queue.push({ delta });
    this.#pump();
  }

  /** Sends a message once the configurations before it are in effect. */
  post(message: ToWorker): void {
    this.#queue.push({ message });
    this.#pump();
  }

  taken(): void {
    this.#room++;
    this.#pump();
  }

  configured(): void {
    this.#phase = 'settling';
    // All of its parts have been taken.
    this.#room = WINDOW;
    this.#pump();
  }

  settled(): void {
    this.#phase = 'idle';
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      if (this.#phase === 'sending') this.#sendParts();
      if (this.#phase === 'sending' || this.#phase === 'committing') return;
      const item = this.#queue[0];
      if (item === undefined || ('delta' in item && this.#phase === 'settling')) return;
      this.#queue.shift();
      if ('message' in item) this.#send(item.message);
      else this.#begin(item.delta);
    }
  }

  #begin(delta: PackedDelta): void {
    const slabs = delta.slabs.slice(this.#slabs);
    this.#slabs += slabs.length;
    this.#parts = partsOf(delta, slabs);
    this.#version = delta.version;
    this.#phase = 'sending';
  }

  #sendParts(): void {
    for (; this.#room > 0; this.#room--) {
      const { done, value } = this.#parts.next();
      if (done === true) {
        this.#parts = NO_PARTS;
        this.#phase = 'committing';
        this.#send({ type: 'commit', version: this.#version });
        return;
      }
      this.#send({ type: 'part', part: value });
    }
  }
}
