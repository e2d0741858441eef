/** Writing no faster than somebody reads. */
import type { Writable } from 'node:stream';

/** Whether the chunk has been taken, and may be written over; false: the stream has been closed. */
export function written(stream: Writable, chunk: Buffer): Promise<boolean> {
  if (stream.destroyed) return Promise.resolve(false);
  return new Promise((done) => {
    // A compressor that is destroyed tells nothing of what it had not taken.
    const gone = (): void => done(false);
    stream.once('close', gone);
    stream.write(chunk, (error) => {
      stream.off('close', gone);
      done(error === null || error === undefined);
    });
  });
}
