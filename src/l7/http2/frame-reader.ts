/**
 * Cuts what a peer sends into frames (RFC 9113 §4) and refuses those that are malformed by themselves. Content of DATA is handed on
 * as it comes; every other frame, and a header block with its continuations, as a whole.
 *
 *     header ──9 bytes──▶ payload, whole ──▶ header          DATA: (pad length ─▶) content ─▶ padding ─▶ header
 *                         ignored: skipped ─▶ header
 *
 * Invariants (test/l7/http2/frame-reader.test.ts): what the sink hears does not depend on how the bytes were cut, except into how many
 * pieces the content of DATA falls; memory is bounded by one frame and one header block; after a fault the sink hears nothing more.
 */
import { ErrorCode, FRAME_HEADER, FrameFlag, FrameType } from './frame.ts';

export interface FrameSink {
  /** A frame of any kind begins. @returns an error of the connection, or 0. */
  onFrame(type: number, flags: number, stream: number, length: number): ErrorCode;
  /** Content of the DATA frame under way. */
  onDataPiece(bytes: Uint8Array, start: number, end: number): void;
  /** The DATA frame under way has ended. */
  onDataEnd(stream: number, endStream: boolean): void;
  /** A whole header block. */
  onBlock(stream: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void;
  onReset(stream: number, code: ErrorCode): void;
  /** Parameters, six bytes each. */
  onSettings(bytes: Uint8Array, start: number, end: number): void;
  onSettingsAck(): void;
  onPing(bytes: Uint8Array, start: number, ack: boolean): void;
  onGoAway(lastStream: number, code: ErrorCode): void;
  onWindow(stream: number, increment: number): void;
}

const Phase = { Header: 0, Payload: 1, PadLength: 2, Data: 3, Skip: 4, Stopped: 5 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** The compressed form of a head that is within the limits is never larger; what it means is bounded elsewhere. */
const MAX_BLOCK = 64 * 1024;
/** Frames of one block: an honest peer fills them. */
const MAX_CONTINUATIONS = 8;

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrame: number;
  #phase: Phase = Phase.Header;
  /** Of the frame under way. */
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** Bytes of its payload that are still to come. */
  #left = 0;
  /** Of these, padding at the end. */
  #padding = 0;
  /** An incomplete frame header or payload. */
  readonly #header = new Uint8Array(FRAME_HEADER);
  #partial: Uint8Array | null = null;
  #have = 0;
  /** The stream whose header block goes on; 0: none. */
  #blockStream = 0;
  #blockEnds = false;
  #block: Uint8Array | null = null;
  #continuations = 0;

  constructor(sink: FrameSink, maxFrame: number) {
    this.#sink = sink;
    this.#maxFrame = maxFrame;
  }

  /** Nothing more is wanted. */
  stop(): void {
    this.#phase = Phase.Stopped;
    this.#partial = this.#block = null;
  }

  /** Whether a frame or a header block is incomplete. */
  get amid(): boolean {
    return this.#phase === Phase.Stopped ? false : this.#phase !== Phase.Header || this.#have > 0 || this.#blockStream !== 0;
  }

  /** @returns an error of the connection, or 0. */
  receive(bytes: Uint8Array, at: number, end: number): ErrorCode {
    // A frame without payload has to be ended when its header has come, with or without a byte behind it.
    while (at < end || (this.#left === 0 && this.#phase !== Phase.Header)) {
      const next = this.#step(bytes, at, end);
      if (this.#phase === Phase.Stopped) return ErrorCode.NoError;
      if (next < 0) {
        this.stop();
        return -next;
      }
      at = next;
    }
    return ErrorCode.NoError;
  }

  /** @returns where to go on, or a negative error of the connection. */
  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#phase) {
      case Phase.Header:
        return this.#readHeader(bytes, at, end);
      case Phase.Payload:
        return this.#readPayload(bytes, at, end);
      case Phase.PadLength:
        this.#padding = bytes[at] as number;
        if (this.#padding >= this.#left) return -ErrorCode.Protocol;
        this.#left--;
        this.#phase = Phase.Data;
        return at + 1;
      case Phase.Data:
        return this.#readData(bytes, at, end);
      case Phase.Stopped:
        return end;
      default:
        return this.#skip(at, end);
    }
  }

  #readHeader(bytes: Uint8Array, at: number, end: number): number {
    if (this.#have === 0 && end - at >= FRAME_HEADER) return this.#begin(bytes, at) || at + FRAME_HEADER;
    const take = Math.min(FRAME_HEADER - this.#have, end - at);
    for (let i = 0; i < take; i++) this.#header[this.#have++] = bytes[at + i] as number;
    if (this.#have < FRAME_HEADER) return end;
    this.#have = 0;
    return this.#begin(this.#header, 0) || at + take;
  }

  /** @returns a negative error, or 0. */
  #begin(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const type = (this.#type = bytes[at + 3] as number);
    const flags = (this.#flags = bytes[at + 4] as number);
    const stream = (this.#stream = word(bytes, at + 5) & 0x7fffffff);
    this.#left = length;
    this.#padding = 0;
    if (length > this.#maxFrame) return -ErrorCode.FrameSize;
    const fault =
      this.#blockFault(type, stream) || frameFault(type, flags, stream, length) || this.#sink.onFrame(type, flags, stream, length);
    if (fault !== 0) return -fault;
    // The sink may have had enough.
    if (this.#phase === Phase.Stopped) return 0;
    if (type === FrameType.Data) this.#phase = (flags & FrameFlag.Padded) === 0 ? Phase.Data : Phase.PadLength;
    else if (type > FrameType.Continuation || type === FrameType.Priority) this.#phase = Phase.Skip;
    else this.#phase = Phase.Payload;
    return 0;
  }

  /** Nothing may come between the parts of a header block, and no part without a beginning (RFC 9113 §6.10). */
  #blockFault(type: number, stream: number): ErrorCode {
    if ((type === FrameType.Continuation) !== (this.#blockStream !== 0)) return ErrorCode.Protocol;
    return this.#blockStream !== 0 && this.#blockStream !== stream ? ErrorCode.Protocol : ErrorCode.NoError;
  }

  #readData(bytes: Uint8Array, at: number, end: number): number {
    const content = this.#left - this.#padding;
    const take = Math.min(content, end - at);
    if (take > 0) {
      this.#left -= take;
      this.#sink.onDataPiece(bytes, at, at + take);
      if (this.#phase === Phase.Stopped || take < content) return at + take;
    }
    this.#phase = Phase.Skip;
    return at + take;
  }

  #skip(at: number, end: number): number {
    const take = Math.min(this.#left, end - at);
    this.#left -= take;
    if (this.#left > 0) return at + take;
    this.#phase = Phase.Header;
    if (this.#type === FrameType.Data) this.#sink.onDataEnd(this.#stream, (this.#flags & FrameFlag.EndStream) !== 0);
    return at + take;
  }

  #readPayload(bytes: Uint8Array, at: number, end: number): number {
    if (this.#have === 0 && end - at >= this.#left) {
      const stop = at + this.#left;
      return this.#whole(bytes, at, stop) || stop;
    }
    const partial = (this.#partial ??= new Uint8Array(this.#left));
    const take = Math.min(this.#left, end - at);
    partial.set(bytes.subarray(at, at + take), this.#have);
    this.#have += take;
    this.#left -= take;
    if (this.#left > 0) return at + take;
    this.#partial = null;
    this.#have = 0;
    return this.#whole(partial, 0, partial.length) || at + take;
  }

  /** The payload of a frame other than DATA. @returns a negative error, or 0. */
  #whole(bytes: Uint8Array, start: number, end: number): number {
    this.#phase = Phase.Header;
    this.#left = 0;
    const sink = this.#sink;
    switch (this.#type) {
      case FrameType.Headers:
        return this.#headers(bytes, start, end);
      case FrameType.Continuation:
        return this.#fragment(bytes, start, end);
      case FrameType.RstStream:
        sink.onReset(this.#stream, word(bytes, start) >>> 0);
        return 0;
      case FrameType.Settings:
        if ((this.#flags & FrameFlag.Ack) === 0) sink.onSettings(bytes, start, end);
        else sink.onSettingsAck();
        return 0;
      case FrameType.Ping:
        sink.onPing(bytes, start, (this.#flags & FrameFlag.Ack) !== 0);
        return 0;
      case FrameType.GoAway:
        sink.onGoAway(word(bytes, start) & 0x7fffffff, word(bytes, start + 4) >>> 0);
        return 0;
      default:
        sink.onWindow(this.#stream, word(bytes, start) & 0x7fffffff);
        return 0;
    }
  }

  #headers(bytes: Uint8Array, start: number, end: number): number {
    const padded = (this.#flags & FrameFlag.Padded) !== 0;
    const padding = padded && start < end ? (bytes[start] as number) : 0;
    const from = start + (padded ? 1 : 0) + ((this.#flags & FrameFlag.Priority) === 0 ? 0 : 5);
    if (from > end) return -ErrorCode.FrameSize;
    if (from + padding > end) return -ErrorCode.Protocol;
    this.#blockStream = this.#stream;
    this.#blockEnds = (this.#flags & FrameFlag.EndStream) !== 0;
    this.#continuations = 0;
    return this.#fragment(bytes, from, end - padding);
  }

  #fragment(bytes: Uint8Array, start: number, end: number): number {
    const before = this.#block;
    const last = (this.#flags & FrameFlag.EndHeaders) !== 0;
    if ((before?.length ?? 0) + end - start > MAX_BLOCK || this.#continuations++ > MAX_CONTINUATIONS) return -ErrorCode.EnhanceYourCalm;
    if (!last) {
      this.#block = before === null ? bytes.slice(start, end) : Buffer.concat([before, bytes.subarray(start, end)]);
      return 0;
    }
    const stream = this.#blockStream;
    this.#blockStream = 0;
    this.#block = null;
    if (before === null) this.#sink.onBlock(stream, this.#blockEnds, bytes, start, end);
    else this.#sink.onBlock(stream, this.#blockEnds, Buffer.concat([before, bytes.subarray(start, end)]), 0, before.length + end - start);
    return 0;
  }
}

/** Types as a set of bits. */
const NEEDS_STREAM = bits(FrameType.Data, FrameType.Headers, FrameType.Priority, FrameType.RstStream, FrameType.Continuation);
const NEEDS_NONE = bits(FrameType.Settings, FrameType.Ping, FrameType.GoAway);

function bits(...types: readonly number[]): number {
  return types.reduce((set, type) => set | (1 << type), 0);
}

/** What is wrong with a frame whatever state its stream is in (RFC 9113 §6): an error of the connection, or 0. */
function frameFault(type: number, flags: number, stream: number, length: number): ErrorCode {
  // We offer no push, so neither side may send it (RFC 9113 §8.4).
  if (type === FrameType.PushPromise) return ErrorCode.Protocol;
  if (type > FrameType.Continuation) return ErrorCode.NoError;
  if ((((stream === 0 ? NEEDS_STREAM : NEEDS_NONE) >>> type) & 1) !== 0) return ErrorCode.Protocol;
  return sizeFits(type, flags, length) ? ErrorCode.NoError : ErrorCode.FrameSize;
}

function sizeFits(type: number, flags: number, length: number): boolean {
  switch (type) {
    case FrameType.Data:
      return length > 0 || (flags & FrameFlag.Padded) === 0;
    case FrameType.RstStream:
    case FrameType.WindowUpdate:
      return length === 4;
    case FrameType.Settings:
      return (flags & FrameFlag.Ack) === 0 ? length % 6 === 0 : length === 0;
    case FrameType.Ping:
      return length === 8;
    case FrameType.GoAway:
      return length >= 8;
    case FrameType.Priority:
      return length === 5;
    default:
      return true;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}
