/** Manifest text to objects that know their lines. Pure. */
import { type Document, isCollection, isNode, LineCounter, parseAllDocuments } from 'yaml';
import { messageOf } from '../../base/errors.ts';
import { type FieldPath, type ObjectRef, type Problem, refOf } from '../model/problem.ts';
import type { Origin, RawObject } from '../model/sink.ts';

/** Aliases may not multiply a document beyond this. */
const MAX_ALIASES = 100;
const CLUSTER_SCOPED = new Set(['Namespace', 'Node', 'GatewayClass', 'CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding']);

export interface SourceObject {
  readonly object: RawObject;
  readonly ref: ObjectRef;
  readonly origin: FileOrigin;
}

export interface FileOrigin extends Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ParsedFile {
  readonly objects: readonly SourceObject[];
  readonly problems: readonly Problem[];
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

export function parseManifest(file: string, text: string): ParsedFile {
  const objects: SourceObject[] = [];
  const problems: Problem[] = [];
  for (const part of partsOf(file, text)) {
    objects.push(...part.objects);
    problems.push(...part.problems);
  }
  return { objects, problems };
}

/** The documents of a file one by one: parsing takes about a second a megabyte, which is too long for whoever else waits. */
export function* partsOf(file: string, text: string): Generator<ParsedFile> {
  // The byte order mark is no part of the text (YAML 1.2 §5.2).
  const whole = text.replace(/^\uFEFF/, '');
  let start = 0;
  let line = 0;
  for (const { index } of [...whole.matchAll(BOUNDARY), { index: whole.length }]) {
    const part = whole.slice(start, index);
    // Directives belong to the document that they stand before.
    if (/^%/m.test(part) && !/^---/m.test(part)) continue;
    if (part.trim() !== '') yield parsePart({ file, text: part, line });
    start = index;
    line += part.split('\n').length - 1;
  }
}

/** Where a document begins; within one no line looks so (YAML 1.2 §9.1.2). */
const BOUNDARY = /^---(?=[ \t\r\n]|$)/gm;

interface Part {
  readonly file: string;
  readonly text: string;
  /** Lines before it. */
  readonly line: number;
}

function parsePart(part: Part): ParsedFile {
  const { file } = part;
  const objects: SourceObject[] = [];
  const problems: Problem[] = [];
  const complain = (message: string, at: { line: number; column: number }): void => {
    problems.push({ severity: 'error', object: null, path: '', message, file, ...at });
  };
  try {
    const { documents, place } = read(part);
    for (const [position, document] of documents.entries()) {
      for (const error of document.errors) complain(error.message, place(error.pos[0]));
      if (document.errors.length > 0) continue;
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
      if (value !== null && value !== undefined) collect(value, []);
      function collect(entry: unknown, path: FieldPath): void {
        const at = locate(document, path, place);
        if (!isFields(entry)) return complain('this is not an object', at);
        if (entry['kind'] === 'List' && Array.isArray(entry['items'])) {
          entry['items'].forEach((item, index) => collect(item, [...path, 'items', index]));
          return;
        }
        const metadata = entry['metadata'];
        if (typeof entry['apiVersion'] !== 'string' || typeof entry['kind'] !== 'string') {
          return complain('apiVersion and kind must be given, as text', at);
        }
        if (!isFields(metadata) || typeof metadata['name'] !== 'string' || metadata['name'] === '') {
          return complain('metadata.name must be given, as text', at);
        }
        const given = metadata['namespace'] ?? 'default';
        if (typeof given !== 'string') return complain('metadata.namespace must be text', locate(document, [...path, 'metadata'], place));
        const namespace = CLUSTER_SCOPED.has(entry['kind']) ? '' : given || 'default';
        const object = { ...entry, metadata: namespace === '' ? metadata : { ...metadata, namespace } } as unknown as RawObject;
        // The directory belongs to the administrator of the node.
        const origin = { trusted: true, file, ...at, locate: (field: FieldPath) => locateAgain(part, position, [...path, ...field]) };
        objects.push({ object, ref: refOf(object), origin });
      }
    }
  } catch (error) {
    // The library throws for what it has no position of, such as too many aliases or too deep a nesting.
    complain(messageOf(error), { line: part.line + 1, column: 1 });
  }
  return { objects, problems };
}

type Place = (offset: number) => { line: number; column: number };

function read({ text, line: before }: Part): { documents: Document[]; place: Place } {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false });
  const place: Place = (offset) => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: before + Math.max(1, line), column: Math.max(1, col) };
  };
  return { documents: [...documents] as Document[], place };
}

/** Parses once more: places are asked for when something is wrong, and the nodes of all documents would be ten times their text. */
function locateAgain(part: Part, position: number, path: FieldPath): { line: number; column: number } {
  const { documents, place } = read(part);
  return locate(documents[position] as Document, path, place);
}

function locate(document: Document, path: FieldPath, place: Place): { line: number; column: number } {
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
  return place(offset);
}

function keyOf(item: unknown): unknown {
  const key = (item as { key?: unknown }).key;
  return isNode(key) ? (key as { value?: unknown }).value : key;
}
