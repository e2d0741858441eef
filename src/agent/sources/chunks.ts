/**
 * A file's text cut into the smallest parts that can be read by themselves: documents, the JSON values of a stream, and the items of
 * a list, as `kubectl get -o yaml` and `-o json` print them. So a change of one object is read and told as one, and a large file is
 * read in small steps. A list that is written in another form stays whole.
 */
import { isUtf8 } from 'node:buffer';
import { isFields } from './fields.ts';
import { readQuickly, unread } from './quick-yaml.ts';
import { readWhole } from './yaml-text.ts';

/** What items of a typed list (`PodList`) need not say themselves. */
export interface Inherited {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface Chunk {
  readonly text: string;
  /** In characters of the file's text. */
  readonly start: number;
  /** Lines of the file before it. */
  readonly line: number;
  /** An item of a block sequence, which stays one by itself. */
  readonly isItem: boolean;
  readonly inherited: Inherited | null;
}

type Piece = Omit<Chunk, 'line'>;

/** @throws Error for what is not UTF-8. */
export function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Error('not UTF-8');
  return bytes.toString('utf8');
}

/** Without the byte order mark, which is no part of the text (YAML 1.2 §5.2). */
export const withoutMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text);

export function* chunksOf(text: string): Generator<Chunk> {
  let line = 0;
  let counted = 0;
  for (const piece of piecesOf(text)) {
    for (let at = text.indexOf('\n', counted); at >= 0 && at < piece.start; at = text.indexOf('\n', at + 1)) {
      line++;
      counted = at + 1;
    }
    yield { ...piece, line };
  }
}

function* piecesOf(text: string): Generator<Piece> {
  let start = 0;
  for (const end of boundaries(text)) {
    const part = text.slice(start, end);
    // Directives belong to the document that they stand before.
    if (/^%/m.test(part) && !/^---/m.test(part) && end < text.length) continue;
    if (part.trim() !== '') yield* piecesOfDocument(part, start);
    start = end;
  }
}

/** Where the next document begins; within one no line looks so (YAML 1.2 §9.1.2). */
function* boundaries(text: string): Generator<number> {
  for (let at = text.indexOf('\n---'); at >= 0; at = text.indexOf('\n---', at + 1)) {
    if (/^[ \t\r\n]?$/.test(text.charAt(at + 4))) yield at + 1;
  }
  yield text.length;
}

/** Whether there are so many characters between two boundaries. Much quicker than to cut the text. */
export function hasLongPart(text: string, characters: number): boolean {
  let start = 0;
  for (const end of boundaries(text)) {
    if (end - start > characters) return true;
    start = end;
  }
  return false;
}

function* piecesOfDocument(text: string, start: number): Generator<Piece> {
  const first = /[^\s]/.exec(text);
  if (first?.[0] === '{') {
    const values = jsonValues(text, first.index);
    if (values !== null) {
      for (const [from, to] of values) yield* piecesOfJson(text.slice(from, to), start + from);
      return;
    }
  }
  yield* blockItems(text, start) ?? [{ text, start, isItem: false, inherited: null }];
}

type Range = readonly [from: number, to: number];

/** Kubectl reads a file that begins with a brace as JSON values one after the other. Null: it is none. */
function jsonValues(text: string, from: number): Range[] | null {
  const values: Range[] = [];
  let at = from;
  while (text[at] === '{') {
    const end = endOfJson(text, at);
    if (end < 0) return null;
    values.push([at, end]);
    at = end + (/^\s*/.exec(text.slice(end, end + 64))?.[0].length ?? 0);
    while (/\s/.test(text.charAt(at))) at++;
  }
  return at === text.length ? values : null;
}

const JSON_PART = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;

