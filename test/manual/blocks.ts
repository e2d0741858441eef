/**
 * The commands of the manual. A block of shell says how it is checked, after the language:
 *
 *     ```sh check=local           runs on this machine, in the checkout
 *     ```sh check=cluster         runs against a cluster whose nodes have the images ($IMAGE: the agent's)
 *     ```sh check=none-REASON     is not run
 *
 * The blocks of a page are run in their order, in one shell.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Check = 'local' | 'cluster' | 'none';

export interface Block {
  readonly file: string;
  readonly line: number;
  readonly check: Check;
  readonly text: string;
}

export interface Found {
  readonly blocks: readonly Block[];
  /** Blocks that do not say how they are checked, with their places. */
  readonly unmarked: readonly string[];
}

const SHELL = /^```(?:sh|bash|shell|console)\b(.*)$/;
const MARK = /^ check=(local|cluster|none(?=-[a-z0-9-]+$))/;

/** Those of README and of all pages below docs, without the decisions. */
export function manualPages(root = '.'): string[] {
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((page) => /^(?!adr\/).*\.md$/.test(page));
  return ['README.md', ...pages.map((page) => join('docs', page)).sort()];
}

export function blocksOf(file: string, text = readFileSync(file, 'utf8')): Found {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  const unmarked: string[] = [];
  lines.forEach((line, index) => {
    const info = SHELL.exec(line)?.[1];
    if (info === undefined) return;
    const mark = MARK.exec(info)?.[1] as Check | undefined;
    if (mark === undefined) unmarked.push(`${file}:${index + 1}: the block does not say how it is checked`);
    const end = lines.indexOf('```', index);
    if (mark !== undefined) blocks.push({ file, line: index + 1, check: mark, text: lines.slice(index + 1, end).join('\n') });
  });
  return { blocks, unmarked };
}

/** One script for each page that has such blocks; it stops at the first command that fails, and shows each block before it runs. */
export function scriptsOf(check: Check, pages: readonly string[] = manualPages()): ReadonlyMap<string, string> {
  const scripts = new Map<string, string>();
  for (const page of pages) {
    const blocks = blocksOf(page).blocks.filter((block) => block.check === check);
    if (blocks.length === 0) continue;
    const parts = blocks.map(({ file, line, text }) => `echo '== ${file}:${line}' >&2\n${text}\n`);
    scripts.set(page, `set -eu\n${parts.join('\n')}`);
  }
  return scripts;
}
