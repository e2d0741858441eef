/**
 * What an exchange (one request and its response) sees of its two sides. A side is one stream of some wire protocol; nothing
 * here says that a connection carries only one.
 *
 * Body bytes travel in the framing in which they came (`Framing`): chunked bodies with their chunk headers, validated but
 * untouched. A side whose wire wants another framing takes them apart itself.
 *
 * Bytes are given with the array that holds them: usually the transport's arena, on rare ways (a head that came in pieces)
 * a buffer of their own. They are valid during the call.
 */
import type { Framing, Head } from '../message/head.ts';
import type { CloseReason, ConnectionId } from '../transport.ts';
import type { HeadEdits } from './head-edits.ts';
import type { HeaderOps } from '../runtime/header-ops.ts';
import type { LocalReply } from './local-reply.ts';

/** The client's side of an exchange. */
export interface Downstream {
  sendInformational(head: Head): void;
  sendHead(head: Head, edits: HeadEdits, framing: Framing): void;
  sendBody(bytes: Uint8Array, start: number, end: number): void;
  /** The response is complete. */
  finish(): void;
  /** A whole response of our own; nothing has been sent before. */
  sendLocal(reply: LocalReply, ops: HeaderOps | null): void;
  /** The response cannot be completed: the client must see that (RST). */
  abort(): void;
  /** The upstream side cannot take more of the request's body for now. */
  pauseBody(): void;
  resumeBody(): void;
  /** The connection that a long body of known length may be relayed to in the kernel, or -1. */
  relayTarget(): ConnectionId;
  /** The exchange has become a tunnel (101): hands its connection over, with what has been read ahead. */
  detach(): DetachedConnection;
  /** Address of the peer, for hashing and forwarding headers. */
  peerIp(): string;
}

export interface DetachedConnection {
  readonly id: ConnectionId;
  /** Bytes that came after the request, already read. */
  readonly early: Uint8Array | null;
}

/** The upstream's side of an exchange: one stream to an endpoint, taken from its pool. */
export interface UpstreamStream {
  /** Whether the connection that carries it is established. */
  readonly connected: boolean;
  /** The connection that a long request body may be relayed to in the kernel, or -1 where the wire does not allow it. */
  readonly relayTarget: ConnectionId;
  /** Begins a request; the answer goes to `sink`. `edits` are those of `head`. */
  sendHead(sink: ResponseSink, head: Head, edits: HeadEdits, isHead: boolean): void;
  sendBody(bytes: Uint8Array, start: number, end: number): void;
  /** The request is complete. */
  finishRequest(): void;
  /** The client cannot take more of the response for now. */
  pause(): void;
  resume(): void;
  /** Gives the request up; the sink hears nothing more. */
  cancel(): void;
}

/** Who receives a response: an exchange, or a mirror that throws it away. */
export interface ResponseSink {
  onInformational(head: Head): void;
  /** @returns false when the response is not wanted (it is retried): the stream is given up. */
  onResponseHead(head: Head, framing: Framing): boolean;
  onResponseBody(bytes: Uint8Array, start: number, end: number): void;
  onResponseEnd(): void;
  /** Status 101: the connection is the receiver's now, together with what came after the head. */
  onUpgraded(head: Head, connection: ConnectionId, bytes: Uint8Array, start: number, end: number): void;
  /** The stream ended before a whole response: `connected` and `answered` tell how far it came. */
  onUpstreamGone(gone: UpstreamGone): void;
  onUpstreamBlocked(): void;
  onUpstreamDrained(): void;
  relayTarget(): ConnectionId;
}

export interface UpstreamGone {
  readonly connected: boolean;
  /** The head of the response had been passed on. */
  readonly answered: boolean;
  /** The connection had served other requests before. */
  readonly reused: boolean;
  /** Something came back, though not a whole head. */
  readonly received: boolean;
  /** The upstream broke HTTP. */
  readonly protocolError: boolean;
  /** Null: the peer closed in order. */
  readonly reason: CloseReason | null;
}
