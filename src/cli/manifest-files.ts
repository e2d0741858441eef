/** Manifests that a command is given: read, put into a store, and what is said of them. */
import { readFile, stat } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { type FlagValues, parseFlags } from '../agent/flags.ts';
import type { Problem, Severity } from '../agent/model/problem.ts';
import { ObjectStore } from '../agent/model/store.ts';
import { type ParsedFile, parseManifest } from '../agent/sources/file-text.ts';
import { Inventory } from '../agent/sources/inventory.ts';
import { manifestsBelow } from '../agent/sources/manifests.ts';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import type { Invocation } from './command.ts';
import { MANIFEST_FLAGS } from './flag-tables.ts';

export interface GivenManifests {
  readonly flags: FlagValues<typeof MANIFEST_FLAGS>;
  readonly store: ObjectStore;
  /** In the order in which the files were given. */
  readonly sort: <P extends Problem>(problems: readonly P[]) => P[];
}

/** @throws CommandError for what cannot be read. */
export async function givenManifests({ args, environment }: Invocation, usage: string): Promise<GivenManifests> {
  const long = args.map((arg) => (arg === '-o' ? '--output' : arg));
  const parsed = parseFlags(MANIFEST_FLAGS, long, environment);
  if (!parsed.ok) throw new CommandError(ExitCode.Usage, `${parsed.errors.join('\n')}\n${usage}`);
  if (parsed.positionals.length === 0) throw new CommandError(ExitCode.Usage, `no files are given\n${usage}`);
  const files = await readFiles(parsed.positionals);
  const order = new Map([...files.keys()].map((file, index) => [file, index]));
  const rank = (file: string): number => order.get(file) ?? -1;
  return {
    flags: parsed.values,
    store: storeOf(files, rank),
    sort: (problems) => problems.toSorted((a, b) => rank(a.file) - rank(b.file) || a.line - b.line || a.column - b.column),
  };
}

function storeOf(files: ReadonlyMap<string, ParsedFile>, rank: (file: string) => number): ObjectStore {
  const store = new ObjectStore();
  const found = new Inventory((a, b) => rank(a) - rank(b));
  const documents = [...files.values()].flatMap((parsed) => parsed.documents);
  const { objects } = found.replace([], documents);
  const sink = store.contribute('files');
  for (const [file, { problems }] of files) sink.problem(file, [...problems, ...found.problems(file)]);
  for (const { now } of objects) if (now?.object) sink.upsert(now.object, now);
  return store;
}

/** @throws CommandError when a path cannot be read. */
async function readFiles(paths: readonly string[]): Promise<ReadonlyMap<string, ParsedFile>> {
  const files = new Map<string, ParsedFile>();
  for (const path of paths) {
    try {
      for (const file of await filesOf(path)) {
        if (files.has(file)) continue;
        files.set(file, parseManifest(file, file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8')));
      }
    } catch (error) {
      throw new CommandError(ExitCode.Usage, `${path}: ${messageOf(error)}`);
    }
  }
  return files;
}

async function filesOf(path: string): Promise<string[]> {
  return path !== '-' && (await stat(path)).isDirectory() ? manifestsBelow(path) : [path];
}

/** Prints them, one a line or as JSON. @returns the exit code. */
export function tell<P extends Problem>(
  { terminal }: Invocation,
  problems: readonly P[],
  output: string,
  textOf: (problem: P) => string,
): number {
  if (output === 'json') terminal.stdout.write(`${JSON.stringify(problems, null, 2)}\n`);
  else {
    for (const problem of problems) terminal.stdout.write(`${textOf(problem)}\n`);
    terminal.stderr.write(`${summary(problems)}\n`);
  }
  return problems.some(({ severity }) => severity === 'error') ? ExitCode.Fault : ExitCode.Ok;
}

function summary(problems: readonly Problem[]): string {
  const count = (wanted: Severity): number => problems.filter(({ severity }) => severity === wanted).length;
  return `${count('error')} errors, ${count('unsupported')} unsupported, ${count('warning')} warnings`;
}
