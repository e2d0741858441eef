/**
 * Virtual hosts by their number. Light ones (src/l7/packed/light.ts) are made into objects when a request asks for them; the others are
 * there as long as their record is.
 */
import type { VirtualHost } from '../routing/virtual-host.ts';
import type { Action } from './actions.ts';

type Host = VirtualHost<Action>;

export class HostStore {
  /** By the number of their packed record. */
  readonly #light: (Host | undefined)[] = [];
  /** Prepared ahead: their numbers are below 0. */
  readonly #heavy: (Host | undefined)[] = [];
  readonly #unused: number[] = [];
  readonly #make: (number: number) => Host;

  /** @param make the host of a packed record, as readers see it. */
  constructor(make: (number: number) => Host) {
    this.#make = make;
  }

  get(number: number): Host {
    return (number < 0 ? this.#heavy[-1 - number] : this.#light[number]) ?? this.#added(number);
  }

  /** The host of a packed record, if it has been made. */
  made(number: number): Host | undefined {
    return this.#light[number];
  }

  addHeavy(host: Host): number {
    const index = this.#unused.pop() ?? this.#heavy.length;
    this.#heavy[index] = host;
    return -1 - index;
  }

  /** Nobody finds it any more. */
  drop(number: number): void {
    if (number >= 0) {
      this.#light[number]?.dispose();
      this.#light[number] = undefined;
      return;
    }
    this.#heavy[-1 - number]?.dispose();
    this.#heavy[-1 - number] = undefined;
    this.#unused.push(-1 - number);
  }

  #added(number: number): Host {
    const host = this.#make(number);
    // Without holes: an array with many of them is slow.
    while (this.#light.length <= number) this.#light.push(undefined);
    this.#light[number] = host;
    return host;
  }
}
