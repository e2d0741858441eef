/** What the four services share: an HTTP server that logs what it received and says which pod answered. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Aborted when the caller went away before the answer was complete. */
  readonly gone: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Why it is not what was asked for: for the log. */
  readonly reason?: string;
}

export interface ServiceOptions {
  readonly name: string;
  readonly pod: string;
  readonly port: number;
  readonly address?: string;
  readonly handle: (request: Received) => Answer | Promise<Answer>;
  readonly log?: (entry: LogEntry) => void;
}

export type LogEntry =
  | { event: 'listening'; service: string; pod: string; port: number }
  | { event: 'received'; pod: string; id: number; method: string; url: string; from: string; headers: IncomingHttpHeaders }
  | { event: 'answered'; pod: string; id: number; status: number; ms: number; reason?: string }
  | { event: 'abandoned'; pod: string; id: number; ms: number };

export interface Service {
  readonly port: number;
  close(): Promise<void>;
}

/** Names the pod that answered: what a caller of a load-balanced service wants to know in a demonstration. */
export const SERVED_BY = 'x-served-by';

/** Short, as a mesh that is put around running pods takes over new connections only. Clients are told, and close a second earlier. */
const IDLE_LIMIT_MS = 3000;
const BODY_LIMIT = 64 * 1024;

export async function serve(options: ServiceOptions): Promise<Service> {
  const log = options.log ?? ((entry) => process.stdout.write(`${JSON.stringify(entry)}\n`));
  let sequence = 0;
  const server = createServer((request, response) => {
    void answer(options, log, ++sequence, request, response);
  });
  server.keepAliveTimeout = IDLE_LIMIT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address ?? '::', resolve);
  });
  const { port } = server.address() as AddressInfo;
  log({ event: 'listening', service: options.name, pod: options.pod, port });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Runs a service as a container's main process: stops when asked to. */
export async function run(options: Omit<ServiceOptions, 'pod' | 'port'> & { defaultPort: number }): Promise<void> {
  const { PORT, POD_NAME } = process.env;
  const service = await serve({ ...options, port: Number(PORT ?? options.defaultPort), pod: POD_NAME ?? hostname() });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void service.close().then(() => process.exit(0)));
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json;charset=utf-8', ...headers }, body: JSON.stringify(value) };
}

/** The body as an object, or null where it is none: the caller decides which refusal that is. */
export function jsonObject(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null; // not JSON: an expected refusal, not a fault
  }
}

async function answer(
  options: ServiceOptions,
  log: (entry: LogEntry) => void,
  id: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const started = performance.now();
  const { pod } = options;
  const { method = 'GET', url = '/', headers } = request;
  const elapsed = (): number => Math.round(performance.now() - started);
  log({ event: 'received', pod, id, method, url, from: request.socket.remoteAddress ?? '', headers });
  const gone = new AbortController();
  let reason: string | undefined;
  response.once('close', () => {
    const because = reason === undefined ? {} : { reason };
    if (response.writableFinished) return log({ event: 'answered', pod, id, status: response.statusCode, ms: elapsed(), ...because });
    gone.abort();
    log({ event: 'abandoned', pod, id, ms: elapsed() });
  });
  const result = await produce(options, request, gone.signal);
  reason = result.reason;
  if (response.destroyed) return;
  const body = result.body ?? '';
  response.writeHead(result.status, { [SERVED_BY]: pod, 'content-length': Buffer.byteLength(body), ...result.headers });
  response.end(method === 'HEAD' ? undefined : body);
}

async function produce(options: ServiceOptions, request: IncomingMessage, gone: AbortSignal): Promise<Answer> {
  const { method = 'GET', url = '/', headers } = request;
  try {
    const body = await readBody(request);
    if (body === null) return { status: 413, headers: { connection: 'close' } };
    return await options.handle({ method, path: url.split('?', 1)[0] ?? '/', headers, body, gone });
  } catch (error) {
    if (!gone.aborted) process.stderr.write(`${options.name}: ${method} ${url}: ${String(error)}\n`);
    return { status: 500 };
  }
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
