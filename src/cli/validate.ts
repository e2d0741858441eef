/** `nodeway validate`: what the agent would say of these manifests, before it gets them. */
import { readFile, stat } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { AGENT_FLAGS } from '../agent/config.ts';
import { type FlagTable, type FlagValues, parseFlags } from '../agent/flags.ts';
import { compileOptions } from '../agent/compile-options.ts';
import { Compiler } from '../agent/model/compile/index.ts';
import { type Problem, problemText, type Severity } from '../agent/model/problem.ts';
import { ObjectStore } from '../agent/model/store.ts';
import { type ParsedFile, parseManifest } from '../agent/sources/file-text.ts';
import { Inventory } from '../agent/sources/inventory.ts';
import { manifestsBelow } from '../agent/sources/manifests.ts';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import { CLIENT_FLAGS } from './admin-client.ts';
import type { Run } from './command.ts';

const USAGE = 'usage: nodeway validate FILE|DIR|-… [-o text|json]';
/** What the compiler must know of the agent: the same flags, the same variables. */
const FLAGS = {
  output: CLIENT_FLAGS.output,
  'node-name': AGENT_FLAGS['node-name'],
  'cluster-domain': AGENT_FLAGS['cluster-domain'],
  'root-namespace': AGENT_FLAGS['root-namespace'],
  'agent-namespace': AGENT_FLAGS['agent-namespace'],
  'gateway-labels': AGENT_FLAGS['gateway-labels'],
  'istio-compat': AGENT_FLAGS['istio-compat'],
} satisfies FlagTable;
type Flags = FlagValues<typeof FLAGS>;

export const validate: Run = async ({ args, environment, terminal }) => {
  const long = args.map((arg) => (arg === '-o' ? '--output' : arg));
  const parsed = parseFlags(FLAGS, long, environment);
  if (!parsed.ok) throw new CommandError(ExitCode.Usage, `${parsed.errors.join('\n')}\n${USAGE}`);
  if (parsed.positionals.length === 0) throw new CommandError(ExitCode.Usage, `no files are given\n${USAGE}`);
  const problems = problemsOf(await readFiles(parsed.positionals), parsed.values);
  if (parsed.values.output === 'json') terminal.stdout.write(`${JSON.stringify(problems, null, 2)}\n`);
  else {
    for (const problem of problems) terminal.stdout.write(`${problemText(problem)}\n`);
    terminal.stderr.write(`${summary(problems)}\n`);
  }
  return problems.some(({ severity }) => severity === 'error') ? ExitCode.Fault : ExitCode.Ok;
};

function problemsOf(files: ReadonlyMap<string, ParsedFile>, flags: Flags): Problem[] {
  const store = new ObjectStore();
  const order = new Map([...files.keys()].map((file, index) => [file, index]));
  const rank = (file: string): number => order.get(file) ?? -1;
  const found = new Inventory((a, b) => rank(a) - rank(b));
  const documents = [...files.values()].flatMap((parsed) => parsed.documents);
  const { objects } = found.replace([], documents);
  const sink = store.contribute('files');
  for (const [file, { problems }] of files) sink.problem(file, [...problems, ...found.problems(file)]);
  for (const { now } of objects) if (now?.object) sink.upsert(now.object, now);
  return [...store.problems(), ...problemsAmong(store, flags)].sort(
    (a, b) => rank(a.file) - rank(b.file) || a.line - b.line || a.column - b.column,
  );
}

/** Without any Service this is a part of a configuration, in which everything would be missing. */
function problemsAmong(store: ObjectStore, flags: Flags): readonly Problem[] {
  if (store.list('Service').length === 0) return [];
  const compiler = new Compiler(compileOptions(flags), (ref) => store.origin(ref));
  compiler.apply(store.takeChanges());
  return compiler.problems();
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

function summary(problems: readonly Problem[]): string {
  const count = (wanted: Severity): number => problems.filter(({ severity }) => severity === wanted).length;
  return `${count('error')} errors, ${count('unsupported')} unsupported, ${count('warning')} warnings`;
}
