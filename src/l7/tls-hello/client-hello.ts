/**
 * The name that a TLS client asks for (SNI, RFC 6066 §3), read from its ClientHello without taking part in the handshake. The
 * handshake message may be cut into records and into segments anywhere (RFC 8446 §5.1); unknown extensions, versions and suites
 * (GREASE, RFC 8701) are passed over by their lengths. Bytes in, an answer out.
 */

/** `more`: not all of it is there; `none`: no ClientHello, a broken one, or one that asks for no name. */
export type ServerName = { readonly state: 'more' } | { readonly state: 'none' } | { readonly state: 'found'; readonly name: Uint8Array };

/** Envoy's limit (tls_inspector, max_client_hello_size). */
export const MAX_HELLO_BYTES = 16 * 1024;

const MORE: ServerName = { state: 'more' };
const NONE: ServerName = { state: 'none' };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
/** RFC 8446 §5.1. */
const MAX_RECORD = 1 << 14;
const VERSION_AND_RANDOM = 34;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** @param bytes everything that the client has sent. */
export function readServerName(bytes: Uint8Array): ServerName {
  const fragments: Uint8Array[] = [];
  let collected = 0;
  let needed = MESSAGE_HEADER;
  for (let at = 0; collected < needed;) {
    if (at + RECORD_HEADER > bytes.length) return at < bytes.length && bytes[at] !== HANDSHAKE ? NONE : moreOf(bytes);
    const length = uint16(bytes, at + 3);
    // No record of a handshake is empty, and none of another type stands between its parts.
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3 || length === 0 || length > MAX_RECORD) return NONE;
    const fragment = bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    fragments.push(fragment);
    collected += fragment.length;
    at += RECORD_HEADER + length;
    if (needed === MESSAGE_HEADER && collected >= MESSAGE_HEADER) {
      needed = sizeOf(joined(fragments));
      if (needed === 0) return NONE;
    }
    if (collected < needed && at > bytes.length) return moreOf(bytes);
  }
  return nameIn(new Cursor(joined(fragments), MESSAGE_HEADER, needed));
}

function moreOf(bytes: Uint8Array): ServerName {
  return bytes.length >= MAX_HELLO_BYTES ? NONE : MORE;
}

/** Of the message with its header; 0: it is no ClientHello, or one that is too long. */
function sizeOf(message: Uint8Array): number {
  const size = MESSAGE_HEADER + (((message[1] as number) << 16) | uint16(message, 2));
  return message[0] === CLIENT_HELLO && size <= MAX_HELLO_BYTES ? size : 0;
}

/** RFC 8446 §4.1.2: version, random, session id, cipher suites, compression methods, extensions. */
function nameIn(hello: Cursor): ServerName {
  hello.skip(VERSION_AND_RANDOM);
  hello.skip(hello.uint8());
  hello.skip(hello.uint16());
  hello.skip(hello.uint8());
  const extensions = hello.part(hello.uint16());
  while (extensions.left > 0) {
    const type = extensions.uint16();
    const content = extensions.part(extensions.uint16());
    if (extensions.broken) return NONE;
    if (type === SERVER_NAME) return hostName(content);
  }
  return NONE;
}

/** RFC 6066 §3: a list of names, at most one of each type. */
function hostName(content: Cursor): ServerName {
  const list = content.part(content.uint16());
  while (list.left > 0) {
    const type = list.uint8();
    const name = list.part(list.uint16());
    if (list.broken) return NONE;
    if (type === HOST_NAME) return name.left === 0 ? NONE : { state: 'found', name: name.rest() };
  }
  return NONE;
}

/** Reads forward; beyond its end it yields zeros and is broken. */
class Cursor {
  broken = false;
  readonly #bytes: Uint8Array;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = Math.min(end, bytes.length);
  }

  get left(): number {
    return this.#end - this.#at;
  }

  uint8(): number {
    return this.#take(1) ? (this.#bytes[this.#at - 1] as number) : 0;
  }

  uint16(): number {
    return this.#take(2) ? uint16(this.#bytes, this.#at - 2) : 0;
  }

  skip(length: number): void {
    this.#take(length);
  }

  part(length: number): Cursor {
    const start = this.#at;
    const part = this.#take(length) ? new Cursor(this.#bytes, start, start + length) : new Cursor(this.#bytes, start, start);
    part.broken = this.broken;
    return part;
  }

  rest(): Uint8Array {
    return this.#bytes.slice(this.#at, this.#end);
  }

  #take(length: number): boolean {
    if (length <= this.left) {
      this.#at += length;
      return true;
    }
    this.broken = true;
    this.#at = this.#end;
    return false;
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function joined(fragments: readonly Uint8Array[]): Uint8Array {
  return fragments.length === 1 ? (fragments[0] as Uint8Array) : Buffer.concat(fragments);
}
