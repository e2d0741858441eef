/**
 * One part of a file that is read by itself, and the objects in it. It keeps no text: where a field is, and what an object was, is found
 * by reading the part once more. The part may move within its file while it stays the same; places move with it.
 */
import { hash as digest } from 'node:crypto';
import { exact } from '../../base/exact.ts';
import type { FieldPath, Finding, ObjectRef, Place, Problem } from '../model/problem.ts';
import { refOf } from '../model/problem.ts';
import type { CheckedObject, ObjectPart, Origin, RawObject } from '../model/sink.ts';
import type { Chunk } from './chunks.ts';
import { type FoundObject, locateIn, type PlaceOfObject, readChunk, type Readable } from './reading.ts';
import { SharedTexts } from './shared-texts.ts';
import type { TextFault } from './yaml-text.ts';

/** Finds the text of a document again; null when the file has another one by now. */
export interface Texts {
  textOf(document: SourceDocument): string | null;
}

/** Of what decides how a chunk is read. */
export const hashOf = ({ text, isItem, inherited }: Readable): string =>
  digest('sha1', inherited === null ? text : `${inherited.apiVersion}/${inherited.kind}/${isItem} ${text}`, 'binary');

/** A part of a file, as it is known without its text. */
export interface DocumentHead extends Omit<Chunk, 'text'> {
  /** In characters. */
  readonly length: number;
  readonly hash: string;
}

/** An object of a document: as it was read, or checked already. */
export interface ObjectInDocument extends Omit<FoundObject, 'object'> {
  readonly ref: ObjectRef;
  readonly version: RawObject | CheckedObject;
}

export interface DocumentContents {
  readonly objects: readonly ObjectInDocument[];
  readonly faults: readonly TextFault[];
}

/** What documents of a file have in common. */
export interface SourceFile {
  readonly path: string;
  readonly texts: Texts;
}

/** In what a document may be unlike most others. */
interface Form extends Omit<Readable, 'text'> {
  /** Their lines count from the document's own. */
  readonly faults: readonly TextFault[];
}

/** Of nearly every document. */
const PLAIN: Form = { isItem: false, inherited: null, faults: [] };

export class SourceDocument {
  readonly hash: string;
  readonly length: number;
  readonly #file: SourceFile;
  readonly #form: Form;
  /** Nearly always one, which needs no list. */
  readonly #objects: SourceObject | readonly SourceObject[];
  #start: number;
  #line: number;

  /** @param file the same object for all documents of the file. */
  constructor(file: SourceFile, { hash, length, isItem, inherited, start, line }: DocumentHead, { objects, faults }: DocumentContents) {
    this.hash = hash;
    this.length = length;
    this.#file = file;
    this.#form = isItem || inherited !== null || faults.length > 0 ? { isItem, inherited, faults } : PLAIN;
    this.#start = start;
    this.#line = line;
    const [first] = objects;
    const made = (one: ObjectInDocument): SourceObject => new SourceObject(this, one);
    this.#objects = first !== undefined && objects.length === 1 ? made(first) : exact(objects.map(made));
  }

  /** Its path. */
  get file(): string {
    return this.#file.path;
  }

