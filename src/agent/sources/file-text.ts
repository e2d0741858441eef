/** The documents of a file's text, and their texts when they are asked for again. */
import { readFileSync } from 'node:fs';
import { chunksOf, withoutMark } from './chunks.ts';
import { contentsOf, hashOf, SourceDocument, type SourceFile, type SourceObject, type Texts } from './document.ts';
import type { Problem } from '../model/problem.ts';
import { SharedTexts } from './shared-texts.ts';

/**
 * The documents of a text one by one; those that it had before are the same objects again.
 * @param known by their hash; those that stand there again are taken out.
 */
export function* documentsOf(
  file: SourceFile,
  text: string,
  known = new Map<string, SourceDocument>(),
  strings = new SharedTexts(),
): Generator<{ readonly document: SourceDocument; readonly isNew: boolean }> {
  for (const chunk of chunksOf(withoutMark(text))) {
    const hash = hashOf(chunk);
    const document = known.get(hash);
    // A text that stands there twice is two documents.
    known.delete(hash);
    document?.move(chunk);
    const head = { ...chunk, hash, length: chunk.text.length };
    yield { document: document ?? new SourceDocument(file, head, contentsOf(chunk, strings)), isNew: document === undefined };
  }
}

export interface ParsedFile {
  readonly documents: readonly SourceDocument[];
  readonly objects: readonly SourceObject[];
  readonly problems: readonly Problem[];
}

/** A text that is kept as long as its objects are. */
export function parseManifest(file: string, text: string): ParsedFile {
  const whole = withoutMark(text);
  const texts: Texts = { textOf: ({ start, length }) => whole.slice(start, start + length) };
  const documents = [...documentsOf({ path: file, texts }, text)].map(({ document }) => document);
  return {
    documents,
    objects: documents.flatMap(({ objects }) => objects),
    problems: documents.flatMap((document) => document.problems()),
  };
}

/** Texts that are read from their files again, and kept for the turn: who asks for one place often asks for many. */
export class FileTexts implements Texts {
  #file = '';
  #text: string | null = null;
  #dropped = true;

  textOf(document: SourceDocument): string | null {
    const { file, start, length } = document;
    const text = this.#read(file)?.slice(start, start + length);
    return text !== undefined && document.hasText(text) ? text : null;
  }

  #read(file: string): string | null {
    if (file !== this.#file || this.#text === null) {
      try {
        this.#text = withoutMark(readFileSync(file, 'utf8'));
      } catch {
        this.#text = null;
      }
      this.#file = file;
    }
    if (this.#dropped) setImmediate(() => this.#drop());
    this.#dropped = false;
    return this.#text;
  }

  #drop(): void {
    this.#text = null;
    this.#dropped = true;
  }
}
