/**
 * Header operations of a route, made ready for use: names are interned, the lines to add are bytes. A destination's
 * operations come before the route's (Istio: weighted cluster, then route), and both are folded into one here.
 */
import type { Interner } from '../message/header-names.ts';
import { fieldLine, join, wireBytes } from '../message/wire-text.ts';
import type { HeaderLine, HeaderOperations } from '../config/header-operations.ts';

export interface HeaderOps {
  /** Interned names whose lines are left out. */
  readonly remove: readonly number[];
  /** Complete lines, CRLF included. */
  readonly lines: Uint8Array;
}

/** Null when there is nothing to do. */
export function foldHeaderOps(names: Interner, ...levels: readonly (HeaderOperations | undefined)[]): HeaderOps | null {
  if (levels.every((level) => level === undefined)) return null;
  const remove = new Set<string>();
  let added: HeaderLine[] = [];
  const drop = (name: string): void => {
    const wanted = name.toLowerCase();
    remove.add(wanted);
    added = added.filter(([other]) => other.toLowerCase() !== wanted);
  };
  for (const level of levels) {
    level?.remove?.forEach(drop);
    for (const line of level?.set ?? []) {
      drop(line[0]);
      added.push(line);
    }
    added.push(...(level?.add ?? []));
  }
  if (remove.size === 0 && added.length === 0) return null;
  return {
    remove: [...remove].map((name) => names.intern(name)),
    lines: wireBytes(join(...added.map(([name, value]) => fieldLine(name, value)))),
  };
}

/** What is left of a level when some headers, in lower case, are nobody's but somebody else's. */
export function without(level: HeaderOperations | undefined, names: ReadonlySet<string>): HeaderOperations | undefined {
  if (level === undefined) return undefined;
  const { set = [], add = [], remove = [] } = level;
  const others = ([name]: HeaderLine): boolean => !names.has(name.toLowerCase());
  return { set: set.filter(others), add: add.filter(others), remove: remove.filter((name) => !names.has(name)) };
}
