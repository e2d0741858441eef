/**
 * Builds the console into DIRECTORY (default: dist/console): one page, one script, one style sheet, an icon, and the licenses of what
 * the script has in it. `node console/build.ts [DIRECTORY]`
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';

interface PackageFile {
  readonly version: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Browsers of the last two years. */
const TARGETS = ['chrome120', 'firefox121', 'safari17.2'];

const target = process.argv[2] ?? join(ROOT, 'dist', 'console');
await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const { metafile } = await build({
  entryPoints: ['main.tsx', 'style/console.css'].map((file) => ({ in: join(SOURCES, file), out: 'console' })),
  outdir: target,
  absWorkingDir: ROOT,
  tsconfig: join(SOURCES, 'tsconfig.json'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: TARGETS,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
});
for (const file of ['index.html', 'icon.svg']) await copyFile(join(SOURCES, file), join(target, file));
await writeFile(join(target, 'licenses.txt'), await licenses(metafile));

async function licenses({ inputs }: Metafile): Promise<string> {
  const packages = new Set(Object.keys(inputs).flatMap((path) => packageOf(path) ?? []));
  const texts: string[] = [];
  // A package may come as one file that has its dependencies in it.
  for (const name of packages) {
    const { version, license, dependencies = {} } = JSON.parse(await textOf(name, 'package.json')) as PackageFile;
    for (const dependency of Object.keys(dependencies)) packages.add(dependency);
    texts.push(`${name} ${version} (${license})\n\n${await textOf(name, 'LICENSE')}`);
  }
  return texts.sort().join(`\n${'-'.repeat(80)}\n\n`);
}

function textOf(name: string, file: string): Promise<string> {
  return readFile(join(ROOT, 'node_modules', name, file), 'utf8');
}

function packageOf(path: string): string | null {
  const [, rest] = path.split(`node_modules${sep}`);
  if (rest === undefined) return null;
  const [first = '', second = ''] = rest.split(sep);
  return first.startsWith('@') ? `${first}/${second}` : first;
}
