/**
 * Lengths of the functions of src, console, bench, examples and scripts, in lines that are neither blank nor comments: at most 30 at the 90th
 * percentile, and none longer than 60. A function that stands inside another counts for itself too; arrows without a block are not
 * counted. Tests are left out: the callback of a test is a story, as long as it is.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import ts from 'typescript';

const P90 = 30;
const LONGEST = 60;

interface Measured {
  readonly at: string;
  readonly name: string;
  readonly lines: number;
}

const files = execFileSync(
  'git',
  ['ls-files', '-z', '--', 'src/*.ts', 'console/*.ts', 'console/*.tsx', 'bench/*.ts', 'examples/*.ts', 'scripts/*.ts', '.ci/*.ts'],
  {
    encoding: 'utf8',
  },
)
  .split('\0')
  .filter((file) => file !== '');
const measured = files.flatMap((file) => functionsOf(file)).sort((a, b) => a.lines - b.lines);
const tooLong = measured.filter(({ lines }) => lines > LONGEST);
for (const { at, name, lines } of tooLong) console.log(`${at} ${name}: ${lines} lines; ${LONGEST} is the limit`);
const atShare = (share: number): number => measured[Math.ceil(measured.length * share) - 1]?.lines ?? 0;
console.log(`${measured.length} functions: median ${atShare(0.5)}, p90 ${atShare(0.9)}, p99 ${atShare(0.99)}, longest ${atShare(1)}`);
if (atShare(0.9) > P90) console.log(`p90 is above ${P90}`);
process.exitCode = tooLong.length > 0 || atShare(0.9) > P90 || measured.length === 0 ? 1 : 0;

function functionsOf(file: string): Measured[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const code = linesOfCode(source);
  const found: Measured[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && ts.isBlock(node.body)) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.getEnd()).line;
      const lines = code.slice(first, last + 1).filter(Boolean).length;
      found.push({ at: `${file}:${first + 1}`, name: nameOf(node, source), lines });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** By line: whether a token stands there. */
function linesOfCode(source: ts.SourceFile): boolean[] {
  const code: boolean[] = [];
  const mark = (node: ts.Node): void => {
    if (node.getChildCount(source) > 0) return node.getChildren(source).forEach(mark);
    if (ts.isJSDoc(node) || node.getWidth(source) === 0) return;
    const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
    const last = source.getLineAndCharacterOfPosition(node.getEnd()).line;
    code.fill(true, first, last + 1);
    for (let line = first; line <= last; line++) code[line] = true;
  };
  mark(source);
  return Array.from(code, (line) => line);
}

function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  if (node.name !== undefined) return node.name.getText(source);
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText(source) : '(anonymous)';
}
