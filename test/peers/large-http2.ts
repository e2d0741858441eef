/**
 * Uses of HTTP/2 that are larger than most, by Node.js as client and as server, directly and through a gateway: what fails through the
 * gateway and not without it is a fault of the gateway. `scripts/peers large-http2 [NAME…]`.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type IncomingHttpHeaders, type ServerHttp2Stream, type Settings } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startGateway, stopAll } from './processes.ts';

const FIRST_GATEWAY = 28_200;
const LARGE = 50 * 1024 * 1024;
const LASTING_MS = Number(process.env['LASTING_MS'] ?? 60_000);

const EVENTS = 20;
const PATIENCE_MS = 120_000;
const eventOf = (nth: number): string => `data: ${nth}\n\n`;
/** Of events, by the reader: called when it has the last one. */
const takers = new Map<string, () => void>();
let readers = 0;

type Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => unknown;

interface Use {
  readonly name: string;
  readonly settings?: Settings;
  readonly handler: Handler;
  /** Uses the server at this port. @returns what happened, or throws: it did not all succeed. */
  readonly run: (port: number) => Promise<unknown>;
  /** Why it fails through a gateway. */
  readonly known?: string;
  /** Directly it fails, where nothing sends requests elsewhere. */
  readonly gatewayOnly?: boolean;
}

/** In megabytes: beyond its usual ten Node.js gives up streams by itself. */
const MEMORY = { maxSessionMemory: 1000 };

const connect = (port: number): ClientHttp2Session => http2.connect(`http://127.0.0.1:${port}`, MEMORY).on('error', () => {});

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly content: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

async function ask(session: ClientHttp2Session, headers: http2.OutgoingHttpHeaders, content?: Buffer): Promise<Answer> {
  const stream = session.request({ ':method': content === undefined ? 'GET' : 'POST', ...headers });
  let given: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (found) => (given = found));
  stream.on('trailers', (found: IncomingHttpHeaders) => (trailers = found));
  stream.end(content);
  const received = await collect(stream);
  assert.equal(stream.rstCode, 0);
  return { status: Number(given[':status']), headers: given, content: received, trailers };
}

