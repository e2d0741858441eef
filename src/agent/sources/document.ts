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
  digest('sha1', inherited === null ? text : `${inherited.apiVersion}/${inherited.kind}/${isItem} ${text}`, 'base64');

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

const NO_FAULTS: readonly TextFault[] = [];

export class SourceDocument {
  readonly file: string;
  readonly hash: string;
  readonly length: number;
  readonly isItem: boolean;
  readonly inherited: Chunk['inherited'];
  /** Nearly always one, which needs no list. */
  readonly #objects: SourceObject | readonly SourceObject[];
  /** Their lines count from the document's own. */
  readonly faults: readonly TextFault[];
  readonly #texts: Texts;
  #start: number;
  #line: number;

  constructor(file: string, { hash, length, isItem, inherited, start, line }: DocumentHead, texts: Texts, contents: DocumentContents) {
    this.file = file;
    this.hash = hash;
    this.length = length;
    this.isItem = isItem;
    this.inherited = inherited;
    this.#texts = texts;
    this.#start = start;
    this.#line = line;
    const objects = contents.objects.map((one) => new SourceObject(this, one));
    const [first] = objects;
    this.#objects = first !== undefined && objects.length === 1 ? first : exact(objects);
    this.faults = contents.faults.length === 0 ? NO_FAULTS : contents.faults;
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

  get #form(): Omit<Readable, 'text'> {
    return { isItem: this.isItem, inherited: this.inherited };
  }

  problems(): Problem[] {
    const { file } = this;
    return this.faults.map(({ message, line, column }) => {
      return { severity: 'error', object: null, path: '', message, file, line: this.#line + line, column };
    });
  }

  /** Its line counts from the document's. */
  locate(object: PlaceOfObject, path: FieldPath): Place | null {
    const text = this.#texts.textOf(this);
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
    const text = this.#texts.textOf(this);
    if (text === null) return null;
    const again = readChunk({ ...this.#form, text }, new SharedTexts());
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
  readonly position: number;
  readonly path: FieldPath;
  #version: RawObject | CheckedObject | null;
  // Of its beginning, from that of the document; 0: not known yet.
  #line: number;
  #column: number;

  constructor(document: SourceDocument, { ref, version, position, path, place }: ObjectInDocument) {
    this.document = document;
    this.ref = ref;
    this.#version = version;
    this.position = position;
    this.path = path.length === 0 ? WHOLE : path;
    this.#line = place?.line ?? 0;
    this.#column = place?.column ?? 0;
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
    const place = document.locate(this, path);
    return place === null ? null : document.place(place);
  }

  #find(): void {
    if (this.#line > 0) return;
    const { line, column } = this.document.locate(this, WHOLE) ?? { line: 1, column: 1 };
    this.#line = line;
    this.#column = column;
  }
}

const isChecked = (version: RawObject | CheckedObject): version is CheckedObject => 'good' in version;

/** What a chunk has, with its objects as they were read. */
export function contentsOf(chunk: Readable, strings: SharedTexts): DocumentContents {
  const { objects, faults } = readChunk(chunk, strings);
  return { objects: objects.map(({ object, ...place }) => ({ ref: refOf(object), version: object, ...place })), faults };
}
