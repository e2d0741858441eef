/** The client of a WebSocket over HTTP/2 (RFC 8441): HOST PORT. It says hello, and what comes back. */
import { once } from 'node:events';
import http2, { type Http2Session } from 'node:http2';

const TEXT = 0x81;
const MASK = Buffer.from([1, 2, 3, 4]);

/** A short message of a client (RFC 6455, section 5.2). */
function masked(text: string): Buffer {
  const bytes = Buffer.from(text).map((byte, index) => byte ^ (MASK[index % 4] as number));
  return Buffer.concat([Buffer.from([TEXT, 0x80 | bytes.length]), MASK, bytes]);
}

async function ask(host: string, port: number): Promise<void> {
  const session = http2.connect(`http://${host}:${port}`);
  await once(session as Http2Session, 'remoteSettings');
  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  if (headers[':status'] !== 200) throw new Error(`answered ${String(headers[':status'])}`);
  stream.write(masked('hello'));
  const [frame] = (await once(stream, 'data')) as [Buffer];
  console.log(frame.subarray(2).toString());
  session.destroy();
}

const [host = '', port = ''] = process.argv.slice(2);
await ask(host, Number(port));
