/**
 * What is in the files of manifests. A small change is read at once. Files of the start, and large ones, are read by other threads
 * (file-readers.ts).
 */
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Problem } from '../model/problem.ts';
import { chunksOf, hasLongPart, textOf, withoutMark } from './chunks.ts';
import { contentsFrom, type DocumentData } from './document-data.ts';
import { hashOf, SourceDocument, type SourceFile } from './document.ts';
import { type FileRead, FileReaders } from './file-readers.ts';
import { documentsOf, FileTexts } from './file-text.ts';
import type { Look } from './look.ts';
import { SharedTexts } from './shared-texts.ts';

/** Of a file's text a turn goes through so many characters and reads so many that are new; the heartbeat shares this thread. */
const CHARACTERS_A_TURN = 500_000;
const NEW_CHARACTERS_A_TURN = 50_000;
/** A larger file is read by another thread, beside the looks at the others, which would have to wait for it. */
const LARGE_BYTES = 500_000;
/** So is a file with a larger document that is new: a document is read and checked as a whole, some 25 ms for each so many characters. */
const LARGE_DOCUMENT = 100_000;
const MAX_BYTES = 64 * 1024 * 1024;

export interface Contents {
  readonly documents: readonly SourceDocument[];
  /** Of the file as a whole. */
  readonly problems: readonly Problem[];
}

/** What of a file was read before. */
export interface Before {
  readonly documents: readonly SourceDocument[];
  /** Documents whose objects count. */
  readonly inForce: readonly SourceDocument[];
}

/** By another thread. */
interface Reading {
  /** Those that have been read. */
  readonly documents: readonly SourceDocument[];
  readonly end: Promise<FileRead>;
}

/** That has been read, or is being read: null. */
interface LargeFile {
  readonly stamp: string;
  contents: Contents | null;
}

export class FileContents {
  readonly #readers: FileReaders;
  readonly #onRead: () => void;
  readonly #texts = new FileTexts();
  readonly #strings = new SharedTexts();
  /** Files that are read before their turn comes. */
  readonly #ahead = new Map<string, Reading>();
  readonly #large = new Map<string, LargeFile>();
  #closed = false;

  /** @param onRead a large file has been read, which whoever looks again gets. */
  constructor(clock: Clock, onRead: () => void) {
    this.#readers = new FileReaders(clock);
    this.#onRead = onRead;
  }

  /** Files whose contents will be asked for soon. */
  readAhead(files: readonly string[]): void {
    for (const file of files) if (!this.#ahead.has(file)) this.#ahead.set(file, this.#begin(file, undefined));
  }

  /**
   * Of a file that looks so. @param waits whether the caller has nothing else to do.
   * @returns null: they are being read, and `onRead` is called when they have been.
   */
  async of(file: string, look: Look, before: Before | undefined, waits: boolean): Promise<Contents | null> {
    if (waits) return this.#readBeside(file, look, before, () => !this.#closed);
    const contents = look.size < LARGE_BYTES && !this.#large.has(file) ? await this.#read(file, look, before) : null;
    return contents ?? this.#later(file, look, before);
  }

  /** Null: not yet. */
  #later(file: string, look: Look, before: Before | undefined): Contents | null {
    const known = this.#large.get(file);
    if (known?.stamp === look.stamp) {
      if (known.contents !== null) this.#large.delete(file);
      return known.contents;
    }
    const large: LargeFile = { stamp: look.stamp, contents: null };
    this.#large.set(file, large);
    void this.#readBeside(file, look, before, () => this.#large.get(file) === large).then((contents) => {
      if (this.#large.get(file) !== large) return;
      large.contents = contents;
      this.#onRead();
    });
    return null;
  }

  /** There are no other files. */
  keep(files: readonly string[]): void {
    for (const file of this.#large.keys()) if (!files.includes(file)) this.#large.delete(file);
  }

  /** All that was asked for has been taken over. */
  rest(): void {
    this.#ahead.clear();
    this.#strings.clear();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#large.clear();
    await this.#readers.close();
  }

  async #readBeside(file: string, look: Look, before: Before | undefined, wanted: () => boolean): Promise<Contents> {
    const fault = faultOf(look);
    if (fault !== null) return refused(file, fault);
    const ahead = this.#ahead.get(file);
    const reading = ahead !== undefined && (await ahead.end).stamp === look.stamp ? ahead : this.#begin(file, before, wanted);
    const { stamp, error } = await reading.end;
    if (error !== null) return refused(file, error);
    // Whoever looks again sees that it has changed.
    return stamp === look.stamp ? { documents: reading.documents, problems: [] } : refused(file, 'it changed while it was read');
  }

  #begin(file: string, before: Before | undefined, wanted = () => true): Reading {
    const known = documentsByHash(before);
    const documents: SourceDocument[] = [];
    const source = { path: file, texts: this.#texts };
    const end = this.#readers.read(file, [...known.keys()], (read) => {
      for (const data of read) documents.push(this.#document(source, data, known));
      return wanted();
    });
    return { documents, end };
  }

  #document(file: SourceFile, data: DocumentData, known: Map<string, SourceDocument>): SourceDocument {
    const [hash, start, line, length, isItem, inherited, objects, faults] = data;
    const before = known.get(hash);
    if (objects === null && before !== undefined) {
      before.move({ start, line });
      return before;
    }
    const head = { hash, start, line, length, isItem, inherited };
    return new SourceDocument(file, head, contentsFrom(objects ?? [], faults));
  }

  /** Null: it has a document that is better read beside. */
  async #read(file: string, look: Look, before: Before | undefined): Promise<Contents | null> {
    const fault = faultOf(look);
    if (fault !== null) return refused(file, fault);
    try {
      const text = textOf(await readFile(file));
      const known = documentsByHash(before);
      if (hasLargeNews(text, known)) return null;
      const documents: SourceDocument[] = [];
      let seen = 0;
      let read = 0;
      for (const one of documentsOf({ path: file, texts: this.#texts }, text, known, this.#strings)) {
        const { document, isNew } = one;
        documents.push(document);
        seen += document.length;
        if (isNew) read += document.length;
        if (seen < CHARACTERS_A_TURN && read < NEW_CHARACTERS_A_TURN) continue;
        await setImmediate();
        seen = read = 0;
      }
      return { documents, problems: [] };
    } catch (error) {
      return refused(file, messageOf(error));
    }
  }
}

function hasLargeNews(text: string, known: ReadonlyMap<string, SourceDocument>): boolean {
  // A file of many small documents is not cut twice. Directives stand in a part of their own, before that of their document.
  if (!hasLongPart(text, LARGE_DOCUMENT / 2)) return false;
  for (const chunk of chunksOf(withoutMark(text))) if (chunk.text.length > LARGE_DOCUMENT && !known.has(hashOf(chunk))) return true;
  return false;
}

/** Why it need not be read. */
function faultOf({ inode, size, stamp }: Look): string | null {
  if (inode === 0) return stamp;
  return size > MAX_BYTES ? `larger than ${MAX_BYTES} bytes` : null;
}

function refused(file: string, message: string): Contents {
  return { documents: [], problems: [fileProblem(file, message)] };
}

/** What need not be read again, if it stands there again. */
function documentsByHash(before: Before | undefined): Map<string, SourceDocument> {
  const documents = before === undefined ? [] : [...before.documents, ...before.inForce];
  return new Map(documents.map((document) => [document.hash, document]));
}

export function fileProblem(file: string, message: string): Problem {
  return { severity: 'error', object: null, path: '', message, file, line: 1, column: 1 };
}
