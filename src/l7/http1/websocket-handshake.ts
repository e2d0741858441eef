/**
 * What the opening handshake of a WebSocket has in HTTP/1 alone (RFC 6455 §4). Over HTTP/2 nobody sends it (RFC 8441 §5), so whoever
 * stands between the two makes it: the key for a server of HTTP/1, and what proves to a client of HTTP/1 that the key was understood.
 */
import { createHash, randomBytes } from 'node:crypto';

export const WEBSOCKET = 'websocket';
const KEY_BYTES = 16;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function websocketKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/** @param key as the client has sent it. */
export function websocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + GUID, 'latin1')
    .digest('base64');
}
