/** The client of a pod: reads groups of requests from its input, a line of JSON each, and prints what it saw of each request. */
import { Agent, request as http1 } from 'node:http';
import { connect as http2 } from 'node:http2';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Arrival, type Asked, headerMap, type HeaderMap, type Seen } from './exchange.ts';

const BODY_SHOWN = 300;
const TIMEOUT_S = 30;
const LINGER_MS = 150;

interface Answer {
  readonly status: number;
  readonly raw: readonly string[];
  readonly body: string;
}

const print = (fields: object): void => void process.stdout.write(`${JSON.stringify(fields)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const group = JSON.parse(line) as Asked;
  await delay(group.wait_ms ?? 0);
  if (group.tcp !== undefined) print(await overTcp(group, group.tcp));
  else await ask(group);
  print({ done: group.name });
}

/** All requests of a group, so many at a time. */
async function ask(group: Asked): Promise<void> {
  const { count = 1, parallel = 1, interval_ms: interval = 0 } = group;
  const send = group.proto === 'h2c' ? overHttp2(group) : overHttp1(group);
  const cookies = new Map<string, string>();
  const under = new Set<Promise<void>>();
  for (let i = 0; i < count; i++) {
    const one = once(group, i, cookies, send).then((seen) => print(seen));
    const entry = one.finally(() => under.delete(entry));
    under.add(entry);
    if (interval > 0) await delay(interval);
    if (under.size >= parallel) await (parallel === 1 ? entry : Promise.race(under));
  }
  await Promise.all(under);
  send.close();
}

async function once(group: Asked, i: number, cookies: Map<string, string>, send: Sender): Promise<Seen> {
  const id = `${group.name}#${i}`;
  const headers: HeaderMap = { 'User-Agent': 'meshtool', 'X-Oracle-Id': id, ...group.headers };
  if (group.jar === true && cookies.size > 0) headers['Cookie'] = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const started = performance.now();
  const ms = (): number => Math.round((performance.now() - started) * 10) / 10;
  try {
    const { status, raw, body } = await send.send(headers);
    const map = headerMap(raw);
    for (const cookie of [map['set-cookie'] ?? []].flat()) {
      const [pair = ''] = cookie.split(';', 1);
      cookies.set(...(pair.split(/=(.*)/s, 2) as [string, string]));
    }
    return { name: group.name, i, id, status, ms: ms(), headers: map, ...contentOf(body) };
  } catch (error) {
    return { name: group.name, i, id, ms: ms(), error: (error as Error).message };
  }
}

function contentOf(body: string): Pick<Seen, 'echo' | 'body'> {
  try {
    const echo = JSON.parse(body) as Arrival;
    if (typeof echo.pod === 'string') return { echo };
  } catch {
    // Not from an echo server.
  }
  return { body: body.slice(0, BODY_SHOWN) };
}

interface Sender {
  send(headers: HeaderMap): Promise<Answer>;
  close(): void;
}

function overHttp1({ ip, dialled, host = `${ip}:${dialled}`, method = 'GET', path = '/', body, parallel = 1, ...rest }: Asked): Sender {
  const agent = new Agent({ keepAlive: rest.new_conn !== true, maxSockets: parallel });
  const send = (headers: HeaderMap): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const named = { Host: host, ...headers, ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }) };
      const options = { agent, host: ip, port: dialled, method, path, headers: named, setHost: false };
      const request = http1(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, raw: response.rawHeaders, body: text }));
        response.on('error', reject);
      });
      request.removeHeader('connection');
      request.setTimeout((rest.timeout_s ?? TIMEOUT_S) * 1000, () => request.destroy(new Error('timeout')));
      request.on('error', reject);
      request.end(body);
    });
  return { send, close: () => agent.destroy() };
}

function overHttp2({ ip, dialled, host = `${ip}:${dialled}`, method = 'GET', path = '/', body }: Asked): Sender {
  const session = http2(`http://${ip}:${dialled}`);
  session.on('error', () => {});
  const send = (headers: HeaderMap): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      // As the client of Go says it, by which the answers were recorded.
      const length =
        body === undefined && !['POST', 'PUT', 'PATCH'].includes(method) ? {} : { 'content-length': Buffer.byteLength(body ?? '') };
      const named = { ':authority': host, ':method': method, ':path': path, ...lower, ...length };
      const stream = session.request(named, { endStream: body === undefined });
      let status = 0;
      let raw: string[] = [];
      let text = '';
      stream.on('response', (answered) => {
        status = answered[':status'] ?? 0;
        raw = Object.entries(answered).flatMap(([name, value]) =>
          name.startsWith(':') ? [] : [value ?? []].flat().flatMap((one) => [name, one]),
        );
      });
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      stream.on('end', () => resolve({ status, raw, body: text }));
      stream.on('error', reject);
      if (body !== undefined) stream.end(body);
    });
  return { send, close: () => session.close() };
}

/** Everything is sent at once; the client's half is closed a moment later, so that nobody takes it for one that has left. */
function overTcp({ name, ip, dialled, timeout_s: timeoutS = TIMEOUT_S }: Asked, texts: readonly string[]): Promise<Seen> {
  return new Promise((resolve) => {
    const started = performance.now();
    let received = '';
    let error: string | undefined;
    const socket = connect({ host: ip, port: dialled, allowHalfOpen: true }, () => {
      for (const text of texts) socket.write(text);
      // An HTTP server ends the connection itself; it may be slow.
      if (!texts.some((text) => / HTTP\/1\.\d\r\n/.test(text))) setTimeout(() => socket.end(), LINGER_MS);
    });
    socket.setTimeout(timeoutS * 1000, () => socket.destroy(new Error('timeout')));
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    socket.on('error', (fault) => (error = fault.message));
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      const ms = Math.round((performance.now() - started) * 10) / 10;
      resolve({ name, i: 0, id: name, received, ms, ...(error !== undefined && { error }) });
    });
  });
}
