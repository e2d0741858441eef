/**
 * Node.js' HTTP/2 with itself, directly and through a gateway: whatever a client asks and a server answers, both see the same. Requests are
 * drawn at random; `SEED=…` repeats a run or is `random`. `scripts/peers node-http2 [COUNT]`.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import * as fc from '../base/fast-check.ts';
import { seed } from '../base/seed.ts';
import { startGateway, stopAll } from './processes.ts';

const GATEWAY = 28_181;
const PARALLEL = 8;
const count = Number(process.argv[2] ?? 400);

type Headers = Readonly<Record<string, string | string[]>>;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: readonly number[];
  readonly trailers: Headers;
  readonly early: boolean;
  /** After the body instead of its end; 0: none. */
  readonly reset: number;
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** Sizes of what is written at a time. */
  readonly body: readonly number[];
  readonly trailers: Headers;
  readonly answer: Answer;
}

/** What one side has seen, in a form that compares. */
type Seen = Readonly<Record<string, unknown>>;

interface Both {
  readonly client: Seen;
  readonly server: Seen | undefined;
}

const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019 ;=,"/%~\u00e4'.split('')), maxLength: 60 }).map((value) => value.trim());
const headers = fc.dictionary(
  fc.constantFrom('x-a', 'x-b', 'accept', 'x-long', 'grpc-metadata', 'x-tag'),
  fc.oneof(text, text.map((value) => value.repeat(40)), fc.array(text, { minLength: 2, maxLength: 3 })),
  { maxKeys: 4, noNullPrototype: true },
); // prettier-ignore
const trailers = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  fc.dictionary(fc.constantFrom('x-end', 'grpc-status', 'x-sum'), text, { maxKeys: 2, noNullPrototype: true }),
);
const body = fc.array(fc.oneof(fc.nat(20), fc.nat(5000), fc.constantFrom(16_384, 65_535, 65_536, 200_000)), { maxLength: 4 });
const answer: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom(200, 200, 200, 201, 302, 404, 500, 503),
  headers,
  body,
  trailers,
  early: fc.boolean(),
  reset: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constantFrom(constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR)),
});
const exchange: fc.Arbitrary<Exchange> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
  path: fc.constantFrom('/', '/a?b=c', '/a%20b/c;d', '/x//y', '/long/' + 'z'.repeat(2000)),
  headers,
  body,
  trailers,
  answer,
});

/** By its number, what the server is to answer, and what it has seen. */
const answers = new Map<string, Answer>();
const seenByServer = new Map<string, Seen>();

/** What a proxy owes, and what Node adds by itself. */
const OF_PROXIES =
  /^(x-forwarded-.*|x-envoy-.*|x-request-id|x-number|via|server|date|:authority|:scheme|content-length|sensitive-headers)$/;

function compared(given: IncomingHttpHeaders): Seen {
  const entries = Object.entries(given).filter(([name]) => !OF_PROXIES.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
}

const bytes = (size: number): Buffer => Buffer.alloc(size, 'nodeway ');

async function digest(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha1');
  let length = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    length += chunk.length;
  }
  return `${length} ${hash.digest('base64')}`;
}

async function serve(stream: ServerHttp2Stream, given: IncomingHttpHeaders): Promise<void> {
  const number = given['x-number'] as string;
  const { status, headers, body, trailers, early, reset } = answers.get(number) as Answer;
  let end: IncomingHttpHeaders = {};
  stream.on('trailers', (found: IncomingHttpHeaders) => (end = found));
  stream.on('error', () => {});
  const begin = (): void => stream.respond({ ':status': status, ...headers }, { waitForTrailers: Object.keys(trailers).length > 0 });
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  if (early) begin();
  const content = await digest(stream);
  seenByServer.set(number, { ...compared(given), content, end: compared(end) });
  if (!early) begin();
  for (const size of body) if (!stream.write(bytes(size))) await once(stream, 'drain');
  if (reset === 0) stream.end();
  // Everything before it is on its way: what comes behind a reset may be dropped by anybody (RFC 9113, section 5.4.2).
  else setTimeout(() => stream.close(reset), 50);
}

async function ask(session: ClientHttp2Session, number: string, { method, path, headers, body, trailers }: Exchange): Promise<Seen> {
  const withTrailers = Object.keys(trailers).length > 0;
  const request = session.request(
    { ':method': method, ':path': path, 'x-number': number, ...headers },
    { waitForTrailers: withTrailers, endStream: false },
  );
  request.on('wantTrailers', () => request.sendTrailers({ ...trailers }));
  let [given, end]: [IncomingHttpHeaders, IncomingHttpHeaders] = [{}, {}];
  request.on('response', (found) => (given = found));
  request.on('trailers', (found: IncomingHttpHeaders) => (end = found));
  request.on('error', () => {});
  for (const size of body) request.write(bytes(size));
  request.end();
  const content = await digest(request).catch(() => 'ended by a reset');
  // A reset behind the end is an error, too.
  if (!request.closed) await new Promise((resolve) => request.once('close', resolve));
  return { ...compared(given), content: request.rstCode === 0 ? content : 'ended by a reset', end: compared(end), reset: request.rstCode };
}

async function both(number: number, wanted: Exchange, sessions: readonly ClientHttp2Session[]): Promise<void> {
  const [direct, through] = await Promise.all(
    sessions.map(async (session, index): Promise<Both> => {
      const name = `${number}-${index}`;
      answers.set(name, wanted.answer);
      return { client: await ask(session, name, wanted), server: seenByServer.get(name) };
    }),
  );
  const what = `exchange ${number} of seed ${seed}: ${JSON.stringify(wanted)}`;
  const { reset } = wanted.answer;
  if (reset === 0) return assert.deepStrictEqual(through, direct, what);
  if (direct?.client['reset'] === reset) resets.direct++;
  if (through?.client['reset'] === reset) resets.through++;
  assert.deepStrictEqual(beforeReset(through, reset), beforeReset(direct, reset), what);
}

/** How many resets clients have seen as such. */
const resets = { direct: 0, through: 0 };

/**
 * Node.js ends a stream that it resets: whoever reads both at once sees an end or a reset, as the machine has time. What is sure is what was
 * sent long before, and that no other code arrives.
 */
function beforeReset(seen: Both | undefined, reset: number): unknown {
  const { content: _, end: __, reset: found, ...answer } = seen?.client ?? {};
  return { answer, server: seen?.server, isExpected: found === 0 || found === reset };
}

const server = http2.createServer();
server.on(
  'stream',
  (stream, given) => void serve(stream, given).catch((error: unknown) => stream.destroyed || console.log(`the server: ${String(error)}`)),
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
let failed = 0;
try {
  await startGateway(GATEWAY, port, 'http2');
  const sessions = [port, GATEWAY].map((at) => http2.connect(`http://127.0.0.1:${at}`));
  const exchanges = fc.sample(exchange, count);
  for (let first = 0; first < count; first += PARALLEL) {
    const some = exchanges.slice(first, first + PARALLEL).map((wanted, index) => both(first + index, wanted, sessions));
    for (const result of await Promise.allSettled(some)) {
      if (result.status === 'fulfilled') continue;
      failed++;
      console.log((result.reason as Error).message);
    }
  }
  for (const session of sessions) session.destroy();
} finally {
  stopAll();
  server.close();
}
console.log(`clients have seen ${resets.direct} resets of the server itself, and ${resets.through} through the gateway`);
if (resets.through * 2 < resets.direct) failed++;
console.log(`${count - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
