/**
 * Heads and trailers as header blocks: the fields that came, with the changes of the exchange, without what concerns HTTP/1 connections
 * (RFC 9113 §8.2.2), names in lower case, and the pseudo-headers first. An upgrade of HTTP/1 is an extended CONNECT (RFC 8441).
 */
import { markHopByHop } from '../http1/hop-by-hop.ts';
import { ONCE } from '../message/field-numbers.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { isMethod } from '../message/methods.ts';
import { FIELD_ROOM, type HpackEncoder } from './hpack-encoder.ts';
import { staticIndex } from './static-table.ts';

const METHOD = staticIndex(':method', 'GET');
const POST = staticIndex(':method', 'POST');
const PATH = staticIndex(':path', '/');
const AUTHORITY = staticIndex(':authority');
const SCHEME = staticIndex(':scheme', 'http');
const STATUS = staticIndex(':status', '200');
/** Statuses with an entry of their own. */
const STATUSES: ReadonlyMap<number, number> = new Map(
  [200, 204, 206, 304, 400, 404, 500].map((status) => [status, staticIndex(':status', String(status))]),
);
const SLASH: Uint8Array = Buffer.from('/', 'latin1');
const CONNECT: Uint8Array = Buffer.from('CONNECT', 'latin1');
const PROTOCOL: Uint8Array = Buffer.from(':protocol', 'latin1');

const HTAB = 9;
const LF = 10;
const SP = 32;
const COLON = 58;

/** Bytes of lines that are not looked at to know how many they are. */
const FEW = 512;
/** `a:` CR LF. */
const SHORTEST_LINE = 4;

export class BlockWriter {
  /** What has been written: `bytes[0, length)`. */
  bytes = new Uint8Array(4096);
  length = 0;

  request(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    this.#begin(encoder, head, changes);
    if (head.upgrade) this.#pseudoUpgrade(encoder, head);
    else this.#method(encoder, head);
    if (!isMethod(head, 'CONNECT')) {
      this.length = encoder.indexed(this.bytes, this.length, SCHEME);
      this.#path(encoder, head, changes);
    }
    if (changes.hasAuthority) this.#pseudo(encoder, AUTHORITY, changes.arena, changes.authorityStart, changes.authorityEnd, 0);
    else if (head.authorityEnd > head.authorityStart) {
      this.#pseudo(encoder, AUTHORITY, head.bytes, head.authorityStart, head.authorityEnd, head.authoritySource);
    }
    this.#dropConnectionFields(head, changes);
    changes.removeName(head, H.host);
    this.#fields(encoder, head, changes);
  }

  /** @param status that of the head, or what stands for it here. */
  response(encoder: HpackEncoder, head: Head, changes: HeadChanges, status: number): void {
    this.#begin(encoder, head, changes);
    this.#status(encoder, status);
    this.#dropConnectionFields(head, changes);
    this.#fields(encoder, head, changes);
  }

  /** A response of our own. @param lines complete field lines. */
  local(encoder: HpackEncoder, status: number, lines: Uint8Array): void {
    this.#reserve(roomOf(lines, 0, lines.length) + 2 * FIELD_ROOM);
    this.length = encoder.begin(this.bytes, 0);
    this.#status(encoder, status);
    this.#lines(encoder, lines, 0, lines.length);
  }

  trailers(encoder: HpackEncoder, lines: Uint8Array): void {
    this.#reserve(roomOf(lines, 0, lines.length) + FIELD_ROOM);
    const start = encoder.begin(this.bytes, 0);
    this.length = encoder.again(this.bytes, start, lines);
    if (this.length > start) return;
    this.#lines(encoder, lines, 0, lines.length);
    encoder.wrote(lines, this.bytes, start, this.length);
  }

