/** A response of our own as HTTP/1.1 text. */
import type { LocalReply } from '../message/local-reply.ts';
import { join, literal, NOTHING, type WireText } from '../message/wire-text.ts';
import { reasonOf } from './reasons.ts';

/** Of a line among those of the reply. */
const CONTENT_TYPE = /^content-type:/im;

export interface LocalResponse {
  readonly reply: LocalReply;
  readonly date: WireText;
  /** Complete line. */
  readonly server: WireText;
  readonly omitBody: boolean;
  readonly close: boolean;
}

export function localResponse({ reply, date, server, omitBody, close }: LocalResponse): Uint8Array {
  const { status, body } = reply;
  const head = join(
    literal(`HTTP/1.1 ${status} ${reasonOf(status)}\r\n`),
    // RFC 9110 §8.6: a 204 has no length.
    status === 204 ? NOTHING : literal(`content-length: ${body.length}\r\n`),
    body === '' || CONTENT_TYPE.test(reply.lines) ? NOTHING : literal('content-type: text/plain\r\n'),
    reply.lines,
    date,
    server,
    close ? literal('connection: close\r\n') : NOTHING,
    literal('\r\n'),
  );
  return Buffer.from(omitBody || status === 204 || status === 304 ? head : head + body, 'latin1');
}
