/** What a line is made from, besides the record of an exchange or a connection. One object per worker, filled again and again. */
import { NO_TEXT, type OwnText } from '../message/own-text.ts';
import type { RequestNote } from './request-note.ts';
import { SocketTexts } from './socket-texts.ts';

/** The worker's own place in the world. */
export interface LogPlace {
  /** Wall clock in milliseconds of a time on the transport's clock. */
  readonly wall: (ticks: number) => number;
  readonly hostname: string;
}

/** Asked for only where a format has one of them: each is made when somebody asks. */
export interface LoggedSpan {
  readonly traceId: string;
  readonly spanId: string;
}

/** An id that becomes text only where that is asked for. */
export interface WrittenId {
  text(): string;
  /** Writes the same as bytes. @returns where they end. */
  write(bytes: Uint8Array, at: number): number;
}

export class LogEntry {
  readonly sockets = new SocketTexts();
  /** Null: bytes that were passed through. */
  note: RequestNote | null = null;
  /** Where the client wanted to go, and where it is: `ip:port`. */
  localText = '';
  remote: OwnText = NO_TEXT;
  /** `ip:port` of our end of the upstream connection; none: there was none, or nobody knows. */
  upstreamLocal: OwnText = NO_TEXT;
  /** Of requests that came without one, or from outside of the mesh; null: what the request has counts. */
  requestId: WrittenId | null = null;
  /** The name that a TLS client asked for; empty: none. */
  serverName = '';
  /** Null: it is not traced. */
  trace: LoggedSpan | null = null;
  /** Where the reporter's own span stands; null: nobody has given it an id. */
  span: LoggedSpan | null = null;
  /** What a gateway has added to x-forwarded-for; empty: nothing. */
  forwardedFor = '';
  /** Milliseconds on the transport's clock at which the whole request had come; 0: it had not. */
  requestEndedAt = 0;
  /** The callee's own line in its caller's pass. */
  inbound = false;

  /** As of a connection of which nothing is known. */
  clear(): void {
    this.note = this.requestId = this.trace = this.span = null;
    this.remote = this.upstreamLocal = NO_TEXT;
    this.localText = this.serverName = this.forwardedFor = '';
    this.requestEndedAt = 0;
    this.inbound = false;
  }
}
