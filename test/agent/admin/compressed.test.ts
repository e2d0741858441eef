import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { gzipped, takesGzip } from '../../../src/agent/admin/compressed.ts';

t.test('which clients take gzip', async (t) => {
  for (const field of ['gzip', 'deflate, gzip', 'gzip;q=0.5', 'br;q=1.0, gzip; q=1.000', 'X-GZIP', 'identity;q=0,gzip;q=0.001']) {
    t.equal(takesGzip(field), true, field);
  }
  for (const field of [undefined, '', 'identity', 'gzip;q=0', 'gzip; q=0.000', '*;q=0', 'gzipped', 'br']) {
    t.equal(takesGzip(field), false, String(field));
  }
});

t.test('chunks that are all one buffer arrive as they were', async (t) => {
  const buffer = Buffer.alloc(200_000);
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let i = 0; i < 30; i++) {
      await Promise.resolve();
      yield buffer.fill(i);
    }
  }
  const received: Buffer[] = [];
  for await (const part of gzipped(chunks())) received.push(Buffer.from(part));
  const whole = gunzipSync(Buffer.concat(received));
  t.equal(whole.length, 30 * buffer.length);
  for (let i = 0; i < 30; i++) t.ok(whole.subarray(i * buffer.length, (i + 1) * buffer.length).every((byte) => byte === i));
});

/** That nothing makes smaller, so that a compressor fills up when nobody reads. */
const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => Math.trunc(Math.abs(Math.sin(i)) * 1e9) & 0xff));

t.test('whoever stops reading stops what makes the chunks', async (t) => {
  let over = false;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        await Promise.resolve();
        yield noise;
      }
    } finally {
      over = true;
    }
  }
  for await (const part of gzipped(chunks())) if (part.length > 0) break;
  t.ok(over);
});

t.test('an error of what makes the chunks is no end', async (t) => {
  async function* chunks(): AsyncGenerator<Buffer> {
    await Promise.resolve();
    yield noise;
    throw new Error('broken');
  }
  const read = async (): Promise<void> => {
    for await (const part of gzipped(chunks())) t.ok(part.length > 0);
  };
  await t.rejects(read(), { message: 'broken' });
});
