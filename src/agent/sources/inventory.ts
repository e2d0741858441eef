/** The objects of several files: who gives an object first has it. Pure. */
import { type Problem, refKey } from '../model/problem.ts';
import type { ParsedFile, SourceObject } from './document.ts';

export interface Inventory {
  /** By kind, namespace and name. */
  readonly objects: ReadonlyMap<string, SourceObject>;
  /** Of each file, whether it has any or not. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
}

/** @param files in the order in which they win. */
export function inventory(files: Iterable<readonly [file: string, parsed: ParsedFile]>): Inventory {
  const objects = new Map<string, SourceObject>();
  const problems = new Map<string, readonly Problem[]>();
  for (const [file, parsed] of files) {
    const repeated: Problem[] = [];
    for (const entry of parsed.objects) {
      const first = objects.get(refKey(entry.ref));
      if (first === undefined) objects.set(refKey(entry.ref), entry);
      else repeated.push(duplicate(entry, first));
    }
    problems.set(file, [...parsed.problems, ...repeated]);
  }
  return { objects, problems };
}

function duplicate({ ref, origin }: SourceObject, first: SourceObject): Problem {
  const message = `already given in ${first.origin.file}:${first.origin.line}, which is in force`;
  return { severity: 'error', object: ref, path: '', message, file: origin.file, line: origin.line, column: origin.column };
}
