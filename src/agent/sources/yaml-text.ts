/** YAML text by the whole parser: what the quick reader leaves to it, what is wrong with a text, and where a field is. */
import { Composer, type Document, isCollection, isNode, isScalar, LineCounter, Parser, type ScalarTag, type Tags } from 'yaml';
import { messageOf } from '../../base/errors.ts';
import type { FieldPath, Place } from '../model/problem.ts';
import { plainScalar } from './plain-scalar.ts';

/** Aliases may not multiply a document beyond this. */
const MAX_ALIASES = 100;
const resolve = (text: string): unknown => plainScalar(text);
/** Plain scalars as kubectl reads them, and the tags that say so. */
const PLAIN: ScalarTag = { tag: 'tag:yaml.org,2002:plain', default: true, test: /^/, resolve };
const NAMED = ['int', 'float', 'bool', 'null'].map((name): ScalarTag => ({ tag: `tag:yaml.org,2002:${name}`, resolve }));
const customTags = (tags: Tags): Tags => [...tags.filter((tag) => tag !== 'timestamp'), ...NAMED, PLAIN];
const OPTIONS = { schema: 'failsafe', customTags, merge: true, prettyErrors: false } as const;

export interface TextFault extends Place {
  readonly message: string;
}

export type WholeText =
  { readonly ok: true; readonly values: readonly unknown[] } | { readonly ok: false; readonly faults: readonly TextFault[] };

/** All documents of a text; those that are empty are left out. */
export function readWhole(text: string): WholeText {
  try {
    const { documents, place } = compose(text);
    const problems = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]);
    // Of this the library says what the engine threw, once for each level that had no stack left.
    const deep = problems.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
    if (deep !== undefined) return { ok: false, faults: [{ message: 'this is nested too deep', ...place(deep.pos[0]) }] };
    const faults = problems.map(({ message, pos }) => ({ message, ...place(pos[0]) }));
    if (faults.length > 0) return { ok: false, faults };
    const values = documents.map((document): unknown => document.toJS({ maxAliasCount: MAX_ALIASES }));
    return { ok: true, values: values.filter((value) => value !== null && value !== undefined) };
  } catch (error) {
    // The library throws for what it has no position of, such as too many aliases or too deep a nesting.
    return { ok: false, faults: [{ message: messageOf(error), line: 1, column: 1 }] };
  }
}

/** Where the field is, or the nearest field above it that exists. */
/** @param position of the document among those that are not empty. */
export function locateField(text: string, position: number, path: FieldPath): Place {
  try {
    const { documents, place } = compose(text);
    const document = documents.filter(({ contents }) => isNode(contents) && (!isScalar(contents) || contents.value !== null))[position];
    return document === undefined ? { line: 1, column: 1 } : place(offsetOf(document, path));
  } catch {
    return { line: 1, column: 1 };
  }
}

function compose(text: string): { documents: Document[]; place: (offset: number) => Place } {
  const lineCounter = new LineCounter();
  const tokens = new Parser(lineCounter.addNewLine).parse(text);
  const documents = [...new Composer({ ...OPTIONS, lineCounter }).compose(tokens)];
  const place = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  return { documents, place };
}

function offsetOf(document: Document, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const part of path) {
    if (!isCollection(node)) break;
    const child = node.get(part, true);
    if (child === undefined || child === null) break;
    const pair = node.items.find((item) => typeof part === 'string' && keyOf(item) === part) as { key?: unknown } | undefined;
    const start = isNode(pair?.key) ? pair.key : child;
    if (isNode(start)) offset = start.range?.[0] ?? offset;
    node = child;
  }
  return offset;
}

function keyOf(item: unknown): unknown {
  const key = (item as { key?: unknown }).key;
  return isNode(key) ? (key as { value?: unknown }).value : key;
}
