/**
 * A directory of manifests, watched. Whatever woke us, the whole directory is compared with what was last told to the sink: a
 * rename, an edit in place and a replaced directory are then one case. A file that cannot be parsed keeps its last good objects.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Problem } from '../model/problem.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { type ParsedFile, parseManifest, type SourceObject } from './document.ts';
import { inventory } from './inventory.ts';
import type { ObjectSink, ObjectSource } from './source.ts';

const DEBOUNCE_MS = 20;
/** Watches are lost with their directory, and some file systems have none. */
const RESCAN_MS = 2000;
const MAX_BYTES = 64 * 1024 * 1024;

interface Loaded {
  readonly stamp: string;
  readonly objects: readonly SourceObject[];
  readonly problems: readonly Problem[];
}

export class ManifestSource implements ObjectSource {
  readonly #directory: string;
  #sink: ObjectSink | null = null;
  readonly #watch = new DirectoryWatch(() => this.#schedule(DEBOUNCE_MS));
  #timer: NodeJS.Timeout | null = null;
  #soon = false;
  #scan: Promise<void> = Promise.resolve();
  #files = new Map<string, Loaded>();
  #told: ReadonlyMap<string, SourceObject> = new Map();
  /** What could not be parsed once: writers may be half-way, so only the same content seen twice is reported. */
  #suspect = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(sink: ObjectSink): Promise<void> {
    this.#sink = sink;
    await this.#rescan();
    if (this.#suspect.size > 0) {
      await new Promise((later) => setTimeout(later, DEBOUNCE_MS));
      await this.#rescan();
    }
    sink.synced();
    this.#schedule(DEBOUNCE_MS);
  }

  async stop(): Promise<void> {
    this.#sink = null;
    this.#watch.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#scan;
  }

  #schedule(delayMs: number): void {
    // A timer that is soon due stays, so that neither a stream of changes nor the end of a scan puts it off.
    if (this.#sink === null || (this.#timer !== null && this.#soon)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#soon = delayMs <= DEBOUNCE_MS;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#scan = this.#rescan().then(() => this.#schedule(this.#suspect.size > 0 ? DEBOUNCE_MS : RESCAN_MS));
    }, delayMs);
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
      // A directory that is being replaced is absent for a moment; what was read stays in force.
      this.#sink?.problem(this.#directory, [fileProblem(this.#directory, messageOf(error))]);
      return;
    }
    // Before the files are read: what changes from now on is seen.
    if (this.#sink !== null) this.#watch.follow(directories);
    const files = new Map<string, Loaded>();
    for (const name of names) {
      const loaded = await this.#load(name, previous.get(name));
      if (loaded !== null) files.set(name, loaded);
    }
    this.#files = files;
    this.#tell(previous);
  }

  async #load(file: string, before: Loaded | undefined): Promise<Loaded | null> {
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(file);
      const stamp = `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
      if (before?.stamp === stamp) return before;
      if (size > MAX_BYTES) return keep(before, stamp, [fileProblem(file, `larger than ${MAX_BYTES} bytes`)]);
      const parsed: ParsedFile = parseManifest(file, await readFile(file, 'utf8'));
      if (parsed.problems.length === 0) {
        this.#suspect.delete(file);
        return { stamp, ...parsed };
      }
      if (this.#suspect.get(file) !== stamp) {
        this.#suspect.set(file, stamp);
        return before ?? null;
      }
      this.#suspect.delete(file);
      return before === undefined ? { stamp, ...parsed } : keep(before, stamp, parsed.problems);
    } catch (error) {
      this.#suspect.delete(file);
      return keep(before, '', [fileProblem(file, messageOf(error))]);
    }
  }

  #tell(previous: ReadonlyMap<string, Loaded>): void {
    const sink = this.#sink;
    if (sink === null) return;
    const { objects: wanted, problems } = inventory(this.#files);
    for (const [file, found] of problems) sink.problem(file, found);
    for (const file of previous.keys()) if (!this.#files.has(file)) sink.problem(file, []);
    for (const [key, entry] of this.#told) if (!wanted.has(key)) sink.remove(entry.ref);
    for (const [key, entry] of wanted) if (this.#told.get(key) !== entry) sink.upsert(entry.object, entry.origin);
    this.#told = wanted;
  }
}

const keep = (before: Loaded | undefined, stamp: string, problems: readonly Problem[]): Loaded => ({
  stamp,
  objects: before?.objects ?? [],
  problems,
});

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
