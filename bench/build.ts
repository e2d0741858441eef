/** A checkout with what was built in it: the agent of another commit is another one of these. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Build {
  readonly name: string;
  readonly directory: string;
  /** The program as scripts/nodeway of that checkout starts it, but without its look at what has to be built first. */
  readonly command: readonly [program: string, ...words: string[]];
}

const OWN = fileURLToPath(new URL('..', import.meta.url));

export function ownBuild(): Build {
  return { ...buildAt(OWN), name: 'nodeway' };
}

/** `DIR` or `NAME=DIR`. @throws when nothing is built there. */
export function parseBuild(text: string): Build {
  const [, name, directory = ''] = /^(?:([\w.-]+)=)?(.+)$/.exec(text) ?? [];
  const build = buildAt(resolve(directory));
  return name === undefined ? build : { ...build, name };
}

function buildAt(directory: string): Build {
  const main = join(directory, 'dist/src/main.js');
  for (const needed of [main, join(directory, 'build/Release'), join(directory, 'node_modules/.bin/node')]) {
    if (!existsSync(needed)) throw new Error(`${directory}: no build there, ${needed} is missing (run scripts/setup in it)`);
  }
  return {
    name: basename(directory),
    directory,
    command: [...nodeEnvironment(directory), join(directory, 'node_modules/.bin/node'), ...nodeFlags(directory), main],
  };
}

/** What its start script sets where the user has not, as a command that comes before the program. */
export function nodeEnvironment(directory: string): [program: string, ...settings: string[]] {
  const exports = readFileSync(join(directory, 'scripts/nodeway'), 'utf8').matchAll(/^export (\w+)="\$\{\1:-(.+)\}"$/gm);
  return ['env', ...[...exports].map(([, name, value]) => `${name}=${value}`)];
}

/** What its start script gives to Node itself. @throws when the script starts Node in a way that is not known here: without its flags another program would be measured. */
export function nodeFlags(directory: string): string[] {
  const script = join(directory, 'scripts/nodeway');
  const start = /^exec "\$(?:node|root\/node_modules\/\.bin\/node)"(.*)"\$root\/dist\/src\/main\.js" "\$@"$/m.exec(
    readFileSync(script, 'utf8'),
  );
  if (start === null) throw new Error(`${script}: no line that starts Node.js as bench/build.ts expects it`);
  return (start[1] as string).split(' ').filter(Boolean);
}
