/**
 * What an exchange (one request and its response) sees of its two sides. A side is one stream of some wire protocol; nothing here
 * says that a connection carries only one, nor how a wire frames a body.
 *
 *     head(head, changes, length) ─▶ data* ─▶ end(trailers | null)         or reset at any time
 *
 * Bytes are given with the array that holds them: usually the transport's arena, on rare ways a buffer of their own. They are valid
 * during the call. Body bytes are the content: chunk headers and frames belong to the wires.
 */
import type { ConnectionId } from '../transport.ts';
import type { HeadChanges } from './head-changes.ts';
import type { Head } from './head.ts';
import type { LocalReply } from './local-reply.ts';
import type { Outcome } from './outcome.ts';
import type { OwnText } from './own-text.ts';

/** Length of a body that ends when it ends. */
export const UNKNOWN_LENGTH = -1;
/** No connection that a body may be moved to without its wire's help. */
export const NOT_RAW: ConnectionId = -1;

/** Complete field lines after a body, CRLF included; null: none. */
export type Trailers = Uint8Array | null;

/** The client's side of an exchange. */
export interface Downstream {
  readonly isHttp2: boolean;
  /** The client does not take what it has been sent. */
  readonly blocked: boolean;
  informational(head: Head, changes: HeadChanges): void;
  /** Begins the response. @param length of the body in bytes, 0 where there is none, or UNKNOWN_LENGTH. */
  head(head: Head, changes: HeadChanges, length: number): void;
  data(bytes: Uint8Array, start: number, end: number): void;
  /** The response is complete. */
  end(trailers: Trailers): void;
  /** A whole response of our own; nothing has been sent before. */
  local(reply: LocalReply): void;
  /** The response cannot be completed: the client must see that. @param code of HTTP/2 for the reason, where there is one. */
  reset(code?: number): void;
  /** The other side cannot take more of the request's body for now. */
  pause(): void;
  resume(): void;
  /** The connection to which the rest of a body of known length may be moved raw, in the kernel, or NOT_RAW. */
  rawTarget(): ConnectionId;
  /** The exchange becomes a tunnel: hands its connection over, with what has been read ahead. Null: the stream goes on as one. */
  detach(): DetachedConnection | null;
  /** The exchange becomes a tunnel whose bytes are those of the two bodies, from what has been read ahead on. */
  openTunnel(): void;
  /** Address of the peer, for hashing and forwarding headers. */
  peerIp(): string;
  /** Address and port of the peer: they identify its connection. */
  peerAddress(): string;
  /** Parses the kept head of the request again: the parsed one lives for a turn. */
  restore(bytes: Uint8Array, start: number, length: number): Head;
}

export interface DetachedConnection {
  readonly id: ConnectionId;
  /** Bytes that came after the head, already read. */
  readonly early: Uint8Array | null;
  /** To be called when it is gone, by whoever has taken it. */
  readonly released?: (() => void) | null;
}

/** What a request is, as far as the framing of its response depends on it. */
export interface RequestKind {
  readonly isHead: boolean;
  readonly isConnect: boolean;
  /** The client asked for another protocol (RFC 9110 §7.8): only then a 101 is an answer. */
  readonly upgrade: boolean;
}

/** The upstream's side of an exchange: one stream to an endpoint, taken from its pool. */
export interface UpstreamStream {
  /** Whether the connection that carries it is established. */
  readonly connected: boolean;
  /** Our end of that connection, which is established. */
  localText(): OwnText;
  /** Whether the connection carries this stream alone. */
  readonly exclusive: boolean;
  /** The request does not begin yet. `sink` hears meanwhile if it cannot begin any more. */
  hold(sink: ResponseSink): void;
  /** Nothing has begun, nor will. */
  unused(): void;
  /** Begins a request; the answer goes to `sink`. @param length as of Downstream.head. */
  head(sink: ResponseSink, head: Head, changes: HeadChanges, length: number, kind: RequestKind): void;
  data(bytes: Uint8Array, start: number, end: number): void;
  /** The request is complete. Called once. */
  end(trailers: Trailers): void;
  /** The client cannot take more of the response for now. */
  pause(): void;
  resume(): void;
  rawTarget(): ConnectionId;
  /** Gives the request up; the sink hears nothing more. @param code of HTTP/2 for the reason, where there is one. */
  reset(code?: number): void;
}

/** Who receives a response: an attempt, which passes it on or throws it away. */
export interface ResponseSink {
  onInformational(head: Head): void;
  /** @returns false when the response is not wanted: the stream is given up. */
  onHead(head: Head, length: number): boolean;
  onData(bytes: Uint8Array, start: number, end: number): void;
  /** Bytes of the body that went to `rawTarget` and were not seen here. */
  onMoved(bytes: number): void;
  onEnd(trailers: Trailers): void;
  /** The peer has changed protocols (101, or 2xx to CONNECT). Null: the stream goes on as bytes in both directions. */
  onUpgraded(head: Head, connection: DetachedConnection | null): void;
  /** The stream ended before a whole response. */
  onFailed(failure: StreamFailure): void;
  onBlocked(): void;
  onDrained(): void;
  rawTarget(): ConnectionId;
}

export interface StreamFailure {
  /** Of an attempt without response, also where part of one had come. */
  readonly outcome: Outcome;
  /** A connection that had been kept alive turned out to be dead before anything came back: nobody's fault. */
  readonly stale: boolean;
  /** It was not sent, and another endpoint may take it: its own is not to be used any more. */
  readonly elsewhere?: boolean;
  /** The peer has said that it did not look at the request. */
  readonly unprocessed?: boolean;
  /** Of HTTP/2, as the peer gave it. */
  readonly code?: number;
}
