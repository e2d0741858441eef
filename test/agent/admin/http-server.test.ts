import { request } from 'node:http';
import t from 'tap';
import { HttpServer } from '../../../src/agent/admin/http-server.ts';

const CHUNK = Buffer.alloc(256 * 1024, 'x');
/** More than the ten listeners that Node.js warns of. */
const CHUNKS = 40;

t.test('a long response waits for its client, and leaves no listener behind each time', async (t) => {
  async function* body(): AsyncGenerator<Buffer> {
    await Promise.resolve();
    for (let i = 0; i < CHUNKS; i++) yield CHUNK;
  }
  const server = new HttpServer({ 'GET /': () => ({ status: 200, type: 'text/plain', body: body() }) }, () => null);
  const { ip, port } = await server.listen({ ip: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const bytes = await new Promise<number>((done, failed) => {
    const asking = request({ host: ip, port, path: '/' }, (response) => {
      let length = 0;
      response.on('data', (chunk: Buffer) => (length += chunk.length));
      response.on('end', () => done(length));
    });
    asking.on('error', failed).end();
  });
  t.equal(bytes, CHUNKS * CHUNK.length);
  t.strictSame(warnings, []);
});
