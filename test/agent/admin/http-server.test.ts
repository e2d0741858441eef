import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { HttpServer } from '../../../src/agent/admin/http-server.ts';

const SIZE = 256 * 1024;
/** More than the ten listeners that Node.js warns of. */
const CHUNKS = 40;

t.test('a long response waits for its client, needs one buffer, and leaves no listener behind each time', async (t) => {
  async function* body(): AsyncGenerator<Buffer> {
    const chunk = Buffer.alloc(SIZE);
    await Promise.resolve();
    for (let i = 0; i < CHUNKS; i++) yield chunk.fill(i);
  }
  const server = new HttpServer({ 'GET /': () => ({ status: 200, type: 'text/plain', body: body() }) }, () => null);
  const { ip, port } = await server.listen({ ip: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const asking = request({ host: ip, port, path: '/' }).end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const whole = await buffer(response);
  t.equal(whole.length, CHUNKS * SIZE);
  const broken = Array.from({ length: CHUNKS }, (_, i) => i).filter((i) =>
    whole.subarray(i * SIZE, (i + 1) * SIZE).some((byte) => byte !== i),
  );
  t.strictSame(broken, []);
  t.strictSame(warnings, []);
});
