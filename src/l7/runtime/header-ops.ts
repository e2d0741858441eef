/**
 * Header operations of a route, made ready for use: names are interned, the lines to add are bytes. A destination's
 * operations come before the route's (Istio: weighted cluster, then route), and both are folded into one here.
 */
import type { HeaderNames } from '../message/header-names.ts';
import type { HeaderOperations } from '../snapshot.ts';

export interface HeaderOps {
  /** Interned names whose lines are left out. */
  readonly remove: readonly number[];
  /** Complete lines, CRLF included. */
  readonly lines: Uint8Array;
}

/** Null when there is nothing to do. */
export function foldHeaderOps(names: HeaderNames, ...levels: readonly (HeaderOperations | undefined)[]): HeaderOps | null {
  const remove = new Set<string>();
  let added: { name: string; value: string }[] = [];
  const drop = (name: string): void => {
    remove.add(name.toLowerCase());
    added = added.filter((line) => line.name.toLowerCase() !== name.toLowerCase());
  };
  for (const level of levels) {
    level?.remove?.forEach(drop);
    for (const [name, value] of Object.entries(level?.set ?? {})) {
      drop(name);
      added.push({ name, value });
    }
    for (const [name, values] of Object.entries(level?.add ?? {})) {
      for (const value of [values].flat()) added.push({ name, value });
    }
  }
  if (remove.size === 0 && added.length === 0) return null;
  return {
    remove: [...remove].map((name) => names.intern(name)),
    lines: Buffer.from(added.map((line) => `${line.name}: ${line.value}\r\n`).join(''), 'latin1'),
  };
}
