/** Virtual hosts as a request looks them up: by its authority, over the tables that its client sees. */
import type { Head } from '../message/head.ts';
import type { HostIndex, HostTable } from './host-index.ts';
import type { VirtualHost } from './virtual-host.ts';

const DOT = 46;
const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;

/** What the numbers in the index stand for. */
export interface HostSource<A> {
  get(number: number): VirtualHost<A>;
}

/** A view of the index: it holds nothing of its own, so it is made once and never changes. */
export class RouteTable<A> {
  readonly tables: readonly HostTable<number>[];
  readonly #index: HostIndex<number>;
  readonly #hosts: HostSource<A>;
  readonly #rooted: boolean;

  /** @param tables in the order in which they are asked. @param rooted whether a final dot, of a name in full, does not matter. */
  constructor(index: HostIndex<number>, hosts: HostSource<A>, tables: readonly HostTable<number>[], rooted: boolean) {
    this.#index = index;
    this.#hosts = hosts;
    this.#rooted = rooted;
    this.tables = tables;
  }

  /** The virtual host of a request: case and port do not matter. */
  find(head: Head): VirtualHost<A> | null {
    const { bytes } = head;
    let start = head.authorityStart;
    let end = head.authorityEnd;
    if (start < end && bytes[start] === BRACKET) {
      const close = bytes.indexOf(BRACKET_END, ++start);
      if (close >= 0 && close < end) end = close;
    } else {
      let p = start;
      while (p < end && bytes[p] !== COLON) p++;
      end = p;
      if (this.#rooted && end > start + 1 && bytes[end - 1] === DOT) end--;
    }
    return this.#hostOf(this.#index.find(this.tables, bytes, start, end));
  }

  /** The virtual host of a name. */
  named(name: Uint8Array): VirtualHost<A> | null {
    const end = name.length > 1 && name[name.length - 1] === DOT ? name.length - 1 : name.length;
    return this.#hostOf(this.#index.find(this.tables, name, 0, end));
  }

  #hostOf(number: number | null): VirtualHost<A> | null {
    return number === null ? null : this.#hosts.get(number);
  }
}
