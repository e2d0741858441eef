/** ClientHellos, made part by part (RFC 8446 §4.1.2, RFC 6066 §3). */

const GREASE = 0x0a0a;
const MAX_FRAGMENT = 1 << 14;

export interface HelloParts {
  /** Before the name, so that it is not the first extension. */
  readonly extensions?: readonly Buffer[];
  /** Of each record. */
  readonly fragment?: number;
  readonly sessionId?: number;
}

const uint = (value: number, bytes: number): Buffer => {
  const out = Buffer.alloc(bytes);
  out.writeUIntBE(value, 0, bytes);
  return out;
};
const sized = (content: Buffer, bytes: number): Buffer => Buffer.concat([uint(content.length, bytes), content]);

export function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([uint(type, 2), sized(content, 2)]);
}

export function serverName(name: string, type = 0): Buffer {
  return extension(0, sized(Buffer.concat([uint(type, 1), sized(Buffer.from(name), 2)]), 2));
}

/** @param name null: the client asks for none. */
export function clientHello(name: string | null, { extensions = [], fragment = MAX_FRAGMENT, sessionId = 32 }: HelloParts = {}): Buffer {
  const all = [
    extension(GREASE, Buffer.alloc(0)),
    ...extensions,
    ...(name === null ? [] : [serverName(name)]),
    extension(GREASE + 0x1010, Buffer.alloc(1)),
  ];
  const body = Buffer.concat([
    uint(0x0303, 2),
    Buffer.alloc(32, 7),
    sized(Buffer.alloc(sessionId, 1), 1),
    sized(Buffer.concat([uint(GREASE, 2), uint(0x1301, 2), uint(0x1302, 2)]), 2),
    sized(Buffer.from([0]), 1),
    sized(Buffer.concat(all), 2),
  ]);
  return records(Buffer.concat([uint(1, 1), sized(body, 3)]), fragment);
}

/** A handshake message in records of that size. */
export function records(message: Buffer, fragment = MAX_FRAGMENT): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; at < message.length; at += fragment) {
    out.push(Buffer.from([22, 3, 1]), sized(message.subarray(at, at + fragment), 2));
  }
  return Buffer.concat(out);
}
