/**
 * A directory of manifests, watched. Whatever woke us, the whole directory is compared with what the sink got last: a
 * rename, an edit in place and a replaced directory are then one case. A file that cannot be parsed keeps its last good objects.
 *
 * A file that is being written may parse and yet be cut off. Only a rename puts a whole file in place: it shows as another inode
 * that was changed after it was written to. Everything else must look the same twice.
 */
import { isUtf8 } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Cancel, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Problem } from '../model/problem.ts';
import type { ObjectSink, ObjectSource } from '../model/sink.ts';
import { DirectoryWatch, type WatchEvent } from './directory-watch.ts';
import { contentsFrom, type DocumentData } from './document-data.ts';
import { SourceDocument, type SourceFile } from './document.ts';
import { type FileRead, FileReaders } from './file-readers.ts';
import { documentsOf, FileTexts } from './file-text.ts';
import { Inventory } from './inventory.ts';
import { type Look, lookAt, lookAtOnce } from './look.ts';
import { Replacements } from './replacements.ts';
import { SharedTexts } from './shared-texts.ts';
import { Telling } from './telling.ts';

const DEBOUNCE_MS = 20;
/** A known file that a rename has replaced is whole: it waits only for others of the same moment. */
const REPLACED_MS = 2;
/** A watch is lost with its directory, and some file systems have none. */
const RESCAN_MS = 2000;
/** Of a file's text a turn goes through so many characters and reads so many that are new; the heartbeat shares this thread. */
const CHARACTERS_A_TURN = 500_000;
const NEW_CHARACTERS_A_TURN = 50_000;
/** A larger file is read by another thread, beside the looks at the others, which would have to wait for it. */
const LARGE_BYTES = 500_000;
/** Files that are being read at the start while others are taken over. */
const FILES_AHEAD = 16;
/** Of files that have not changed, a few microseconds each. */
const LOOKS_A_TURN = 100;
const MAX_BYTES = 64 * 1024 * 1024;

/** After this many looks at a file that never rests, it is taken as it is; one that is empty, after so many that found it the same. */
const MAX_LOOKS = 10;

interface Contents {
  readonly documents: readonly SourceDocument[];
  /** Of the file as a whole. */
  readonly problems: readonly Problem[];
}

interface Restless {
  readonly stamp: string;
  readonly looks: number;
  /** The last looks, which found the same. */
  readonly alike: number;
}

interface Loaded extends Look, Contents {
  /** Documents whose objects count: those before, as long as something in the file cannot be read. */
  readonly inForce: readonly SourceDocument[];
}

/** By another thread. */
interface Reading {
  /** Those that have been read. */
  readonly documents: readonly SourceDocument[];
  readonly end: Promise<FileRead>;
}

const isBroken = ({ documents, problems }: Contents): boolean => problems.length > 0 || documents.some(({ faults }) => faults.length > 0);