/** So many at a time until all are done. */
async function parallel(count: number, width: number, task: (nth: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function withSessions(
  port: number,
  count: number,
  use: (sessions: readonly ClientHttp2Session[]) => Promise<unknown>,
): Promise<void> {
  const sessions = Array.from({ length: count }, () => connect(port));
  try {
    await use(sessions);
  } finally {
    for (const session of sessions) session.destroy();
  }
}

const succeed = async (session: ClientHttp2Session, headers: http2.OutgoingHttpHeaders = {}): Promise<void> =>
  assert.equal((await ask(session, headers)).status, 200);
const fine: Handler = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('x'.repeat(1000));
};
const echo: Handler = (stream) => {
  stream.respond({ ':status': 200 });
  stream.pipe(stream);
};

const long = (bytes: number, fields: number): http2.OutgoingHttpHeaders =>
  Object.fromEntries(Array.from({ length: fields }, (_, nth) => [`x-field-${nth}`, 'v'.repeat(Math.floor(bytes / fields))]));
const bytesOf = (headers: IncomingHttpHeaders): number =>
  Object.entries(headers).reduce((sum, [name, value]) => sum + (name.startsWith('x-field-') ? String(value).length : 0), 0);

/** One that ends each of its connections after a hundred streams. */
function restless(): Handler {
  const served = new WeakMap<object, number>();
  return (stream) => {
    const session = stream.session as http2.ServerHttp2Session;
    const nth = (served.get(session) ?? 0) + 1;
    served.set(session, nth);
    fine(stream, {});
    if (nth === 100) session.goaway(0, stream.id);
    if (nth === 100) session.close();
  };
}

const USES: readonly Use[] = [
  {
    name: '10 000 streams over 100 connections',
    handler: fine,
    run: (port) =>
      withSessions(port, 100, (sessions) => parallel(10_000, 1000, (nth) => succeed(sessions[nth % 100] as ClientHttp2Session))),
  },
  {
    name: '50 MB each way',
    handler: echo,
    run: (port) =>
      withSessions(port, 1, async ([session]) => {
        const content = Buffer.alloc(LARGE, 'nodeway ');
        const digest = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');
        const { content: got } = await ask(session as ClientHttp2Session, {}, content);
        assert.equal(digest(got), digest(content));
      }),
  },
  {
    name: '1000 streams in both directions at a time',
    handler: echo,
    run: (port) =>
      withSessions(port, 10, (sessions) =>
        parallel(1000, 1000, async (nth) => {
          const stream = (sessions[nth % 10] as ClientHttp2Session).request({ ':method': 'POST' });
          let received = 0;
          stream.on('data', (chunk: Buffer) => (received += chunk.length));
          const end = performance.now() + LASTING_MS;
          let sent = 0;
          while (performance.now() < end) {
            stream.write('message ');
            sent += 8;
            await delay(1000 + (nth % 500));
          }
          stream.end();
          await once(stream, 'close');
          assert.deepEqual([stream.rstCode, received], [0, sent]);
        }),
      ),
  },
  {
    name: 'slow readers beside quick ones',
    handler: (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(1024 * 1024));
    },
    run: (port) =>
      withSessions(port, 2, async ([slow, quick]) => {
        const slowly = parallel(50, 50, async () => {
          const stream = (slow as ClientHttp2Session).request({});
          let size = 0;
          for await (const chunk of stream) {
            size += (chunk as Buffer).length;
            await delay(20);
          }
          assert.equal(size, 1024 * 1024);
        });
        const quickly = parallel(100, 10, async () => {
          assert.equal((await ask(quick as ClientHttp2Session, {})).content.length, 1024 * 1024);
        });
        await Promise.all([slowly, quickly]);
      }),
  },
  {
    name: 'half of the calls are given up',
    handler: async (stream) => {
      await delay(Math.random() * 30);
      if (!stream.destroyed) fine(stream, {});
    },
    run: (port) =>
      withSessions(port, 4, (sessions) =>
        parallel(2000, 200, async (nth) => {
          const session = sessions[nth % 4] as ClientHttp2Session;
          if (nth % 8 < 4) return succeed(session);
          const stream = session.request({}).on('error', () => {});
          await delay(Math.random() * 30);
          stream.close(http2.constants.NGHTTP2_CANCEL);
        }),
      ),
  },
  {
    name: 'a server that ends each connection after 100 streams',
    gatewayOnly: true,
    handler: restless(),
    run: (port) => withSessions(port, 10, (sessions) => parallel(5000, 100, (nth) => succeed(sessions[nth % 10] as ClientHttp2Session))),
  },
  {
    name: 'a server that takes one stream at a time',
    // Node.js' client asks for more than one before it knows.
    gatewayOnly: true,
    settings: { maxConcurrentStreams: 1 },
    handler: fine,
    run: (port) => withSessions(port, 10, (sessions) => parallel(1000, 50, (nth) => succeed(sessions[nth % 10] as ClientHttp2Session))),
  },
  {
    name: 'header lists of 55 KiB each way',
    settings: { maxHeaderListSize: 70_000 },
    handler: (stream, headers) => {
      stream.respond({ ':status': 200, ...long(bytesOf(headers), 80) });
      stream.end();
    },
    run: (port) =>
      withSessions(port, 1, ([session]) =>
        parallel(100, 10, async () => {
          const { headers } = await ask(session as ClientHttp2Session, long(55_040, 80));
          assert.equal(bytesOf(headers), 55_040);
        }),
      ),
  },
  {
    name: '500 fields',
    known: 'a head has at most 100 fields, as with Envoy (docs/differences.md): 431',
    handler: fine,
    run: (port) => withSessions(port, 1, ([session]) => succeed(session as ClientHttp2Session, long(5000, 500))),
  },
  {
    name: 'trailers of 8 KiB each way',
    handler: (stream) => {
      stream.on('trailers', (found: IncomingHttpHeaders) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers(long(bytesOf(found), 10)));
        stream.end('fine');
      });
      stream.resume();
    },
    run: (port) =>
      withSessions(port, 1, ([session]) =>
        parallel(100, 10, async () => {
          const stream = (session as ClientHttp2Session).request({ ':method': 'POST' }, { waitForTrailers: true });
          let trailers: IncomingHttpHeaders = {};
          stream.on('trailers', (found: IncomingHttpHeaders) => (trailers = found));
          stream.on('wantTrailers', () => stream.sendTrailers(long(8000, 10)));
          stream.end('content');
          await collect(stream);
          assert.equal(bytesOf(trailers), 8000);
        }),
      ),
  },
  {
    name: 'a server that goes on after its client has ended, and a client that goes on after its server has ended',
    handler: async (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/early') return void stream.end('answer');
      stream.resume();
      await once(stream, 'end');
      for (let i = 0; i < 5; i++) {
        stream.write('more ');
        await delay(20);
      }
      stream.end();
    },
    run: (port) =>
      withSessions(port, 1, async ([session]) => {
        const own = session as ClientHttp2Session;
        assert.equal(String((await ask(own, { ':path': '/late' }, Buffer.from('x'))).content), 'more '.repeat(5));
        const stream = own.request({ ':method': 'POST', ':path': '/early' }).on('error', () => {});
        stream.write('begin');
        assert.equal(String(await collect(stream)), 'answer');
        stream.end('rest');
        await succeed(own, { ':path': '/early' });
      }),
  },
  {
    name: 'events as they are made, and answers that are long in coming',
    handler: async (stream, headers) => {
      if (headers[':path'] === '/poll') {
        await delay(10_000);
        return fine(stream, headers);
      }
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      for (let nth = 0; nth < EVENTS; nth++) {
        // One that is held back until the next one comes would never arrive.
        const taken = new Promise<void>((resolve) => takers.set(String(headers['x-reader']), resolve));
        stream.write(eventOf(nth));
        await taken;
      }
      stream.end();
    },
    run: (port) =>
      withSessions(port, 1, async ([session]) => {
        const own = session as ClientHttp2Session;
        const polled = ask(own, { ':path': '/poll' });
        await parallel(100, 100, async () => {
          const reader = String(readers++);
          const stream = own.request({ ':path': '/events', 'x-reader': reader });
          const late = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), PATIENCE_MS);
          let text = '';
          for await (const chunk of stream) {
            text += String(chunk);
            if (text.endsWith('\n\n')) takers.get(reader)?.();
          }
          clearTimeout(late);
          assert.equal(text, Array.from({ length: EVENTS }, (_, nth) => eventOf(nth)).join(''));
        });
        assert.equal((await polled).status, 200);
      }),
  },
];

