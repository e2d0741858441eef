/**
 * A directory of manifests, watched. Whatever woke us, the whole directory is compared with what the sink got last: a
 * rename, an edit in place and a replaced directory are then one case. A file that cannot be parsed keeps its last good objects.
 *
 * A file that is being written may parse and yet be cut off. Only a rename puts a whole file in place: it shows as another inode
 * that was changed after it was written to. Everything else must look the same twice.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Cancel, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Problem } from '../model/problem.ts';
import type { ObjectSink, ObjectSource } from '../model/sink.ts';
import { DirectoryWatch, type WatchEvent } from './directory-watch.ts';
import type { SourceDocument } from './document.ts';
import { type Contents, FileContents, fileProblem } from './file-contents.ts';
import { Inventory } from './inventory.ts';
import { type Look, lookAt, lookAtOnce } from './look.ts';
import { Replacements } from './replacements.ts';
import { Telling } from './telling.ts';

const DEBOUNCE_MS = 20;
/** A known file that a rename has replaced is whole: it waits only for others of the same moment. */
const REPLACED_MS = 2;
/** A watch is lost with its directory, and some file systems have none. */
const RESCAN_MS = 2000;
/** Files that are being read at the start while others are taken over. */
const FILES_AHEAD = 16;
/** Of files that have not changed, a few microseconds each. */
const LOOKS_A_TURN = 100;

/** After this many looks at a file that never rests, it is taken as it is; one that is empty, after so many that found it the same. */
const MAX_LOOKS = 10;

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
  readonly #contents: FileContents;
  /** Files that were seen in a state that may not last. */
  readonly #restless = new Map<string, Restless>();
  #synced = false;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
    this.#contents = new FileContents(clock, () => this.#schedule(0));
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
    await Promise.all([this.#telling?.stop(), this.#contents.close()]);
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
    this.#contents.keep(names);
    const files = new Map<string, Loaded>();
    for (const [index, name] of names.entries()) {
      const before = previous.get(name);
      if (!this.#synced) this.#contents.readAhead(names.slice(index, index + FILES_AHEAD).filter((file) => !this.#files.has(file)));
      const loaded = before?.stamp === lookAtOnce(name).stamp ? this.#settled(name, before) : await this.#load(name, before);
      if (loaded !== null) files.set(name, loaded);
      // What a whole cluster's files hold is not kept until the last of them is read.
      if (!this.#synced && loaded !== null) await this.#tellEarly(name, loaded, before);
      if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await setImmediate();
    }
    this.#files = files;
    await this.#tell(previous);
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
    this.#contents.rest();
    if (isLeft) this.#schedule(DEBOUNCE_MS);
  }

  /** Null: no rename, or it does not read well. */
  async #loadReplaced(file: string, before: Loaded): Promise<Loaded | null> {
    const look = await lookAt(file);
    if (before.inode === look.inode || look.size === 0) return null;
    const contents = await this.#contents.of(file, look, before, !this.#synced);
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
      const contents = await this.#contents.of(file, look, before, !this.#synced);
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

  async #tell(previous: ReadonlyMap<string, Loaded>): Promise<void> {
    const all = new Set([...previous.keys(), ...this.#files.keys()]);
    await this.#tellFiles(
      [...all].filter((file) => previous.get(file) !== this.#files.get(file)),
      previous,
    );
    this.#contents.rest();
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
