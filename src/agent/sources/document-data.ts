/** Documents as they cross from the thread that read them: tuples, which cross in a third of the time that objects take. */
import { internal } from '../../base/internal.ts';
import type { AnyObject } from '../model/objects.ts';
import type { Packed } from '../model/packed.ts';
import type { FieldPath, Finding } from '../model/problem.ts';
import { checked } from '../model/checked.ts';
import type { Chunk, Inherited } from './chunks.ts';
import type { DocumentContents, ObjectInDocument } from './document.ts';
import { type FoundObject, locateIn, readChunk } from './reading.ts';
import type { SharedTexts } from './shared-texts.ts';
import type { TextFault } from './yaml-text.ts';

export type ObjectData = readonly [
  group: string,
  kind: string,
  namespace: string,
  name: string,
  position: number,
  path: FieldPath,
  /** 0: to be looked for. */
  line: number,
  column: number,
  good: Packed<AnyObject> | null,
  /** Their places count from the document's beginning. */
  findings: readonly Finding[],
];

export type DocumentData = readonly [
  hash: string,
  start: number,
  line: number,
  length: number,
  isItem: boolean,
  inherited: Inherited | null,
  /** Null: of a document that is known by its hash. */
  objects: readonly ObjectData[] | null,
  faults: readonly TextFault[],
];

const NO_FAULTS: readonly TextFault[] = [];

/** Of a document that is known. */
export function movedData({ text, start, line, isItem, inherited }: Chunk, hash: string): DocumentData {
  return [hash, start, line, text.length, isItem, inherited, null, NO_FAULTS];
}

/** Reads a part of a file, and checks its objects. */
export function readData(file: string, chunk: Chunk, hash: string, strings: SharedTexts): DocumentData {
  const { text, start, line, isItem, inherited } = chunk;
  const { objects, faults } = readChunk(chunk, strings);
  return [hash, start, line, text.length, isItem, inherited, objects.map((found) => objectData(file, chunk, found)), faults];
}

function objectData(file: string, chunk: Chunk, found: FoundObject): ObjectData {
  const { object, position, path, place } = found;
  const { ref, good, findings } = checked(object, { trusted: true, file, locate: (field) => locateIn(chunk, found, field) });
  return [ref.group, ref.kind, ref.namespace, ref.name, position, path, place?.line ?? 0, place?.column ?? 0, good, findings];
}

export function contentsFrom(objects: readonly ObjectData[], faults: readonly TextFault[]): DocumentContents {
  return { objects: objects.map(objectFrom), faults };
}

/** Names stand in many objects; what came from a thread is another copy each time. */
function objectFrom([group, kind, namespace, name, position, path, line, column, good, findings]: ObjectData): ObjectInDocument {
  const ref = { group: internal(group), kind: internal(kind), namespace: internal(namespace), name: internal(name) };
  return { ref, position, path, place: line === 0 ? null : { line, column }, version: { ref, good, findings } };
}