  get faults(): readonly TextFault[] {
    return this.#form.faults;
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
  move({ start, line }: Pick<Chunk, 'start' | 'line'>): void {
    this.#start = start;
    this.#line = line;
  }

  hasText(text: string): boolean {
    return hashOf({ ...this.#form, text }) === this.hash;
  }

  problems(): Problem[] {
    const { file } = this;
    return this.faults.map(({ message, line, column }) => {
      return { severity: 'error', object: null, path: '', message, file, line: this.#line + line, column };
    });
  }

  /** Its line counts from the document's. */
  locate(object: PlaceOfObject, path: FieldPath): Place | null {
    const text = this.#file.texts.textOf(this);
    return text === null ? null : locateIn({ ...this.#form, text }, object, path);
  }

  /** A place in it, which moves with it. */
  place({ line, column }: Place): Place {
    const from = (): number => this.#line;
    return {
      get line() {
        return from() + line;
      },
      column,
    };
  }

  /** Findings whose places count from the document's beginning, with places that move with it. */
  placed(findings: readonly Finding[]): readonly Finding[] {
    if (findings.length === 0) return findings;
    return findings.map((finding) => (finding.place === null ? finding : { ...finding, place: this.place(finding.place) }));
  }

  /** What its author wrote, read once more; null when the file has another text by now. */
  reread(object: SourceObject): RawObject | null {
    const text = this.#file.texts.textOf(this);
    if (text === null) return null;
    const again = readChunk({ ...this.#form, text }, new SharedTexts());
    return again.objects[this.objects.indexOf(object)]?.object ?? null;
  }
}

const WHOLE: FieldPath = [];

interface Position extends PlaceOfObject {
  /** Its beginning, from that of the document; null: not known yet. */
  readonly place: Place | null;
}

/** The position that was asked for last: documents of a file begin alike, and nearly all have one object. */
let lastPosition: Position = { position: 0, path: WHOLE, place: null };

function sharedPosition({ position, path, place }: Position): Position {
  const isLast =
    position === lastPosition.position &&
    path.length + lastPosition.path.length === 0 &&
    place?.line === lastPosition.place?.line &&
    place?.column === lastPosition.place?.column;
  if (!isLast) lastPosition = { position, path, place: place === null ? null : { line: place.line, column: place.column } };
  return lastPosition;
}

/** An object of a document, and where it is there. */
export class SourceObject implements Origin {
  readonly ref: ObjectRef;
  readonly document: SourceDocument;
  /** Whether it is the version that has been given to the store. */
  given = false;
  #at: Position;
  #version: RawObject | CheckedObject | null;

  constructor(document: SourceDocument, { ref, version, position, path, place }: ObjectInDocument) {
    this.document = document;
    this.ref = ref;
    this.#version = version;
    this.#at = sharedPosition({ position, path, place });
  }

  /** The directory belongs to the administrator of the node. */
  get trusted(): boolean {
    return true;
  }

  /** As its author wrote it; null when it was told or checked, and the file has another text by now. */
  get object(): RawObject | null {
    return this.#version === null || isChecked(this.#version) ? this.document.reread(this) : this.#version;
  }

  /**
   * The store keeps what it has checked; a second copy here would double the memory of a large cluster. Should the object be told once
   * more, it is read from the file again. If that has changed since, nothing is told: the next look brings what it says now.
   */
  tell(sink: Pick<ObjectPart, 'upsert' | 'upsertChecked'>): void {
    const version = this.#version ?? this.document.reread(this);
    this.#version = null;
    if (version === null) return;
    if (isChecked(version)) sink.upsertChecked({ ...version, findings: this.document.placed(version.findings) }, this);
    else sink.upsert(version, this);
  }

  get file(): string {
    return this.document.file;
  }

  get line(): number {
    return this.document.line + this.begin.line;
  }

  get column(): number {
    return this.begin.column;
  }

  /** From that of the document. */
  get begin(): Place {
    const known = this.#at.place;
    if (known !== null) return known;
    const place = this.document.locate(this.#at, WHOLE) ?? { line: 1, column: 1 };
    this.#at = sharedPosition({ ...this.#at, place });
    return place;
  }

  /** Stays right when the document moves. */
  locate(path: FieldPath): Place | null {
    const { document } = this;
    const place = document.locate(this.#at, path);
    return place === null ? null : document.place(place);
  }
}

const isChecked = (version: RawObject | CheckedObject): version is CheckedObject => 'good' in version;

/** What a chunk has, with its objects as they were read. */
export function contentsOf(chunk: Readable, strings: SharedTexts): DocumentContents {
  const { objects, faults } = readChunk(chunk, strings);
  return { objects: objects.map(({ object, ...place }) => ({ ref: refOf(object), version: object, ...place })), faults };
}
