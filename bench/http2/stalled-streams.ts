/** Whether streams of one connection hold up each other: many requests at a time, without and with some whose answer nobody reads. */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { REQUEST } from '../proxies/proxy.ts';
import { LARGE_PATH } from './load.ts';

const STREAMS = 1000;
const STALLED = 20;
/** Of the connection, so that what the stalled streams have received and nobody reads leaves room for the others. */
const CONNECTION_WINDOW = 32 * 1024 * 1024;
/** Megabytes: by itself Node.js refuses further streams of a session that holds more than 10. */
const SESSION_MEMORY = 1000;

export interface StalledStreams {
  readonly streams: number;
  readonly stalled: number;
  /** Of the other streams, milliseconds. */
  readonly p50: readonly [without: number, beside: number];
  readonly p99: readonly [without: number, beside: number];
  readonly failed: number;
}

export async function measureStalledStreams(port: number, seconds: number): Promise<StalledStreams> {
  const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: SESSION_MEMORY });
  session.on('error', () => session.destroy());
  await once(session, 'remoteSettings');
  session.setLocalWindowSize(CONNECTION_WINDOW);
  const streams = Math.min(STREAMS, session.remoteSettings.maxConcurrentStreams ?? STREAMS);
  const without = await latencies(session, streams - STALLED, seconds);
  const stalled = Array.from({ length: STALLED }, () => request(session, LARGE_PATH).pause());
  // Until they have received what they may without being read.
  await sleep(200);
  const beside = await latencies(session, streams - STALLED, seconds);
  for (const stream of stalled) stream.close(constants.NGHTTP2_CANCEL);
  session.destroy();
  return {
    streams,
    stalled: STALLED,
    p50: [quantile(without.ms, 0.5), quantile(beside.ms, 0.5)],
    p99: [quantile(without.ms, 0.99), quantile(beside.ms, 0.99)],
    failed: without.failed + beside.failed,
  };
}

interface Latencies {
  readonly ms: number[];
  failed: number;
}

/** Of requests of which so many are always on their way. */
async function latencies(session: ClientHttp2Session, parallel: number, seconds: number): Promise<Latencies> {
  const result: Latencies = { ms: [], failed: 0 };
  const end = performance.now() + seconds * 1000;
  const loop = async (): Promise<void> => {
    while (performance.now() < end && !session.destroyed) {
      const began = performance.now();
      if (await answered(session)) result.ms.push(performance.now() - began);
      else result.failed++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, loop));
  return result;
}

async function answered(session: ClientHttp2Session): Promise<boolean> {
  const stream = request(session, REQUEST.path).resume();
  let status = 0;
  stream.on('response', (headers) => (status = headers[':status'] ?? 0));
  try {
    await once(stream, 'close');
    return status === 200;
  } catch {
    return false;
  }
}

function request(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const [name, value] = REQUEST.header.split(': ') as [string, string];
  const stream = session.request({ ':path': path, [name]: value });
  stream.on('error', () => stream.close());
  return stream;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
