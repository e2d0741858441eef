/** Long replies for clients that take gzip, as Prometheus does. Node.js compresses on threads of its own, not on the control thread. */
import type { Gzip } from 'node:zlib';
import { written } from './backpressure.ts';

// Loaded as http-server.ts loads node:http.
const { createGzip } = process.getBuiltinModule('node:zlib');

/** Labels repeat so much that 85 MB of metrics are 1.2 MB at this level, and a higher one takes more than twice as long for 0.9. */
const LEVEL = 2;

/** @param acceptEncoding the request's header. */
export function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  return [acceptEncoding ?? []]
    .flat()
    .some((field) => field.split(',').some((coding) => /^\s*(x-)?gzip\s*(;\s*q=(1(\.0*)?|0\.\d*[1-9]\d*)\s*)?$/i.test(coding)));
}

/** Asks for the next chunk when it is done with the last one. Whoever stops early stops what makes them, too. */
export async function* gzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level: LEVEL });
  const fed = feed(gzip, chunks);
  try {
    yield* gzip as AsyncIterable<Buffer>;
  } finally {
    gzip.destroy();
    await fed;
  }
}

/** Errors of the source are told to those who read the result. */
async function feed(gzip: Gzip, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (!(await written(gzip, chunk))) return;
    }
    gzip.end();
  } catch (error) {
    gzip.destroy(error as Error);
  }
}
