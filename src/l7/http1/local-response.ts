/** A response of our own as HTTP/1.1 text. */
import type { LocalReply } from '../message/local-reply.ts';
import { join, literal, NOTHING, type WireText } from '../message/wire-text.ts';
import { reasonOf } from './reasons.ts';

/** Of a line among those of the reply. */
const CONTENT_TYPE = /^content-type:/im;

interface LocalHead {
  readonly reply: LocalReply;
  readonly date: WireText;
  /** Complete line. */
  readonly server: WireText;
}

export interface LocalResponse extends LocalHead {
  readonly omitBody: boolean;
  readonly close: boolean;
}

export function localResponse({ reply, date, server, omitBody, close }: LocalResponse): Uint8Array {
  const { status, body } = reply;
  const head = join(
    literal(`HTTP/1.1 ${status} ${reasonOf(status)}\r\n`),
    // RFC 9110 §8.6: a 204 has no length.
    status === 204 || body !== '' ? NOTHING : literal('content-length: 0\r\n'),
    localLines({ reply, date, server }),
    close ? literal('connection: close\r\n') : NOTHING,
    literal('\r\n'),
  );
  return Buffer.from(omitBody || status === 204 || status === 304 ? head : head + body, 'latin1');
}

/** Its field lines, whatever the wire; those of a body only where there is one. */
export function localLines({ reply: { body, lines }, date, server }: LocalHead): WireText {
  const length = body === '' ? NOTHING : literal(`content-length: ${body.length}\r\n`);
  const type = body === '' || CONTENT_TYPE.test(lines) ? NOTHING : literal('content-type: text/plain\r\n');
  return join(length, type, lines, date, server);
}
