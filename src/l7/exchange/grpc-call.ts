/**
 * What an exchange is besides when its request is one of gRPC (gRPC over HTTP/2, PROTOCOL-HTTP2.md): a call, which has a status and messages of
 * its own and may have a deadline. Made for such requests only.
 */
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import type { Trailers } from '../message/stream.ts';

const TYPE = 'application/grpc';
const CR = 13;
const PLUS = 43;
const ZERO = 48;
const OF_ONE_DIGIT = 'grpc-status: ';
/** The code of what has no status, or one that nobody knows. */
const UNKNOWN = 2;
const MOST = 16;
/** The length of a message stands behind a byte of flags. */
const PREFIX = 5;
const MILLISECONDS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };
/** A deadline beyond this is as good as none. */
const LONGEST_MS = 2 ** 31;

/** `application/grpc` with or without a format; not gRPC-Web, which is other bytes. */
export function isGrpc(head: Head): boolean {
  const index = head.find(H['content-type']);
  if (index < 0) return false;
  const { bytes } = head;
  const start = head.valueStart[index] as number;
  const end = head.valueEnd[index] as number;
  if (end - start < TYPE.length) return false;
  for (let i = 0; i < TYPE.length; i++) if (bytes[start + i] !== TYPE.charCodeAt(i)) return false;
  return end - start === TYPE.length || bytes[start + TYPE.length] === PLUS;
}

/**
 * Of the whole exchange, as Istio's proxies have it: what the client allows, or the route where that is less. Milliseconds, 0: none.
 * @param routeMs 0: the route sets none.
 */
export function grpcTimeout(head: Head, routeMs: number): number {
  const index = head.find(H['grpc-timeout']);
  const [, value, unit = ''] = (index < 0 ? null : /^(\d{1,8})([HMSmun])$/.exec(head.value(index))) ?? [];
  if (value === undefined) return routeMs;
  const allowed = Math.min(Number(value) * (MILLISECONDS[unit] as number), LONGEST_MS);
  return allowed === 0 || (routeMs > 0 && routeMs < allowed) ? routeMs : allowed;
}

/** How many of a call's messages one reporter has counted. */
export interface MessageMark {
  sent: number;
  received: number;
}

const nothingToReport = (): void => {};

export class GrpcCall {
  /** The code that the client was told; −1: none yet. */
  status = -1;
  readonly sent = new MessageCount();
  readonly received = new MessageCount();
  /** The side that the exchange reports. */
  readonly counted: MessageMark = { sent: 0, received: 0 };
  /** The callee of the attempt under way, where its pod is enrolled here. */
  readonly countedByCallee: MessageMark = { sent: 0, received: 0 };
  /** @internal GrpcCalls': where it stands there, and how its messages are counted. */
  place = -1;
  report: () => void = nothingToReport;

  /** The head of a response has come: it has the status of a call without messages. */
  onHead(head: Head): void {
    const index = head.find(H['grpc-status']);
    if (index >= 0) this.status = codeOf(head.value(index));
  }

  onTrailers(trailers: Trailers): void {
    if (trailers === null) return;
    const first = OF_ONE_DIGIT.length;
    // Nearly always it is the first line, and has one digit.
    if (trailers[first + 1] === CR && beginsWith(trailers, OF_ONE_DIGIT) && isDigit(trailers[first] as number)) {
      this.status = (trailers[first] as number) - ZERO;
      return;
    }
    const code = /^grpc-status:[ \t]*(\d+)[ \t]*\r$/im.exec(Buffer.from(trailers).toString('latin1'));
    if (code !== null) this.status = codeOf(code[1] as string);
  }
}

function beginsWith(bytes: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

function isDigit(c: number): boolean {
  return c >= ZERO && c <= ZERO + 9;
}

function codeOf(text: string): number {
  const code = /^\d{1,2}$/.test(text) ? Number(text) : UNKNOWN;
  return code <= MOST ? code : UNKNOWN;
}

/** Counts the messages of one direction as their prefixes pass. */
export class MessageCount {
  count = 0;
  /** Bytes of the prefix that have come, its length so far, and what is left of the message. */
  #have = 0;
  #length = 0;
  #left = 0;

  add(bytes: Uint8Array, start: number, end: number): void {
    let p = start;
    while (p < end) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, end - p);
        this.#left -= skipped;
        p += skipped;
        continue;
      }
      if (this.#have > 0) this.#length = this.#length * 256 + (bytes[p] as number);
      p++;
      if (++this.#have < PREFIX) continue;
      this.count++;
      this.#left = this.#length;
      this.#have = this.#length = 0;
    }
  }
}
