/** Reads the Markdown fixtures: a heading, the bytes, what is expected of them. */
import { readFileSync } from 'node:fs';

export interface Fixture {
  readonly title: string;
  readonly bytes: Buffer;
  /** Lines `key value`; an error is the line `error NAME`. */
  readonly expect: ReadonlyMap<string, string>;
}

const SECTION = /^## (.+)\n[^]*?^```http\n([^]*?)^```\n\s*^```expect\n([^]*?)^```$/gm;

export function readFixtures(name: string): Fixture[] {
  const text = readFileSync(new URL(`../../fixtures/http1/${name}.md`, import.meta.url), 'utf8');
  const found = [...text.matchAll(SECTION)].map(([, title = '', bytes = '', expect = '']) => ({
    title,
    bytes: bytesOf(bytes),
    expect: new Map(expect.trimEnd().split('\n').map(entry)),
  }));
  const headings = text.match(/^## /gm)?.length ?? 0;
  if (found.length !== headings || headings === 0) throw new Error(`${name}.md: ${headings} headings, ${found.length} fixtures`);
  return found;
}

function bytesOf(block: string): Buffer {
  const lines = block.replaceAll('\n', '\r\n').replace(/\\\r\n$/, '');
  return Buffer.from(unescape(lines), 'latin1');
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' };

function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|([rnt0\\]))/g, (_, hex?: string, c = '') =>
    hex === undefined ? (ESCAPES[c] as string) : String.fromCharCode(parseInt(hex, 16)),
  );
}

function entry(line: string): [string, string] {
  const space = line.indexOf(' ');
  return space < 0 ? [line, ''] : [line.slice(0, space), unescape(line.slice(space + 1))];
}
