/** A body as HTTP/1.1 puts it on the wire (RFC 9112 §6): by its length, in chunks, or up to the end of the connection. */
import type { ArenaSlice, ArenaText } from '../message/arena-text.ts';
import type { Trailers } from '../message/stream.ts';
import { literal } from '../message/wire-text.ts';
import { send } from '../send.ts';
import type { ConnectionId, Transport } from '../transport.ts';
import { CHUNK_HEADER_MAX, lastChunkLength, writeChunkHeader, writeLastChunk } from './chunk-writer.ts';

export class BodyWriter {
  readonly #transport: Transport;
  readonly #lineEnd: ArenaSlice;

  constructor(transport: Transport, text: ArenaText) {
    this.#transport = transport;
    this.#lineEnd = text.put(literal('\r\n'));
  }

  /** Content as it is. */
  data(id: ConnectionId, bytes: Uint8Array, start: number, end: number): void {
    send(this.#transport, id, bytes, start, end);
  }

  chunk(id: ConnectionId, bytes: Uint8Array, start: number, end: number): void {
    if (end <= start) return;
    const transport = this.#transport;
    const at = transport.reserve(CHUNK_HEADER_MAX);
    transport.write(id, at, writeChunkHeader(transport.arena, at, end - start));
    send(transport, id, bytes, start, end);
    transport.write(id, this.#lineEnd.start, this.#lineEnd.end);
  }

  lastChunk(id: ConnectionId, trailers: Trailers): void {
    const transport = this.#transport;
    const at = transport.reserve(lastChunkLength(trailers));
    transport.write(id, at, writeLastChunk(transport.arena, at, trailers));
  }
}
