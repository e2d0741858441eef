/** Writes frames to a transport. Content of DATA goes as slices of the arena; what is small is put together there. */
import { copyBytes } from '../message/copy-bytes.ts';
import { send } from '../send.ts';
import type { ConnectionId, Transport } from '../transport.ts';
import { type ErrorCode, FRAME_HEADER, FrameFlag, FrameType } from './frame.ts';

export class FrameWriter {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Bytes as they are. */
  raw(id: ConnectionId, bytes: Uint8Array): void {
    send(this.#transport, id, bytes, 0, bytes.length);
  }

  data(id: ConnectionId, stream: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.#header(id, end - start, FrameType.Data, endStream ? FrameFlag.EndStream : 0, stream);
    if (end > start) send(this.#transport, id, bytes, start, end);
  }

  /** A header block, in as many frames as it needs. */
  block(id: ConnectionId, stream: number, block: Uint8Array, length: number, endStream: boolean, maxFrame: number): void {
    const { arena } = this.#transport;
    let from = 0;
    do {
      const to = Math.min(length, from + maxFrame);
      const flags = (from === 0 && endStream ? FrameFlag.EndStream : 0) | (to === length ? FrameFlag.EndHeaders : 0);
      const at = this.#begin(to - from, from === 0 ? FrameType.Headers : FrameType.Continuation, flags, stream);
      this.#transport.write(id, at, copyBytes(block, from, to, arena, at + FRAME_HEADER));
      from = to;
    } while (from < length);
  }

  settings(id: ConnectionId, entries: readonly (readonly [setting: number, value: number])[]): void {
    const at = this.#begin(6 * entries.length, FrameType.Settings, 0, 0);
    const { arena } = this.#transport;
    let p = at + FRAME_HEADER;
    for (const [setting, value] of entries) {
      arena[p++] = setting >>> 8;
      arena[p++] = setting;
      p = word(arena, p, value);
    }
    this.#transport.write(id, at, p);
  }

  settingsAck(id: ConnectionId): void {
    this.#header(id, 0, FrameType.Settings, FrameFlag.Ack, 0);
  }

  /** @param payload eight bytes from `start` on. */
  ping(id: ConnectionId, payload: Uint8Array, start: number, ack: boolean): void {
    const at = this.#begin(8, FrameType.Ping, ack ? FrameFlag.Ack : 0, 0);
    const { arena } = this.#transport;
    for (let i = 0; i < 8; i++) arena[at + FRAME_HEADER + i] = payload[start + i] as number;
    this.#transport.write(id, at, at + FRAME_HEADER + 8);
  }

  goAway(id: ConnectionId, lastStream: number, code: ErrorCode): void {
    const at = this.#begin(8, FrameType.GoAway, 0, 0);
    const { arena } = this.#transport;
    this.#transport.write(id, at, word(arena, word(arena, at + FRAME_HEADER, lastStream), code));
  }

  reset(id: ConnectionId, stream: number, code: ErrorCode): void {
    this.#word(id, FrameType.RstStream, stream, code);
  }

  window(id: ConnectionId, stream: number, increment: number): void {
    this.#word(id, FrameType.WindowUpdate, stream, increment);
  }

  #word(id: ConnectionId, type: number, stream: number, value: number): void {
    const at = this.#begin(4, type, 0, stream);
    this.#transport.write(id, at, word(this.#transport.arena, at + FRAME_HEADER, value));
  }

  #header(id: ConnectionId, length: number, type: number, flags: number, stream: number): void {
    const at = this.#begin(length, type, flags, stream, 0);
    this.#transport.write(id, at, at + FRAME_HEADER);
  }

  /** Reserves room for a frame and writes its header. @param room for its payload. @returns where it begins. */
  #begin(length: number, type: number, flags: number, stream: number, room = length): number {
    const at = this.#transport.reserve(FRAME_HEADER + room);
    const { arena } = this.#transport;
    arena[at] = length >>> 16;
    arena[at + 1] = length >>> 8;
    arena[at + 2] = length;
    arena[at + 3] = type;
    arena[at + 4] = flags;
    word(arena, at + 5, stream);
    return at;
  }
}

function word(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}
