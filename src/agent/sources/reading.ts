/** Finds the objects in a part of a file: the second half of what `chunks.ts` begins. Any thread may do that. */
import type { FieldPath, Place } from '../model/problem.ts';
import type { RawObject } from '../model/sink.ts';
import { type Chunk, type Inherited, inheritedOf } from './chunks.ts';
import { type Fields, isFields } from './fields.ts';
import { readQuickly, unread } from './quick-yaml.ts';
import { flat, type SharedTexts } from './shared-texts.ts';
import { locateField, readWhole, type TextFault } from './yaml-text.ts';

/** What decides how a part of a file is read. */
export type Readable = Pick<Chunk, 'text' | 'isItem' | 'inherited'>;

export interface PlaceOfObject {
  /** Of the document in the text, among those that are not empty. */
  readonly position: number;
  /** Of the object in the document. */
  readonly path: FieldPath;
}

/** An object in a text, and where it is there. */
export interface FoundObject extends PlaceOfObject {
  readonly object: RawObject;
  /** Of its beginning; null: it has to be looked for. */
  readonly place: Place | null;
}

export interface Found {
  readonly objects: readonly FoundObject[];
  /** Their lines count from the text's own. */
  readonly faults: readonly TextFault[];
}

/** @param strings holds one copy of what is found often. */
export function readChunk(chunk: Readable, strings: SharedTexts): Found {
  return new Reading(chunk, strings);
}

/** Where a field of an object is in the text that it was found in. */
export function locateIn({ text, isItem }: Readable, { position, path: ofObject }: PlaceOfObject, path: FieldPath): Place {
  return locateField(text, position, isItem ? [0, ...ofObject, ...path] : [...ofObject, ...path]);
}

class Reading implements Found {
  readonly objects: FoundObject[] = [];
  readonly faults: TextFault[] = [];
  readonly #chunk: Readable;
  readonly #first: Place;

  constructor(chunk: Readable, strings: SharedTexts) {
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
    this.objects.push({ object, position, path, place });
  }

  #placeOf(position: number, path: FieldPath): Place {
    return path.length === 0 ? this.#first : locateIn(this.#chunk, { position, path: [] }, path);
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
