/** The head that goes to the client: the upstream's bytes without hop-by-hop lines, with the route's changes and Envoy's headers. */
import type { Context } from '../context.ts';
import type { Head } from '../message/head.ts';
import { H } from '../message/header-names.ts';
import { markHopByHop } from '../http1/hop-by-hop.ts';
import type { HeaderOps } from '../runtime/header-ops.ts';
import type { HeadEdits } from './head-edits.ts';
import { REASONS, type LocalReply } from './local-reply.ts';
import { applyOps } from './request-writer.ts';

/** What the `server` header says: a sidecar's outbound side names itself `envoy`, gateways and the inbound side `istio-envoy`. */
export type ServerName = 'envoy' | 'istio-envoy';

const TIME = 'x-envoy-upstream-service-time: ';
const ROOM = 256;
const CR = 13;
const LF = 10;
const ZERO = 48;

export class ResponseWriter {
  readonly #context: Context;
  readonly #templates: Readonly<Record<ServerName, { readonly at: number; readonly length: number }>>;

  constructor(context: Context) {
    this.#context = context;
    const template = (server: ServerName): { at: number; length: number } => {
      const text = `server: ${server}\r\n${TIME}`;
      return { at: context.template(text), length: text.length };
    };
    this.#templates = { envoy: template('envoy'), 'istio-envoy': template('istio-envoy') };
  }

  /** @param serviceTimeMs from the request to the head of the response. */
  prepare(head: Head, ops: HeaderOps | null, server: ServerName, serviceTimeMs: number, cookie: string | null): HeadEdits {
    const { edits } = this.#context;
    const { arena } = this.#context.transport;
    edits.begin(head, ROOM + (ops?.lines.length ?? 0) + (cookie?.length ?? 0) + (head.minor === 1 ? 0 : head.fields - head.start));
    if (head.minor !== 1) {
      edits.text('HTTP/1.1');
      edits.slice(head, head.start + 8, head.fields);
      edits.endFirstLine();
    }
    const hops = markHopByHop(head, head.status === 101);
    for (let i = 0; i < hops; i++) edits.removeLine(head.hopByHop[i] as number);
    edits.removeName(head, H.server);
    edits.removeName(head, H['x-envoy-upstream-service-time']);
    edits.removeName(head, H['x-envoy-decorator-operation']);
    const template = this.#templates[server];
    const at = edits.cursor;
    arena.copyWithin(at, template.at, template.at + template.length);
    edits.advance(writeInteger(arena, at + template.length, serviceTimeMs));
    if (!head.has(H.date)) edits.bytes(this.#context.dateLine());
    if (cookie !== null) edits.text(`set-cookie: ${cookie}\r\n`);
    if (ops !== null) applyOps(edits, head, ops);
    return edits;
  }

  /** A whole response of our own, as bytes. */
  local(reply: LocalReply, server: ServerName, ops: HeaderOps | null, omitBody: boolean, close: boolean): Uint8Array {
    const date = Buffer.from(this.#context.dateLine()).toString('latin1');
    const type = reply.body === '' ? '' : 'content-type: text/plain\r\n';
    const extra = ops === null ? '' : Buffer.from(ops.lines).toString('latin1');
    return Buffer.from(
      `HTTP/1.1 ${reply.status} ${REASONS[reply.status] ?? ''}\r\ncontent-length: ${reply.body.length}\r\n${type}${reply.headers}${date}` +
        `server: ${server}\r\n${extra}${close ? 'connection: close\r\n' : ''}\r\n${omitBody ? '' : reply.body}`,
      'latin1',
    );
  }
}

/** Digits and CRLF. */
function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  const whole = Math.max(0, Math.floor(value));
  if (whole < 10) {
    bytes[at++] = ZERO + whole;
  } else {
    const text = String(whole);
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  }
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + 2;
}
