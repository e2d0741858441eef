/**
 * One part of a file that is read by itself, and the objects in it. It keeps no text: where a field is, and what an object was, is found
 * by reading the part once more. The part may move within its file while it stays the same; places move with it.
 */
import { exact } from '../../base/exact.ts';
import { hash as digest } from 'node:crypto';
import type { FieldPath, ObjectRef, Place, Problem } from '../model/problem.ts';
import { refOf } from '../model/problem.ts';
import type { Origin, RawObject } from '../model/sink.ts';
import { type Chunk, type Inherited, inheritedOf } from './chunks.ts';
import { type Fields, isFields } from './fields.ts';
import { readQuickly, unread } from './quick-yaml.ts';
import { flat, SharedTexts } from './shared-texts.ts';
import { locateField, readWhole, type TextFault } from './yaml-text.ts';

/** Finds the text of a document again; null when the file has another one by now. */
export interface Texts {
  textOf(document: SourceDocument): string | null;
}

/** Of what decides how a chunk is read. */
export const hashOf = ({ text, isItem, inherited }: Pick<Chunk, 'text' | 'isItem' | 'inherited'>): string =>
  digest('sha1', inherited === null ? text : `${inherited.apiVersion}/${inherited.kind}/${isItem} ${text}`, 'base64');

const NO_FAULTS: readonly TextFault[] = [];

export class SourceDocument {
  readonly file: string;
  readonly hash: string;
  readonly length: number;
  readonly isItem: boolean;
  readonly inherited: Inherited | null;
  /** Nearly always one, which needs no list. */
  readonly #objects: SourceObject | readonly SourceObject[];
  /** Their lines count from the document's own. */
  readonly faults: readonly TextFault[];
  readonly #texts: Texts;
  #start: number;
  #line: number;

  /** @param strings holds one copy of what is found often. */
  constructor(file: string, chunk: Chunk, texts: Texts, strings: SharedTexts, hash = hashOf(chunk)) {
    this.file = file;
    this.hash = hash;
    this.length = chunk.text.length;
    this.isItem = chunk.isItem;
    this.inherited = chunk.inherited;
    this.#texts = texts;
    this.#start = chunk.start;
    this.#line = chunk.line;
    const found = new Reading(this, chunk, strings);
    const [first] = found.objects;
    this.#objects = first !== undefined && found.objects.length === 1 ? first : exact(found.objects);
    this.faults = found.faults.length === 0 ? NO_FAULTS : found.faults;
  }

  get objects(): readonly SourceObject[] {
    return this.#objects instanceof SourceObject ? [this.#objects] : this.#objects;
  }

  /** In characters of the file's text. */
  get start(): number {
    return this.#start;
  }

  /** Lines of the file before it. */
  get line(): number {
    return this.#line;
  }

  /** The file has changed around it. */
  move({ start, line }: Chunk): void {
    this.#start = start;
    this.#line = line;
  }

  hasText(text: string): boolean {
    return hashOf({ text, isItem: this.isItem, inherited: this.inherited }) === this.hash;
  }

  problems(): Problem[] {
    const { file } = this;
    return this.faults.map(({ message, line, column }) => {
      return { severity: 'error', object: null, path: '', message, file, line: this.#line + line, column };
    });
  }

  /** Its line counts from the document's. */
  locate(position: number, path: FieldPath): Place | null {
    const text = this.#texts.textOf(this);
    return text === null ? null : locateField(text, position, this.isItem ? [0, ...path] : path);
  }

  /** What its author wrote, read once more; null when the file has another text by now. */
  reread(object: SourceObject): RawObject | null {
    const text = this.#texts.textOf(this);
    if (text === null) return null;
    const { start, line, isItem, inherited } = this;
    const again = new Reading(this, { text, start, line, isItem, inherited }, new SharedTexts());
    return again.objects[this.objects.indexOf(object)]?.object ?? null;
  }
}

const WHOLE: FieldPath = [];

/** An object of a document, and where it is there. */
export class SourceObject implements Origin {
  readonly ref: ObjectRef;
  readonly document: SourceDocument;
  /** Whether it is the version that has been given to the store. */
  given = false;
  readonly #position: number;
  readonly #path: FieldPath;
  #object: RawObject | null;
  // Of its beginning, from that of the document; 0: not known yet.
  #line: number;
  #column: number;

  constructor(document: SourceDocument, object: RawObject, position: number, path: FieldPath, place: Place | null) {
    this.document = document;
    this.ref = refOf(object);
    this.#object = object;
    this.#position = position;
    this.#path = path.length === 0 ? WHOLE : path;
    this.#line = place?.line ?? 0;
    this.#column = place?.column ?? 0;
  }

  /** The directory belongs to the administrator of the node. */
  get trusted(): boolean {
    return true;
  }

  /** As its author wrote it; null when it was forgotten, and the file has another text by now. */
  get object(): RawObject | null {
    return this.#object ?? this.document.reread(this);
  }

  /** The store has its own copy: this one is read from the file again, should it be asked for. */
  forget(): void {
    this.#object = null;
  }

  get file(): string {
    return this.document.file;
  }

  get line(): number {
    this.#find();
    return this.document.line + this.#line;
  }

