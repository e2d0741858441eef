/** A small HTTP server for the agent's own endpoints, on the control thread. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { lstatSync, unlinkSync } from 'node:fs';
import { type AddressInfo, connect, type ListenOptions } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { SocketAddress } from '../../base/socket-address.ts';
import { written } from './backpressure.ts';

// An import statement would evaluate every export of the module, and with them load undici: 12 MB more (measured, Node.js 24).
const { createServer } = process.getBuiltinModule('node:http');

export interface Reply {
  readonly status: number;
  readonly type: string;
  /**
   * Chunks are made as fast as the client takes them, and others get their turn between them. The next one is asked for when nobody
   * needs the last one any more: they may all be one buffer.
   */
  readonly body: string | AsyncIterable<Buffer>;
  /** Beside those that every reply has, or in their place. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (request: AdminRequest) => Reply | Promise<Reply>;

export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Aborted when the client has left, or the response is over. */
  readonly gone: AbortSignal;
}

/** By `METHOD /path`. HEAD is answered as GET is. */
export type Routes = Readonly<Record<string, Handler>>;

/** The endpoints take a word or a request's head; a longer body is a mistake or an attack. */
const MAX_BODY = 64 * 1024;

export function json(value: unknown, status = 200): Reply {
  return { status, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}

export function plain(body: string, status = 200): Reply {
  return { status, type: 'text/plain; charset=utf-8', body: body.endsWith('\n') ? body : `${body}\n` };
}

export class HttpServer {
  readonly #server: Server;

  /** @param guard refuses a request before anything else looks at it; null: go on. */
  constructor(routes: Routes, guard: (request: IncomingMessage) => Reply | null) {
    this.#server = createServer((request, response) => {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      void answer(routes, guard, request, gone.signal).then(async (reply) => {
        if (typeof reply.body === 'string') send(request, response, reply, reply.body);
        else await stream(request, response, reply, reply.body);
      });
    });
    this.#server.requestTimeout = 10_000;
  }

  /** @throws the error of listen(2), with its code. */
  async listen(address: SocketAddress): Promise<SocketAddress> {
    await this.#listen({ host: address.ip, port: address.port });
    return { ip: address.ip, port: (this.#server.address() as AddressInfo).port };
  }

  /**
   * At a socket of the file system that only its owner may use. What an agent that was killed has left there is replaced.
   * @throws the error of listen(2), with its code.
   */
  async listenAt(path: string): Promise<string> {
    if (await isAbandoned(path)) unlinkSync(path);
    // Others must not get in between bind(2) and chmod(2).
    const before = process.umask(0o177);
    try {
      await this.#listen({ path });
    } finally {
      process.umask(before);
    }
    return path;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(options: ListenOptions): Promise<void> {
    await new Promise<void>((done, failed) => {
      this.#server.once('error', failed);
      this.#server.listen(options, () => {
        this.#server.off('error', failed);
        done();
      });
    });
  }
}

/** A socket at which nobody listens. */
async function isAbandoned(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return false;
  const socket = connect({ path });
  const code = await new Promise<string>((done) => {
    socket.once('connect', () => done(''));
    socket.once('error', (error) => done(codeOf(error) ?? ''));
  });
  socket.destroy();
  return code === 'ECONNREFUSED';
}

async function answer(
  routes: Routes,
  guard: (request: IncomingMessage) => Reply | null,
  request: IncomingMessage,
  gone: AbortSignal,
): Promise<Reply> {
  try {
    const refused = guard(request);
    if (refused !== null) return refused;
    const url = new URL(`http://agent${request.url ?? '/'}`);
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    const handler = routes[`${method} ${url.pathname}`];
    if (handler === undefined) return notFound(routes, url.pathname);
    const body = await readBody(request);
    if (body === null) return plain('the body is too large', 413);
    return await handler({ method, path: url.pathname, query: url.searchParams, headers: request.headers, body, gone });
  } catch (error) {
    return plain(`internal error: ${messageOf(error)}`, 500);
  }
}

function notFound(routes: Routes, path: string): Reply {
  const methods = Object.keys(routes).filter((route) => route.endsWith(` ${path}`));
  if (methods.length > 0) return plain(`${path} answers to ${methods.map((route) => route.split(' ')[0]).join(', ')}`, 405);
  return plain(`no such page; there are:\n${Object.keys(routes).join('\n')}`, 404);
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply, body: string): void {
  // RFC 9110, section 15.4.5: a 304 has no content, whose length would be that of a 200.
  const length = reply.status === 304 ? {} : { 'content-length': Buffer.byteLength(body) };
  response.writeHead(reply.status, { ...headersOf(reply), ...length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** An error on the way breaks the response off: its client must not take it for a whole one. */
async function stream(request: IncomingMessage, response: ServerResponse, reply: Reply, chunks: AsyncIterable<Buffer>): Promise<void> {
  response.writeHead(reply.status, headersOf(reply));
  if (request.method === 'HEAD') return void response.end();
  response.flushHeaders();
  try {
    for await (const chunk of chunks) {
      if (!(await written(response, chunk))) return;
      await setImmediate();
    }
    response.end();
  } catch {
    response.destroy();
  }
}

const headersOf = ({ type, headers }: Reply) => ({
  ...{ 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  ...headers,
});