export class ManifestSource implements ObjectSource {
  readonly name = 'manifests';
  readonly #directory: string;
  readonly #clock: Clock;
  #sink: ObjectSink | null = null;
  #telling: Telling | null = null;
  readonly #watch = new DirectoryWatch((path, event) => this.#changed(path, event));
  #timer: Cancel | null = null;
  #soon = false;
  /** Known files that the watch named. */
  readonly #replacements = new Replacements();
  #soonest: Cancel | null = null;
  #scan: Promise<void> = Promise.resolve();
  #files = new Map<string, Loaded>();
  readonly #inventory = new Inventory();
  readonly #texts = new FileTexts();
  readonly #strings = new SharedTexts();
  readonly #readers: FileReaders;
  /** At the start: files that are read before their turn comes. */
  readonly #ahead = new Map<string, Reading>();
  /** Large files that are being read, or have been; null: not yet. */
  readonly #readings = new Map<string, { readonly stamp: string; contents: Contents | null }>();
  /** Files that were seen in a state that may not last. */
  readonly #restless = new Map<string, Restless>();
  #synced = false;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
    this.#readers = new FileReaders(clock);
  }

  async start(sink: ObjectSink): Promise<void> {
    this.#sink = sink;
    this.#telling = new Telling(sink);
    await this.#rescan();
    if (this.#restless.size > 0) {
      await new Promise<void>((later) => this.#clock.after(DEBOUNCE_MS, later));
      await this.#rescan();
    }
    this.#synced = true;
    sink.synced();
    this.#schedule(DEBOUNCE_MS);
  }

  async stop(): Promise<void> {
    this.#sink = null;
    this.#watch.close();
    this.#timer?.();
    this.#soonest?.();
    this.#readings.clear();
    await Promise.all([this.#telling?.stop(), this.#readers.close()]);
    await this.#scan;
  }

  #changed(path: string | null, event: WatchEvent): void {
    if (path === null || !this.#files.has(path)) return this.#schedule(DEBOUNCE_MS);
    this.#replacements.note(path, event);
    if (this.#sink === null) return;
    this.#soonest ??= this.#clock.after(REPLACED_MS, () => {
      this.#soonest = null;
      this.#scan = this.#takeReplaced();
    });
  }

  #schedule(delayMs: number): void {
    // A timer that is soon due stays, so that neither a stream of changes nor the end of a scan puts it off.
    if (this.#sink === null || (this.#timer !== null && this.#soon)) return;
    this.#timer?.();
    this.#soon = delayMs <= DEBOUNCE_MS;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null;
      this.#scan = this.#rescan().then(() => this.#schedule(this.#restless.size > 0 ? DEBOUNCE_MS : RESCAN_MS));
    });
  }

  async #rescan(): Promise<void> {
    await this.#scan;
    const previous = this.#files;
    let names: string[];
    const directories: string[] = [];
    try {
      names = await manifestsBelow(this.#directory, directories);
      this.#sink?.problem(this.#directory, []);
    } catch (error) {
      // A directory that is being replaced is absent for a moment; what was read stays in effect.
      this.#sink?.problem(this.#directory, [fileProblem(this.#directory, messageOf(error))]);
      return;
    }
    // Before the files are read: what changes from now on is seen.
    if (this.#sink !== null) this.#watch.follow(directories);
    names = await withOverlooked(names, [...previous.keys()]);
    for (const file of this.#restless.keys()) if (!names.includes(file)) this.#restless.delete(file);
    for (const file of this.#readings.keys()) if (!names.includes(file)) this.#readings.delete(file);
    const files = new Map<string, Loaded>();
    for (const [index, name] of names.entries()) {
      const before = previous.get(name);
      if (!this.#synced) this.#readAhead(names.slice(index, index + FILES_AHEAD));
      const loaded = before?.stamp === lookAtOnce(name).stamp ? this.#settled(name, before) : await this.#load(name, before);
      if (loaded !== null) files.set(name, loaded);
      // What a whole cluster's files hold is not kept until the last of them is read.
      if (!this.#synced && loaded !== null) await this.#tellEarly(name, loaded, before);
      if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await setImmediate();
    }
    this.#files = files;
    this.#ahead.clear();
    await this.#tell(previous);
  }

  #readAhead(files: readonly string[]): void {
    for (const file of files) if (!this.#files.has(file) && !this.#ahead.has(file)) this.#ahead.set(file, this.#begin(file, undefined));
  }

  async #tellEarly(file: string, loaded: Loaded, before: Loaded | undefined): Promise<void> {
    if (loaded === before) return;
    const previous = new Map(before === undefined ? [] : [[file, before]]);
    this.#files.set(file, loaded);
    await this.#tellFiles([file], previous);
  }

  /** Without a look at all the other files. What else has happened is left to a whole look. */
  async #takeReplaced(): Promise<void> {
    await this.#scan;
    const previous = new Map<string, Loaded>();
    let isLeft = false;
    for (const [file, mayBeRename] of this.#replacements.take()) {
      const before = this.#files.get(file);
      const replaced = mayBeRename && before !== undefined ? await this.#loadReplaced(file, before) : null;
      if (before === undefined || replaced === null) {
        isLeft = true;
        continue;
      }
      previous.set(file, before);
      this.#files.set(file, replaced);
    }
    await this.#tellFiles([...previous.keys()], previous);
    this.#strings.clear();
    if (isLeft) this.#schedule(DEBOUNCE_MS);
  }

  /** Null: no rename, or it does not read well. */
  async #loadReplaced(file: string, before: Loaded): Promise<Loaded | null> {
    const look = await lookAt(file);
    if (before.inode === look.inode || look.size === 0) return null;
    const contents = await this.#contents(file, look, before);
    const unchanged = (await lookAt(file)).stamp === look.stamp;
    await setImmediate();
    if (contents === null || !unchanged || this.#replacements.has(file) || isBroken(contents)) return null;
    return this.#settled(file, { ...look, ...contents, inForce: contents.documents });
  }

  async #load(file: string, before: Loaded | undefined): Promise<Loaded | null> {
    // At the start nobody waits for this thread.
    const look = this.#synced ? await lookAt(file) : lookAtOnce(file);
    if (before?.stamp === look.stamp) return this.#settled(file, before);
    const earlier = this.#restless.get(file);
    const same = earlier?.stamp === look.stamp;
    const often = earlier !== undefined && earlier.looks >= MAX_LOOKS;
    // Writers empty a file first, and a busy machine may leave it at that for long.
    const rests = look.size > 0 ? same || often : same && (earlier.alike >= MAX_LOOKS || look.inode === 0);
    const replaced = before?.inode !== look.inode && look.moved;
    if (rests || replaced || !this.#synced) {
      const contents = await this.#contents(file, look, before);
      if (contents === null) return before ?? null;
      const unchanged = (await lookAt(file)).stamp === look.stamp;
      if (unchanged && (rests || !isBroken(contents))) {
        // What cannot be read as a whole leaves in effect what was read before.
        const inForce = isBroken(contents) && before !== undefined ? before.inForce : contents.documents;
        return this.#settled(file, { ...look, ...contents, inForce });
      }
    }
    this.#restless.set(file, { stamp: look.stamp, looks: (earlier?.looks ?? 0) + 1, alike: same ? earlier.alike + 1 : 1 });
    return before ?? null;
  }

  #settled(file: string, loaded: Loaded): Loaded {
    this.#restless.delete(file);
    return loaded;
  }

  /** Null: they are being read, and a look follows when they have been. */
  async #contents(file: string, look: Look, before: Loaded | undefined): Promise<Contents | null> {
    if (!this.#synced) return this.#readBeside(file, look, before, () => this.#sink !== null);
    if (look.size < LARGE_BYTES) return this.#read(file, look, before);
    const known = this.#readings.get(file);
    if (known?.stamp === look.stamp) {
      if (known.contents !== null) this.#readings.delete(file);
      return known.contents;
    }
    const reading: { readonly stamp: string; contents: Contents | null } = { stamp: look.stamp, contents: null };
    this.#readings.set(file, reading);
    void this.#readBeside(file, look, before, () => this.#readings.get(file) === reading).then((contents) => {
      if (this.#readings.get(file) !== reading) return;
      reading.contents = contents;
      this.#schedule(0);
    });
    return null;
  }

  async #readBeside(file: string, look: Look, before: Loaded | undefined, wanted: () => boolean): Promise<Contents> {
    const fault = faultOf(look);
    if (fault !== null) return refused(file, fault);
    const ahead = this.#ahead.get(file);
    const reading = ahead !== undefined && (await ahead.end).stamp === look.stamp ? ahead : this.#begin(file, before, wanted);
    const { stamp, error } = await reading.end;
    if (error !== null) return refused(file, error);
    // Whoever looks again sees that it has changed.
    return stamp === look.stamp ? { documents: reading.documents, problems: [] } : refused(file, 'it changed while it was read');
  }

  #begin(file: string, before: Loaded | undefined, wanted = () => true): Reading {
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
    return new SourceDocument(file, head, contentsFrom(objects ?? [], faults, this.#strings));
  }

  async #read(file: string, look: Look, before: Loaded | undefined): Promise<Contents> {
    const fault = faultOf(look);
    if (fault !== null) return refused(file, fault);
    try {
      const bytes = await readFile(file);
      if (!isUtf8(bytes)) return refused(file, 'not UTF-8');
      const documents: SourceDocument[] = [];
      let seen = 0;
      let read = 0;
      for (const one of documentsOf({ path: file, texts: this.#texts }, bytes.toString('utf8'), documentsByHash(before), this.#strings)) {
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

  async #tell(previous: ReadonlyMap<string, Loaded>): Promise<void> {
    const all = new Set([...previous.keys(), ...this.#files.keys()]);
    await this.#tellFiles(
      [...all].filter((file) => previous.get(file) !== this.#files.get(file)),
      previous,
    );
    this.#strings.clear();
  }

  async #tellFiles(changed: readonly string[], previous: ReadonlyMap<string, Loaded>): Promise<void> {
    const telling = this.#telling;
    if (telling === null || changed.length === 0) return;
    const documents = (files: ReadonlyMap<string, Loaded>): SourceDocument[] => changed.flatMap((file) => files.get(file)?.inForce ?? []);
    const { objects, files } = this.#inventory.replace(documents(previous), documents(this.#files));
    const problems = [...new Set([...changed, ...files])].map((file) => [file, this.#problemsOf(file)] as const);
    await (this.#synced ? telling.tell(objects, problems) : telling.whole(objects, problems));
  }

  #problemsOf(file: string): Problem[] {
    const loaded = this.#files.get(file);
    if (loaded === undefined) return [];
    return [...loaded.problems, ...loaded.documents.flatMap((document) => document.problems()), ...this.#inventory.problems(file)];
  }
}

/** A listing may miss a file that is renamed over meanwhile (readdir(3): whether such entries are returned is unspecified). */
async function withOverlooked(listed: readonly string[], known: readonly string[]): Promise<string[]> {
  const names = new Set(listed);
  for (const file of known) if (!names.has(file) && (await lookAt(file)).inode !== 0) names.add(file);
  return [...names].sort();
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
function documentsByHash(before: Loaded | undefined): Map<string, SourceDocument> {
  const documents = before === undefined ? [] : [...before.documents, ...before.inForce];
  return new Map(documents.map((document) => [document.hash, document]));
}

function fileProblem(file: string, message: string): Problem {
  return { severity: 'error', object: null, path: '', message, file, line: 1, column: 1 };
}

/**
 * In the order of their names. Dot names are skipped: a ConfigMap mount shows its files as links through `..data`.
 * @param directories gets every directory that was looked into.
 */
export async function manifestsBelow(directory: string, directories: string[] = []): Promise<string[]> {
  const found: string[] = [];
  directories.push(directory);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(await manifestsBelow(path, directories)));
    else if (/\.(ya?ml|json)$/.test(entry.name)) found.push(path);
  }
  return found.sort();
}
