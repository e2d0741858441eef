/** A response of our own as HTTP/1.1 text. */
import type { LocalReply } from '../message/local-reply.ts';
import { join, literal, NOTHING, type WireText, wireBytes } from '../message/wire-text.ts';

/** Reason phrases of the statuses that the engine makes; others go without (RFC 9112 §4: it may be empty). */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

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
  const text = join(
    literal(`HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\ncontent-length: ${body.length}\r\n`),
    body === '' ? NOTHING : literal('content-type: text/plain\r\n'),
    reply.lines,
    date,
    server,
    close ? literal('connection: close\r\n') : NOTHING,
    literal('\r\n'),
    omitBody ? NOTHING : literal(body),
  );
  return wireBytes(text);
}
