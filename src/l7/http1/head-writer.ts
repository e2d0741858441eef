/**
 * Heads of messages as HTTP/1.1 puts them on the wire: the bytes that came, with the changes of the exchange, without the lines
 * that concern one connection only (RFC 9110 §7.6.1), and with the lines that this connection needs.
 */
import type { ArenaSlice, ArenaText } from '../message/arena-text.ts';
import type { HeadChanges } from '../message/head-changes.ts';
import { TargetForm, type Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { mayHaveContent } from '../message/methods.ts';
import { UNKNOWN_LENGTH } from '../message/stream.ts';
import { literal } from '../message/wire-text.ts';
import type { ConnectionId, Transport } from '../transport.ts';
import { markHopByHop } from './hop-by-hop.ts';
import { WEBSOCKET, websocketKey } from './websocket-handshake.ts';

/** How a response's connection goes on after it. */
export type Persistence = 'default' | 'close' | 'keep-alive';

export class HeadWriter {
  readonly #transport: Transport;
  readonly #space: ArenaSlice;
  readonly #slash: ArenaSlice;
  readonly #question: ArenaSlice;
  readonly #lineEnd: ArenaSlice;
  readonly #version: ArenaSlice;
  readonly #host: ArenaSlice;
  readonly #statusVersion: ArenaSlice;
  readonly #chunked: ArenaSlice;
  readonly #noContent: ArenaSlice;
  readonly #persistence: Readonly<Record<Persistence, ArenaSlice | null>>;

  constructor(transport: Transport, text: ArenaText) {
    this.#transport = transport;
    this.#space = text.put(literal(' '));
    this.#slash = text.put(literal('/'));
    this.#question = text.put(literal('?'));
    this.#lineEnd = text.put(literal('\r\n'));
    this.#version = text.put(literal(' HTTP/1.1\r\n'));
    this.#host = text.put(literal('host: '));
    this.#statusVersion = text.put(literal('HTTP/1.1'));
    this.#chunked = text.put(literal('transfer-encoding: chunked\r\n'));
    this.#noContent = text.put(literal('content-length: 0\r\n'));
    this.#persistence = {
      default: null,
      close: text.put(literal('connection: close\r\n')),
      'keep-alive': text.put(literal('connection: keep-alive\r\n')),
    };
  }

  request(id: ConnectionId, head: Head, changes: HeadChanges, length: number): void {
    const ownTarget = changes.hasTarget || (head.form === TargetForm.Absolute && !changes.asSent);
    const ownHost = changes.hasAuthority || (head.form === TargetForm.Absolute && !changes.asSent) || head.hostBeaten || !head.has(H.host);
    this.#dropHopByHop(head, changes, head.upgrade);
    if (ownHost) changes.removeName(head, H.host);
    let from = head.start;
    if (ownTarget || head.minor !== 1) {
      this.#requestLine(id, head, changes);
      from = head.fields;
    }
    this.#keptLines(id, head, changes, from);
    if (ownHost) this.#hostLine(id, head, changes);
    if (length === UNKNOWN_LENGTH && !head.chunked) changes.copy(this.#chunked.start, this.#chunked.end);
    if (length === 0 && mayHaveContent(head) && !head.has(H['content-length'])) changes.copy(this.#noContent.start, this.#noContent.end);
    if (head.upgrade && !head.has(H['sec-websocket-key'])) addWebsocketKey(head, changes);
    this.#addedLines(id, changes);
  }

  /** @param length of the body that follows, or UNKNOWN_LENGTH: it is sent in chunks unless the connection ends it. */
  response(id: ConnectionId, head: Head, changes: HeadChanges, length: number, persistence: Persistence, inChunks: boolean): void {
    this.#dropHopByHop(head, changes, head.status === 101);
    const unknown = length === UNKNOWN_LENGTH;
    if (unknown && !inChunks) {
      changes.removeName(head, H['transfer-encoding']);
      changes.removeName(head, H.trailer);
    }
    let from = head.start;
    if (head.minor !== 1) {
      this.#put(id, this.#statusVersion);
      this.#transport.write(id, head.start + STATUS_VERSION_LENGTH, head.fields);
      from = head.fields;
    }
    this.#keptLines(id, head, changes, from);
    if (unknown && inChunks && !head.chunked) changes.copy(this.#chunked.start, this.#chunked.end);
    const line = this.#persistence[persistence];
    if (line !== null) changes.copy(line.start, line.end);
    this.#addedLines(id, changes);
  }

  #dropHopByHop(head: Head, changes: HeadChanges, keepUpgrade: boolean): void {
    const hops = markHopByHop(head, keepUpgrade);
    for (let i = 0; i < hops; i++) changes.removeLine(head.hopByHop[i] as number);
  }

  #requestLine(id: ConnectionId, head: Head, changes: HeadChanges): void {
    this.#transport.write(id, head.methodStart, head.methodEnd);
    this.#put(id, this.#space);
    if (changes.hasTarget) this.#transport.write(id, changes.targetStart, changes.targetEnd);
    else if (head.form === TargetForm.Absolute && !changes.asSent) this.#pathAndQuery(id, head);
    else this.#transport.write(id, head.targetStart, head.targetEnd);
    this.#put(id, this.#version);
  }

  #pathAndQuery(id: ConnectionId, head: Head): void {
    if (head.pathEnd > head.pathStart) this.#transport.write(id, head.pathStart, head.pathEnd);
    else this.#put(id, this.#slash);
    if (head.queryEnd === head.queryStart) return;
    this.#put(id, this.#question);
    this.#transport.write(id, head.queryStart, head.queryEnd);
  }

  /** The rewritten one, or that of an absolute target, which beats the Host line (RFC 9112 §3.2.2). */
  #hostLine(id: ConnectionId, head: Head, changes: HeadChanges): void {
    this.#put(id, this.#host);
    if (changes.hasAuthority) this.#transport.write(id, changes.authorityStart, changes.authorityEnd);
    else if (head.authorityEnd > head.authorityStart) this.#transport.write(id, head.authorityStart, head.authorityEnd);
    this.#put(id, this.#lineEnd);
  }

  #keptLines(id: ConnectionId, head: Head, changes: HeadChanges, from: number): void {
    if (changes.removedCount > 0) {
      changes.sortRemoved();
      for (let i = 0; i < changes.removedCount; i++) {
        const index = changes.removed[i] as number;
        const start = head.nameStart[index] as number;
        if (start > from) this.#transport.write(id, from, start);
        from = head.lineEnd[index] as number;
      }
    }
    const stop = head.end - LINE_END_LENGTH;
    if (stop > from) this.#transport.write(id, from, stop);
  }

  /** What the exchange adds, and the blank line behind it. */
  #addedLines(id: ConnectionId, changes: HeadChanges): void {
    changes.endLine();
    this.#transport.write(id, changes.linesStart, changes.cursor);
  }

  #put(id: ConnectionId, { start, end }: ArenaSlice): void {
    this.#transport.write(id, start, end);
  }
}

/** A client of HTTP/2 has sent none. */
function addWebsocketKey(head: Head, changes: HeadChanges): void {
  if (head.value(head.find(H.upgrade)).toLowerCase() !== WEBSOCKET) return;
  changes.bytes(Buffer.from(`sec-websocket-key: ${websocketKey()}\r\n`, 'latin1'));
}

/** `HTTP/1.x` */
const STATUS_VERSION_LENGTH = 8;
const LINE_END_LENGTH = 2;
