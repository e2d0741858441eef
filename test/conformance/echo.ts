/**
 * The application of a pod: answers with what it saw, and obeys `x-echo-*` headers. Prints a line of JSON for each request.
 * Usage: echo.ts POD LABELS PORT:http|tcp…
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createTcp, type Socket } from 'node:net';
import { headerMap } from './exchange.ts';

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

const [, , pod = '', labelText = '{}', ...ports] = process.argv;
const labels = JSON.parse(labelText) as Record<string, string>;
/** By id and Host, how often it came. */
const counts = new Map<string, number>();
const http1 = createServer((request, response) => serve(request, response));
const http2 = createHttp2((request, response) => serve(request, response));

const print = (fields: object): void => void process.stdout.write(`${JSON.stringify(fields)}\n`);
const now = (): number => performance.timeOrigin + performance.now();
const option = (request: Request, name: string): string => String(request.headers[`x-echo-${name}`] ?? '');

/** Both protocols at one port, by the first bytes. */
function acceptHttp(socket: Socket): void {
  socket.on('error', () => {});
  socket.once('data', (bytes: Buffer) => {
    socket.pause();
    socket.unshift(bytes);
    (bytes.toString('latin1').startsWith('PRI ') ? http2 : http1).emit('connection', socket);
    process.nextTick(() => socket.resume());
  });
}

function acceptTcp(socket: Socket): void {
  let rest = '';
  const answer = (line: string): void => void socket.write(`${pod}: ${line}`);
  socket.on('error', () => {});
  socket.write(`hello from ${pod}\n`);
  socket.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString('utf8')).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) answer(`${line}\n`);
  });
  socket.on('end', () => {
    if (rest !== '') answer(rest);
    socket.end();
  });
}

function serve(request: Request, response: Response): void {
  const t = now();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('error', () => {});
  request.on('end', () => answer(request, response, t, Buffer.concat(chunks).length));
}

function answer(request: Request, response: Response, t: number, bodyBytes: number): void {
  const headers = headerMap(request.rawHeaders.filter((_, index) => !request.rawHeaders[index - (index % 2)]?.startsWith(':')));
  const host = String(request.headers[':authority'] ?? request.headers.host ?? '');
  delete headers['host'];
  const id = String(request.headers['x-oracle-id'] ?? '');
  const nth = (counts.get(`${id}|${host}`) ?? 0) + 1;
  counts.set(`${id}|${host}`, nth);
  const proto = request.httpVersionMajor === 2 ? 'HTTP/2.0' : `HTTP/${request.httpVersion}`;
  const facts = { t, pod, id, method: request.method ?? '', uri: request.url ?? '', host, proto, headers, bodyBytes };
  const obeys = applies(request, nth);
  const delayMs = obeys ? Number(option(request, 'delay-ms')) : 0;
  const finish = (): void => reply(request, response, facts, obeys);
  if (delayMs === 0) return finish();
  const timer = setTimeout(finish, delayMs);
  response.on('close', () => {
    if (response.writableEnded) return;
    clearTimeout(timer);
    print({ ...facts, cancelled: true });
  });
}

function applies(request: Request, nth: number): boolean {
  const [only, label, first] = ['pod', 'label', 'fail-first'].map((name) => option(request, name)) as [string, string, string];
  const [key = '', value] = label.split('=', 2);
  return (only === '' || only === pod) && (label === '' || labels[key] === value) && (first === '' || nth <= Number(first));
}

function reply(request: Request, response: Response, facts: object, obeys: boolean): void {
  if (obeys && option(request, 'reset') !== '') {
    print({ ...facts, reset: true });
    if ('resetAndDestroy' in request.socket) request.socket.resetAndDestroy();
    return;
  }
  const status = (obeys && Number(option(request, 'status'))) || 200;
  const set = obeys ? [request.headers['x-echo-set'] ?? []].flat() : [];
  for (const line of set) {
    const [name = '', value = ''] = line.split(/:(.*)/s, 2);
    response.appendHeader(name, value.trim());
  }
  print({ ...facts, status });
  const body = `${JSON.stringify({ ...facts, status })}\n`;
  const empty = status === 204 || status === 304;
  response.setHeader('content-type', 'application/json');
  if (!empty) response.setHeader('content-length', Buffer.byteLength(body));
  response.statusCode = status;
  response.end(empty || request.method === 'HEAD' ? '' : body);
}

const listening = ports.map((entry) => {
  const [port, kind] = entry.split(':', 2);
  const server = createTcp({ allowHalfOpen: kind === 'tcp' }, kind === 'tcp' ? acceptTcp : acceptHttp);
  return new Promise<void>((resolve) => void server.listen(Number(port), '0.0.0.0', resolve));
});
await Promise.all(listening);
print({ ready: true });
