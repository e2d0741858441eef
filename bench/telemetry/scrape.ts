/** What a scrape of a hundred thousand series takes, and what traffic notices of it. */
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { generate } from '../load.ts';
import { freePort } from '../process.ts';
import type { Stage } from '../stage.ts';
import { manySeries } from './variants.ts';

/** A value of the tag makes a counter and three histograms of 22 lines, for each of two reporters. */
const LINES = 134;
const LOAD = { conns: 64, rate: 5000, secs: 3, warm: 0.3 };

export interface ScrapeRun {
  /** Lines of the exposition that are no comments. */
  readonly lines: number;
  /** In plain text. */
  readonly megabytes: number;
  /** Of scrapes as Prometheus asks for them, in gzip. */
  readonly milliseconds: readonly number[];
  /** Of some without, before the traffic. */
  readonly plainMilliseconds: readonly number[];
  /** Microseconds at 5000 requests/s, by repetition: without scrapes, with one a second, with one after the other. */
  readonly p99: readonly (readonly [quiet: number, usual: number, ceaseless: number])[];
}

/** Or why there is none. */
export async function measureScrapes(stage: Stage, lines: number, repetitions: number): Promise<ScrapeRun | string> {
  const metrics = await freePort();
  const started = await stage.start(manySeries(metrics));
  if ('why' in started) return started.why;
  const { ports, process } = started;
  try {
    await makeSeries(ports.port, ports.upstreamPort, Math.ceil(lines / LINES));
    const { lines: found, bytes } = await read(metrics);
    const plainMilliseconds = await inTurn(repetitions, () => scrape(metrics, 'identity'));
    const milliseconds = await inTurn(repetitions, () => scrape(metrics, 'gzip'));
    const p99: [number, number, number][] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const row: number[] = [];
      for (const everyMs of [Infinity, 1000, 0]) {
        const ended = { yes: false };
        const scraping = scrapeUntil(metrics, everyMs, ended, milliseconds);
        const result = await generate(stage.processes, ports, LOAD);
        ended.yes = true;
        await scraping;
        if (result === null || result.failed > 0) return 'requests failed';
        row.push(result.p99);
      }
      p99.push(row as [number, number, number]);
    }
    return { lines: found, megabytes: bytes / 1e6, milliseconds, plainMilliseconds, p99 };
  } finally {
    await process.stop();
  }
}

async function scrapeUntil(port: number, everyMs: number, ended: { readonly yes: boolean }, times: number[]): Promise<void> {
  while (!ended.yes && everyMs !== Infinity) {
    const milliseconds = await scrape(port, 'gzip');
    times.push(milliseconds);
    await new Promise((done) => setTimeout(done, Math.max(1, everyMs - milliseconds)));
  }
}

async function inTurn<T>(times: number, task: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < times; i++) results.push(await task());
  return results;
}

/** Of the client: what came is written over. */
const BUFFER = 256 * 1024;

/**
 * As fast as it comes: nothing is unpacked, parsed or kept. A client that keeps 86 MB as they come has its own memory to wait for, and
 * took three times as long as this one and curl do.
 * @returns milliseconds.
 */
async function scrape(port: number, encoding: 'gzip' | 'identity'): Promise<number> {
  const started = performance.now();
  const socket = connect({ port, host: '127.0.0.1', onread: { buffer: Buffer.allocUnsafe(BUFFER), callback: () => true } });
  socket.write(`GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\naccept-encoding: ${encoding}\r\n\r\n`);
  await once(socket, 'close');
  return performance.now() - started;
}

/** What a scrape brings. */
async function read(port: number): Promise<{ readonly lines: number; readonly bytes: number }> {
  const request = get({ host: '127.0.0.1', port, path: '/metrics' });
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
  const whole = await buffer(response);
  const lines = whole
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#')).length;
  return { bytes: whole.length, lines };
}

/** Requests with as many values of the header, answered by an upstream of our own. */
async function makeSeries(port: number, upstreamPort: number, values: number): Promise<void> {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
  const upstream = createServer((socket) => socket.on('data', () => socket.write(answer)).on('error', () => {})).listen(
    upstreamPort,
    '127.0.0.1',
  );
  await once(upstream, 'listening');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let value = 0; value < values; value++) {
    const headers = { 'x-tenant': 'blue', 'x-series': `value-${value}` };
    const request = get({ host: '127.0.0.1', port, path: '/api/items', agent, headers });
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    await once(response.resume(), 'end');
  }
  agent.destroy();
  upstream.close();
}