async function verdict(run: Promise<unknown>): Promise<string> {
  try {
    await run;
    return 'succeeds';
  } catch (error) {
    return `fails: ${(error as Error).message.split('\n').join(' ')}`;
  }
}

let failed = 0;
const words = process.argv.slice(2);
const uses = USES.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
for (const [index, { name, settings = {}, handler, run, known, gatewayOnly = false }] of uses.entries()) {
  const server = http2.createServer({
    ...MEMORY,
    settings,
    maxHeaderListPairs: 600,
    maxSendHeaderBlockLength: 100_000,
  } as http2.ServerOptions);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    void Promise.resolve(handler(stream, headers)).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await startGateway(FIRST_GATEWAY + index, port, 'http2');
  // At the same time: the longest of them does little for a minute.
  const [direct, through] = await Promise.all([gatewayOnly ? 'succeeds' : verdict(run(port)), verdict(run(FIRST_GATEWAY + index))]);
  const isAsExpected = known === undefined ? through === direct && direct === 'succeeds' : through !== direct;
  if (!isAsExpected) failed++;
  console.log(`${isAsExpected ? 'ok    ' : 'FAILED'} ${name}: ${gatewayOnly ? '' : `directly ${direct}, `}through the gateway ${through}`);
  stopAll();
  server.close();
}
console.log(`${uses.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