/** Behind the object or array that begins there; -1 when it has no end. */
function endOfJson(text: string, from: number): number {
  let depth = 0;
  JSON_PART.lastIndex = from;
  for (let part = JSON_PART.exec(text); part !== null; part = JSON_PART.exec(text)) {
    if (part[0] === '{' || part[0] === '[') depth++;
    else if ((part[0] === '}' || part[0] === ']') && --depth === 0) return JSON_PART.lastIndex;
  }
  return -1;
}

function* piecesOfJson(text: string, start: number): Generator<Piece> {
  const items = /"kind"\s*:\s*"\w*List"/.test(text) ? jsonItems(text) : null;
  const inherited = items === null ? null : listHead(text.slice(0, items.from) + text.slice(items.to));
  if (items === null || inherited === null) yield { text, start, isItem: false, inherited: null };
  else for (const [from, to] of items.ranges) yield { text: text.slice(from, to), start: start + from, isItem: false, inherited };
}

/** The objects of the array `items` of a JSON object. Null: there is none, or it has something else. */
function jsonItems(text: string): { from: number; to: number; ranges: Range[] } | null {
  const found = /"items"\s*:\s*\[/g;
  for (let match = found.exec(text); match !== null; match = found.exec(text)) {
    if (depthAt(text, match.index) !== 1) continue;
    const ranges: Range[] = [];
    const from = found.lastIndex;
    let at = from;
    for (;;) {
      while (/[\s,]/.test(text.charAt(at))) at++;
      if (text[at] === ']') return { from, to: at, ranges };
      const end = text[at] === '{' ? endOfJson(text, at) : -1;
      if (end < 0) return null;
      ranges.push([at, end]);
      at = end;
    }
  }
  return null;
}

function depthAt(text: string, index: number): number {
  let depth = 0;
  JSON_PART.lastIndex = 0;
  for (let part = JSON_PART.exec(text); part !== null && part.index < index; part = JSON_PART.exec(text)) {
    if (part[0] === '{' || part[0] === '[') depth++;
    else if (part[0] === '}' || part[0] === ']') depth--;
  }
  return depth;
}

/** The items of a list in block style. Null: it is no list, or one that cannot be cut. */
function blockItems(text: string, start: number): Piece[] | null {
  if (!/^kind:[ ]*["']?\w*List["']?[ ]*\r?$/m.test(text)) return null;
  const field = /^items:[ ]*\r?\n(?:[ ]*(?:#[^\n]*)?\n)*([ ]*)-(?=[ \r\n])/m.exec(text);
  // An alias may lead to another item.
  if (field === null || /(?:^|[\s,[{])[&*][^\s]/m.test(text)) return null;
  const indent = field[1] as string;
  const first = field.index + field[0].length - indent.length - 1;
  const after = text.slice(first);
  const end = new RegExp(indent === '' ? '^[^\\s#-]' : `^ {0,${indent.length - 1}}[^\\s#]`, 'm').exec(after)?.index ?? after.length;
  const inherited = listHead(text.slice(0, field.index) + after.slice(end));
  if (inherited === null) return null;
  const dash = new RegExp(`^${indent}-(?=[ \\r\\n])`, 'gm');
  const starts = [...after.slice(0, end).matchAll(dash)].map(({ index }) => index);
  return starts.map((from, index) => {
    const to = starts[index + 1] ?? end;
    return { text: after.slice(from, to), start: start + first + from, isItem: true, inherited };
  });
}

/** What a list without its items says. */
function listHead(text: string): Inherited | null {
  const quick = readQuickly(text);
  const read = quick === unread ? readWhole(text) : { ok: true as const, values: [quick] };
  const head = read.ok ? read.values[0] : null;
  return isFields(head) ? inheritedOf(head) : null;
}

/** Items of the kind `List` say themselves what they are. */
export function inheritedOf(list: Readonly<Record<string, unknown>>): Inherited | null {
  const { apiVersion, kind } = list;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !kind.endsWith('List')) return null;
  return kind === 'List' ? { apiVersion: '', kind: '' } : { apiVersion, kind: kind.slice(0, -'List'.length) };
}
