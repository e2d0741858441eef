/** The far end of an HTTP/2 connection in a test's hands: frames are written and read one by one, by hand. */
import { HpackDecoder } from '../../../src/l7/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/l7/http2/hpack-encoder.ts';
import type { MemoryPeer } from '../../../src/l7/transport/memory-peer.ts';
import { decodeBlock, encodeBlock, type Field } from './field-list.ts';

/** What carries the bytes of a peer. */
export interface PeerLine {
  write(bytes: Uint8Array | string): void;
  /** What was received since the last call, as latin1. */
  takeText(): string;
}

export const TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
];
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export interface SeenFrame {
  readonly type: string;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The bytes of a frame. */
export function frame(type: string, flags: number, stream: number, payload: Uint8Array | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : Buffer.from(payload);
  const header = Buffer.alloc(9);
  header.writeUIntBE(bytes.length, 0, 3);
  header[3] = TYPES.includes(type) ? TYPES.indexOf(type) : Number(type);
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, bytes]);
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Parameters of a SETTINGS frame. */
export function parameters(...entries: readonly (readonly [setting: number, value: number])[]): Buffer {
  return Buffer.concat(
    entries.map(([setting, value]) => {
      const bytes = Buffer.alloc(6);
      bytes.writeUInt16BE(setting);
      bytes.writeUInt32BE(value, 2);
      return bytes;
    }),
  );
}

/** Whole frames at the beginning of `bytes`, and what is left. */
export function splitFrames(bytes: Buffer): { readonly frames: SeenFrame[]; readonly rest: Buffer } {
  const frames: SeenFrame[] = [];
  let at = 0;
  while (bytes.length - at >= 9) {
    const length = bytes.readUIntBE(at, 3);
    if (bytes.length - at < 9 + length) break;
    const type = TYPES[bytes[at + 3] as number] ?? String(bytes[at + 3]);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    frames.push({ type, flags: bytes[at + 4] as number, stream: bytes.readUInt32BE(at + 5), payload });
    at += 9 + length;
  }
  return { frames, rest: bytes.subarray(at) };
}

export class Http2Peer<Line extends PeerLine = MemoryPeer> {
  readonly peer: Line;
  readonly encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder(4096);
  #rest: Buffer = Buffer.alloc(0);
  /** Everything that has come, oldest first. */
  readonly seen: SeenFrame[] = [];
  readonly #fields = new Map<SeenFrame, readonly Field[]>();

  constructor(peer: Line) {
    this.peer = peer;
  }

  frame(type: string, flags: number, stream: number, payload: Uint8Array | string = ''): this {
    this.peer.write(frame(type, flags, stream, payload));
    return this;
  }

  /** What a client begins with. */
  greet(...settings: readonly (readonly [setting: number, value: number])[]): this {
    this.peer.write(PREFACE);
    return this.settings(...settings);
  }

  settings(...entries: readonly (readonly [setting: number, value: number])[]): this {
    return this.frame('SETTINGS', 0, 0, parameters(...entries));
  }

  /** @param fields pseudo-headers first. */
  headers(stream: number, fields: readonly Field[], end = false): this {
    return this.frame('HEADERS', 4 | (end ? 1 : 0), stream, this.block(fields));
  }

  request(stream: number, path: string, more: readonly Field[] = [], end = true): this {
    return this.headers(stream, [...get(path), ...more], end);
  }

  /** What the encoder would not write goes as a literal without indexing. */
  block(fields: readonly Field[]): Buffer {
    return blockOf(this.encoder, fields);
  }

  data(stream: number, content: Uint8Array | string, end = false): this {
    return this.frame('DATA', end ? 1 : 0, stream, content);
  }

  reset(stream: number, code = 8): this {
    return this.frame('RST_STREAM', 0, stream, word(code));
  }

  window(stream: number, increment: number): this {
    return this.frame('WINDOW_UPDATE', 0, stream, word(increment));
  }

  /** What has come since the last call. */
  take(): SeenFrame[] {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(this.peer.takeText(), 'latin1')]);
    if (this.#rest.toString('latin1', 0, PREFACE.length) === PREFACE) this.#rest = this.#rest.subarray(PREFACE.length);
    const { frames, rest } = splitFrames(this.#rest);
    this.#rest = rest;
    for (const one of frames) if (one.type === 'HEADERS') this.#decode(one);
    this.seen.push(...frames);
    return frames;
  }

  /** The fields of a HEADERS frame that has been taken. */
  fields(one: SeenFrame): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#fields.get(one) ?? []);
  }

  /** What has come on a stream: the fields of its heads, its content, and how it ended. */
  stream(id: number): StreamSeen {
    this.take();
    const own = this.seen.filter(({ stream }) => stream === id);
    const heads = own.filter(({ type }) => type === 'HEADERS').map((one) => this.fields(one));
    const content = Buffer.concat(own.filter(({ type }) => type === 'DATA').map(({ payload }) => payload)).toString('latin1');
    const reset = own.find(({ type }) => type === 'RST_STREAM');
    const ended = own.some(({ type, flags }) => (type === 'DATA' || type === 'HEADERS') && (flags & 1) !== 0);
    return { heads, content, ended, reset: reset === undefined ? null : reset.payload.readUInt32BE(0) };
  }

  /** Codes of the GOAWAY frames that have come. */
  get goAway(): { readonly last: number; readonly code: number }[] {
    this.take();
    return this.seen
      .filter(({ type }) => type === 'GOAWAY')
      .map(({ payload }) => ({ last: payload.readUInt32BE(0), code: payload.readUInt32BE(4) }));
  }

  #decode(one: SeenFrame): void {
    const got = decodeBlock(this.#decoder, one.payload);
    if (!Array.isArray(got)) throw new Error('a header block that cannot be decoded');
    this.#fields.set(one, got);
  }
}

export interface StreamSeen {
  readonly heads: readonly Readonly<Record<string, string>>[];
  readonly content: string;
  readonly ended: boolean;
  /** The code of RST_STREAM. */
  readonly reset: number | null;
}

export function get(path: string): Field[] {
  return request('GET', path);
}

export function request(method: string, path: string): Field[] {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'shop'],
  ];
}

export function blockOf(encoder: HpackEncoder, fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map((field) => (/^[a-z0-9-]+$/.test(field[0]) ? encodeBlock(encoder, [field]) : literalField(field))));
}

function literalField([name, value]: Field): Buffer {
  return Buffer.concat([Buffer.from([0]), literalString(name), literalString(value)]);
}

/** RFC 7541 §5.2, without Huffman code. */
function literalString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest: number[] = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) | 128);
  return Buffer.concat([Buffer.from([...rest, left]), bytes]);
}