  get column(): number {
    this.#find();
    return this.#column;
  }

  /** Stays right when the document moves. */
  locate(path: FieldPath): Place | null {
    const { document } = this;
    const place = document.locate(this.#position, [...this.#path, ...path]);
    if (place === null) return null;
    return {
      get line() {
        return document.line + place.line;
      },
      column: place.column,
    };
  }

  #find(): void {
    if (this.#line > 0) return;
    const { line, column } = this.document.locate(this.#position, this.#path) ?? { line: 1, column: 1 };
    this.#line = line;
    this.#column = column;
  }
}

/** What is found in a document while it is read. */
class Reading {
  readonly objects: SourceObject[] = [];
  readonly faults: TextFault[] = [];
  readonly #document: SourceDocument;
  readonly #chunk: Chunk;
  readonly #first: Place;

  constructor(document: SourceDocument, chunk: Chunk, strings: SharedTexts) {
    this.#document = document;
    this.#chunk = chunk;
    this.#first = firstContent(chunk.text);
    const quick = readQuickly(chunk.text, strings);
    const read = quick === unread ? readWhole(flat(chunk.text)) : { ok: true as const, values: [quick] };
    if (!read.ok) this.faults.push(...read.faults);
    else for (const [position, value] of read.values.entries()) this.#value(value, position);
  }

  #value(value: unknown, position: number): void {
    const { isItem, inherited } = this.#chunk;
    if (isItem && Array.isArray(value) && value.length === 1) this.#collect(value[0], position, [], inherited);
    else if (value !== null) this.#collect(value, position, [], inherited);
  }

  #collect(entry: unknown, position: number, path: FieldPath, inherited: Inherited | null): void {
    const complain = (message: string, at: FieldPath = []): void => {
      this.faults.push({ message, ...this.#placeOf(position, [...path, ...at]) });
    };
    if (!isFields(entry)) return complain('this is not an object');
    const { apiVersion = inherited?.apiVersion, kind = inherited?.kind, metadata } = entry;
    if (typeof apiVersion !== 'string' || typeof kind !== 'string' || apiVersion === '' || kind === '') {
      return complain('apiVersion and kind must be given, as text');
    }
    if (kind.endsWith('List') && (Array.isArray(entry['items']) || entry['items'] === null)) {
      const items: readonly unknown[] = entry['items'] ?? [];
      const ofItems = inheritedOf({ apiVersion, kind });
      for (const [index, item] of items.entries()) this.#collect(item, position, [...path, 'items', index], ofItems);
      return;
    }
    const fault = metadataFault(metadata);
    if (fault !== null) return complain(fault.message, fault.at);
    const object = inNamespace({ ...entry, apiVersion, kind }, metadata as NamedMetadata);
    const place = path.length === 0 ? this.#first : null;
    this.objects.push(new SourceObject(this.#document, object, position, path, place));
  }

  #placeOf(position: number, path: FieldPath): Place {
    return path.length === 0 ? this.#first : locateField(this.#chunk.text, position, this.#chunk.isItem ? [0, ...path] : path);
  }
}

interface NamedMetadata extends Fields {
  readonly name: string;
  readonly namespace?: string | null;
}

function metadataFault(metadata: unknown): { readonly message: string; readonly at: FieldPath } | null {
  if (!isFields(metadata)) return { message: 'metadata.name must be given, as text', at: [] };
  const { name, generateName, namespace = null } = metadata;
  if ((name === undefined || name === null || name === '') && typeof generateName === 'string') {
    return { message: 'metadata.generateName is for kubectl create; here metadata.name must be given', at: ['metadata', 'generateName'] };
  }
  if (typeof name === 'boolean' || typeof name === 'number') {
    return { message: `metadata.name must be text; YAML reads this as ${String(name)} unless it is quoted`, at: ['metadata', 'name'] };
  }
  if (typeof name !== 'string' || name === '') return { message: 'metadata.name must be given, as text', at: ['metadata'] };
  if (namespace !== null && typeof namespace !== 'string')
    return { message: 'metadata.namespace must be text', at: ['metadata', 'namespace'] };
  return null;
}

const CLUSTER_SCOPED = new Set([
  'Namespace',
  'Node',
  'PersistentVolume',
  'GatewayClass',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'StorageClass',
  'IngressClass',
  'PriorityClass',
]);

function inNamespace(object: Fields & { readonly apiVersion: string; readonly kind: string }, metadata: NamedMetadata): RawObject {
  const { namespace, ...others } = metadata;
  const scoped = CLUSTER_SCOPED.has(object.kind) ? others : { ...others, namespace: namespace || 'default' };
  return { ...object, metadata: scoped };
}

/** The first line of a text that is neither empty nor a comment nor a marker. */
function firstContent(text: string): Place {
  const before = /^(?:[ \t]*(?:#[^\n]*|%[^\n]*|---(?:[ \t]+#[^\n]*|[ \t\r]*)|\r?)\n)*[ ]*(?:-[ ]+)?/.exec(text)?.[0] ?? '';
  const lines = before.split('\n');
  return { line: lines.length, column: (lines.at(-1) as string).length + 1 };
}
