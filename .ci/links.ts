/**
 * Every relative link of a Markdown file leads to a file of the tree, every anchor to a heading, and every source file that is named in
 * `code` exists, by its path or the end of it. Comments of sources name files by their path. Prints those that do not exist.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const tree = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\0')
  .filter((file) => file !== '' && existsSync(file));
const files = tree.filter((file) => file.endsWith('.md'));
let links = 0;
const dead = files.flatMap((file) => {
  const text = withoutCode(readFileSync(file, 'utf8'));
  const unknown = sourcesOf(text).filter((name) => !tree.some((path) => path === name || path.endsWith(`/${name}`)));
  const faults = linksOf(text).flatMap((link) => {
    links++;
    const fault = faultOf(file, link);
    return fault === null ? [] : [`${link}: ${fault}`];
  });
  return [...faults, ...unknown.map((name) => `${name}: there is no such file`)].map((fault) => `${file}: ${fault}`);
});
for (const file of tree.filter((path) => /^(src|console|test|bench|examples|native|bpf)\/.*\.(tsx?|h|cc|c)$/.test(path))) {
  for (const name of pathsOf(readFileSync(file, 'utf8'))) if (!tree.includes(name)) dead.push(`${file}: ${name}: there is no such file`);
}
for (const line of dead) console.log(line);
console.log(`${links} links in ${files.length} files, ${dead.length} dead`);
process.exitCode = dead.length === 0 ? 0 : 1;

/** Inline links and reference definitions, without those that name another host. */
function linksOf(text: string): string[] {
  const inline = text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g);
  const references = text.matchAll(/^\[[^\]]+\]:\s+(\S+)/gm);
  return [...inline, ...references].map((match) => match[1]).filter((link) => !/^[a-z]+:/i.test(link));
}

/** Source files that a text names in code, such as `src/l7/stack.ts` or `stack.ts`. */
function sourcesOf(text: string): string[] {
  return [...text.matchAll(/`([\w./-]+\.(?:ts|cc|h|c|cjs))`/g)].flatMap((match) => match.slice(1));
}

/** Paths from the root of the tree, as comments name invariants' tests and decisions. */
function pathsOf(text: string): string[] {
  return text.match(/(?<![\w./])(?:src|test|docs)\/[\w./-]+\.(?:ts|md|h|cc|c)\b/g) ?? [];
}

function faultOf(file: string, link: string): string | null {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
  if (target.startsWith('..')) return 'leaves the tree';
  if (!existsSync(target)) return 'there is no such file';
  if (anchor === undefined || statSync(target).isDirectory()) return null;
  return anchorsOf(readFileSync(target, 'utf8')).has(anchor) ? null : 'there is no such heading';
}

/** As GitHub makes them: lower case, punctuation dropped, blanks to hyphens, a number after one that is taken. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const match of withoutCode(text).matchAll(/^#{1,6}\s+(.+?)\s*$/gm)) {
    const words = match[1].replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Fenced blocks may show links that are none. Code in a heading stays: its words are part of the anchor. */
function withoutCode(text: string): string {
  return text.replaceAll(/^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1\s*$/gm, '');
}
