/** `nodeway validate`: what the agent would say of these manifests, before it gets them. */
import { readFile, stat } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { messageOf } from '../base/errors.ts';
import { type Problem, problemText } from '../agent/model/problem.ts';
import { ObjectStore } from '../agent/model/store.ts';
import { parseManifest } from '../agent/sources/document.ts';
import { manifestsBelow } from '../agent/sources/manifests.ts';
import type { Terminal } from './terminal.ts';

const USAGE = 'usage: nodeway validate FILE|DIR… [--output text|json]\n';

export async function validate(args: string[], io: Terminal): Promise<number> {
  const asked = parseArguments(args);
  if (asked === null) {
    io.stderr.write(USAGE);
    return 2;
  }
  const store = new ObjectStore();
  for (const path of asked.paths) {
    try {
      for (const file of await filesOf(path)) {
        const parsed = parseManifest(file, file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8'));
        store.problem(file, parsed.problems);
        for (const { object, origin } of parsed.objects) store.upsert(object, origin);
      }
    } catch (error) {
      io.stderr.write(`${path}: ${messageOf(error)}\n`);
      return 2;
    }
  }
  const problems = store.problems();
  if (asked.json) io.stdout.write(`${JSON.stringify(problems, null, 2)}\n`);
  else for (const problem of problems) io.stdout.write(`${problemText(problem)}\n`);
  return problems.some(({ severity }: Problem) => severity === 'error') ? 1 : 0;
}

function parseArguments(args: readonly string[]): { paths: string[]; json: boolean } | null {
  const paths: string[] = [];
  let output = 'text';
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] as string;
    if (argument === '--output' || argument === '-o') output = args[++i] ?? '';
    else if (argument.startsWith('--output=')) output = argument.slice('--output='.length);
    else if (argument.startsWith('-') && argument !== '-') return null;
    else paths.push(argument);
  }
  return paths.length === 0 || (output !== 'text' && output !== 'json') ? null : { paths, json: output === 'json' };
}

async function filesOf(path: string): Promise<string[]> {
  return path !== '-' && (await stat(path)).isDirectory() ? manifestsBelow(path) : [path];
}