  #begin(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    const added = roomOf(changes.arena, changes.linesStart, changes.cursor) + changes.linesStart - changes.targetStart;
    this.#reserve(head.end - head.start + added + FIELD_ROOM * (head.count + 8));
    this.length = encoder.begin(this.bytes, 0);
  }

  #reserve(size: number): void {
    if (size > this.bytes.length) this.bytes = new Uint8Array(2 * size);
  }

  #pseudo(encoder: HpackEncoder, name: number, bytes: Uint8Array, start: number, end: number, source: number): void {
    this.length = encoder.pseudo(this.bytes, this.length, name, bytes, start, end, source);
  }

  #method(encoder: HpackEncoder, head: Head): void {
    if (isMethod(head, 'GET')) this.length = encoder.indexed(this.bytes, this.length, METHOD);
    else if (isMethod(head, 'POST')) this.length = encoder.indexed(this.bytes, this.length, POST);
    else this.#pseudo(encoder, METHOD, head.bytes, head.methodStart, head.methodEnd, 0);
  }

  #pseudoUpgrade(encoder: HpackEncoder, head: Head): void {
    const upgrade = head.find(H.upgrade);
    const start = head.valueStart[upgrade] as number;
    const end = head.valueEnd[upgrade] as number;
    this.#pseudo(encoder, METHOD, CONNECT, 0, CONNECT.length, 0);
    this.length = encoder.named(this.bytes, this.length, PROTOCOL, head.bytes, start, end);
  }

  #path(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    const { bytes, pathStart, pathEnd, queryStart, queryEnd } = head;
    const query = queryEnd > queryStart;
    if (changes.hasTarget) this.#literalPath(encoder, changes.arena, changes.targetStart, changes.targetEnd);
    // What stands in a query differs from request to request, and may be a secret.
    else if (pathEnd > pathStart && query) this.#literalPath(encoder, bytes, pathStart, queryEnd);
    else if (pathEnd > pathStart) this.#pseudo(encoder, PATH, bytes, pathStart, pathEnd, head.pathSource);
    else if (query) this.#pathOfQuery(encoder, head);
    else this.length = encoder.indexed(this.bytes, this.length, PATH);
  }

  #literalPath(encoder: HpackEncoder, bytes: Uint8Array, start: number, end: number): void {
    this.length = encoder.literal(this.bytes, this.length, PATH, bytes, start, end);
  }

  /** An absolute target without a path: `http://host?query`. */
  #pathOfQuery(encoder: HpackEncoder, { bytes, queryStart, queryEnd }: Head): void {
    const path = Buffer.concat([SLASH, bytes.subarray(queryStart - 1, queryEnd)]);
    this.#literalPath(encoder, path, 0, path.length);
  }

  #status(encoder: HpackEncoder, status: number): void {
    const known = STATUSES.get(status);
    if (known !== undefined) this.length = encoder.indexed(this.bytes, this.length, known);
    else this.#pseudo(encoder, STATUS, Buffer.from(String(status), 'latin1'), 0, 3, 0);
  }

  #dropConnectionFields(head: Head, changes: HeadChanges): void {
    const hops = markHopByHop(head, false);
    for (let i = 0; i < hops; i++) changes.removeLine(head.hopByHop[i] as number);
    changes.removeName(head, H['transfer-encoding']);
  }

  /** The fields that are kept, then those of the exchange. */
  #fields(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    changes.sortRemoved();
    const { bytes, nameStart, nameEnd, valueStart, valueEnd, count, source, sourced } = head;
    let next = 0;
    let at = this.length;
    for (let i = 0; i < count; i++) {
      if (next < changes.removedCount && changes.removed[next] === i) {
        next++;
        continue;
      }
      const from = sourced ? source[i]! : 0;
      at = encoder.field(this.bytes, at, bytes, nameStart[i]!, nameEnd[i]!, valueStart[i]!, valueEnd[i]!, from);
    }
    this.length = at;
    this.#added(encoder, changes);
  }

  /** The lines of the exchange, some of which are known by number. */
  #added(encoder: HpackEncoder, changes: HeadChanges): void {
    const { arena, cursor, marks, markStart, markEnd, markSource } = changes;
    let line = changes.linesStart;
    for (let i = 0; i < marks; i++) {
      const start = markStart[i]!;
      if (start > line) this.#lines(encoder, arena, line, start);
      line = markEnd[i]!;
      this.#marked(encoder, arena, start, line, markSource[i]!);
    }
    if (cursor > line) this.#lines(encoder, arena, line, cursor);
  }

  #marked(encoder: HpackEncoder, bytes: Uint8Array, start: number, end: number, source: number): void {
    const at = this.length;
    this.length = encoder.known(this.bytes, at, source);
    if (this.length > at) return;
    let colon = start;
    while (bytes[colon] !== COLON) colon++;
    const value = colon + 2;
    if (source === ONCE) this.length = encoder.once(this.bytes, at, bytes, start, colon, value, end - 2);
    else this.length = encoder.field(this.bytes, at, bytes, start, colon, value, end - 2, source);
  }

  /** Complete lines, `name: value` CR LF. */
  #lines(encoder: HpackEncoder, bytes: Uint8Array, start: number, end: number): void {
    for (let line = start; line < end;) {
      let colon = line;
      while (bytes[colon] !== COLON) colon++;
      let value = colon + 1;
      while (bytes[value] === SP || bytes[value] === HTAB) value++;
      let lineEnd = value;
      while (bytes[lineEnd] !== LF) lineEnd++;
      let valueEnd = Math.max(value, lineEnd - 1);
      while (valueEnd > value && (bytes[valueEnd - 1] as number) <= SP) valueEnd--;
      this.length = encoder.field(this.bytes, this.length, bytes, line, colon, value, valueEnd);
      line = lineEnd + 1;
    }
  }
}

/** Of lines: their text, and what encoding takes besides. Few of them are not counted: none has less than a colon and its end. */
function roomOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length <= FEW) return length + Math.ceil(length / SHORTEST_LINE) * FIELD_ROOM;
  let lines = 0;
  for (let p = start; p < end; p++) if (bytes[p] === LF) lines++;
  return length + lines * FIELD_ROOM;
}
