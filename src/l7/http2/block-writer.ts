/**
 * Heads and trailers as header blocks: the fields that came, with the changes of the exchange, without what concerns HTTP/1 connections
 * (RFC 9113 §8.2.2), names in lower case, and the pseudo-headers first. An upgrade of HTTP/1 is an extended CONNECT (RFC 8441).
 */
import { markHopByHop } from '../http1/hop-by-hop.ts';
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

const LF = 10;
const SP = 32;
const COLON = 58;
const CRLF = 2;

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
    if (changes.hasAuthority) this.#literal(encoder, AUTHORITY, changes.arena, changes.authorityStart, changes.authorityEnd);
    else if (head.authorityEnd > head.authorityStart) {
      this.#literal(encoder, AUTHORITY, head.bytes, head.authorityStart, head.authorityEnd);
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
    this.length = encoder.begin(this.bytes, 0);
    this.#lines(encoder, lines, 0, lines.length);
  }

  #begin(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    const added = roomOf(changes.arena, changes.linesStart, changes.cursor) + changes.linesStart - changes.targetStart;
    this.#reserve(head.end - head.start + added + FIELD_ROOM * (head.count + 8));
    this.length = encoder.begin(this.bytes, 0);
  }

  #reserve(size: number): void {
    if (size > this.bytes.length) this.bytes = new Uint8Array(2 * size);
  }

  #literal(encoder: HpackEncoder, name: number, bytes: Uint8Array, start: number, end: number): void {
    this.length = encoder.literal(this.bytes, this.length, name, bytes, start, end);
  }

  #method(encoder: HpackEncoder, head: Head): void {
    if (isMethod(head, 'GET')) this.length = encoder.indexed(this.bytes, this.length, METHOD);
    else if (isMethod(head, 'POST')) this.length = encoder.indexed(this.bytes, this.length, POST);
    else this.#literal(encoder, METHOD, head.bytes, head.methodStart, head.methodEnd);
  }

  #pseudoUpgrade(encoder: HpackEncoder, head: Head): void {
    const upgrade = head.find(H.upgrade);
    const start = head.valueStart[upgrade] as number;
    const end = head.valueEnd[upgrade] as number;
    this.#literal(encoder, METHOD, CONNECT, 0, CONNECT.length);
    this.length = encoder.named(this.bytes, this.length, PROTOCOL, head.bytes, start, end);
  }

  #path(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    if (changes.hasTarget) return this.#literal(encoder, PATH, changes.arena, changes.targetStart, changes.targetEnd);
    const { bytes, pathStart, pathEnd, queryStart, queryEnd } = head;
    const end = queryEnd > queryStart ? queryEnd : pathEnd;
    if (end - pathStart === 1 && bytes[pathStart] === SLASH[0]) this.length = encoder.indexed(this.bytes, this.length, PATH);
    else if (pathEnd > pathStart) this.#literal(encoder, PATH, bytes, pathStart, end);
    else if (queryEnd > queryStart) this.#pathOfQuery(encoder, head);
    else this.length = encoder.indexed(this.bytes, this.length, PATH);
  }

  /** An absolute target without a path: `http://host?query`. */
  #pathOfQuery(encoder: HpackEncoder, { bytes, queryStart, queryEnd }: Head): void {
    const path = Buffer.concat([SLASH, bytes.subarray(queryStart - 1, queryEnd)]);
    this.#literal(encoder, PATH, path, 0, path.length);
  }

  #status(encoder: HpackEncoder, status: number): void {
    const known = STATUSES.get(status);
    if (known !== undefined) this.length = encoder.indexed(this.bytes, this.length, known);
    else this.#literal(encoder, STATUS, Buffer.from(String(status), 'latin1'), 0, 3);
  }

  #dropConnectionFields(head: Head, changes: HeadChanges): void {
    const hops = markHopByHop(head, false);
    for (let i = 0; i < hops; i++) changes.removeLine(head.hopByHop[i] as number);
    changes.removeName(head, H['transfer-encoding']);
  }

  /** The fields that are kept, then those of the exchange. */
  #fields(encoder: HpackEncoder, head: Head, changes: HeadChanges): void {
    changes.sortRemoved();
    const { bytes, nameStart, nameEnd, valueStart, valueEnd, count } = head;
    let next = 0;
    let at = this.length;
    for (let i = 0; i < count; i++) {
      if (next < changes.removedCount && changes.removed[next] === i) {
        next++;
        continue;
      }
      at = encoder.field(this.bytes, at, bytes, nameStart[i]!, nameEnd[i]!, valueStart[i]!, valueEnd[i]!);
    }
    this.length = at;
    this.#lines(encoder, changes.arena, changes.linesStart, changes.cursor);
  }

  /** Complete lines, `name: value` CR LF. */
  #lines(encoder: HpackEncoder, bytes: Uint8Array, start: number, end: number): void {
    for (let line = start; line < end;) {
      const lineEnd = bytes.indexOf(LF, line) + 1;
      const colon = bytes.indexOf(COLON, line);
      let value = colon + 1;
      let valueEnd = lineEnd - CRLF;
      while (value < valueEnd && (bytes[value] as number) <= SP) value++;
      while (valueEnd > value && (bytes[valueEnd - 1] as number) <= SP) valueEnd--;
      this.length = encoder.field(this.bytes, this.length, bytes, line, colon, value, valueEnd);
      line = lineEnd;
    }
  }
}

/** Of lines: their text, and what encoding takes besides. */
function roomOf(bytes: Uint8Array, start: number, end: number): number {
  let lines = 0;
  for (let p = start; p < end; p++) if (bytes[p] === LF) lines++;
  return end - start + lines * FIELD_ROOM;
}
