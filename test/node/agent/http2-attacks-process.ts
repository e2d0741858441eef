/**
 * Both ends of the attacks, in pods: `serve HTTP1_PORT HOSTILE_PORT`, `clients HOST PORT` and `victim HOST PORT`. The latter two print what
 * happened, a line of JSON for each attack.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import http2 from 'node:http2';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { CLIENT_ATTACKS } from '../../l7/http2/client-attacks.ts';
import { Http2Peer } from '../../l7/http2/peer.ts';
import { SERVER_ATTACKS } from '../../l7/http2/server-attacks.ts';
import { carryOut, dialSocket, settle, SocketLine, type SocketPeer } from '../../l7/http2/socket-peer.ts';

export interface AttackResult {
  readonly name: string;
  /** Of GOAWAY. */
  readonly code: number | null;
  readonly closed: boolean;
  /** What honest traffic got meanwhile. */
  readonly honest: number;
  /** What the request under attack got (servers only); a status, or why there is none. */
  readonly victim?: string;
}

/** A request of an honest client. @returns its status. */
async function ask(session: http2.ClientHttp2Session, path: string): Promise<string> {
  const stream = session.request({ ':path': path });
  stream.resume();
  return new Promise((resolve) => {
    let status = 'no answer';
    stream.on('response', (headers) => (status = String(headers[':status'])));
    stream.on('error', (error: NodeJS.ErrnoException) => (status = error.code ?? error.message));
    stream.on('close', () => resolve(status));
  });
}

function report(result: AttackResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function clients(host: string, port: number): Promise<void> {
  const honest = http2.connect(`http://${host}:${port}`);
  for (const attack of CLIENT_ATTACKS) {
    if (attack.atStandstill === true) continue;
    const peer = await dialSocket(host, port, attack.settings);
    const under = ask(honest, '/');
    // One that does not read learns of nothing: the worker has looked at what it has sent when it answers another one.
    const reads = attack.code !== null;
    const code = await carryOut(peer, attack, () => (reads ? settle(peer) : ask(honest, '/')));
    const closed = peer.peer.over || !reads;
    report({ name: attack.name, code, closed, honest: Math.max(Number(await under), Number(await ask(honest, '/'))) });
    peer.peer.socket.destroy();
  }
  honest.destroy();
}

async function victim(host: string, port: number): Promise<void> {
  const session = http2.connect(`http://${host}:${port}`);
  for (const [index, { name }] of SERVER_ATTACKS.entries()) {
    const victim = await ask(session, `/${index}`);
    // What comes over the connection under attack is lost with it.
    let result: AttackResult | null = null;
    while (result === null) result = await resultOf(session, index);
    report({ ...result, name, honest: Number(await ask(session, '/honest')), victim });
  }
  session.destroy();
}

async function resultOf(session: http2.ClientHttp2Session, index: number): Promise<AttackResult | null> {
  const stream = session.request({ ':path': `/result/${index}` }).setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of stream) text += String(chunk);
  } catch {
    // Lost with its connection.
  }
  return text.startsWith('{') ? (JSON.parse(text) as AttackResult) : null;
}

/** Results of the attacks of `hostile`, by index. */
const results: Promise<string>[] = [];

/** Attacks whoever asks for `/INDEX`, and is honest otherwise. */
async function hostile(socket: Socket): Promise<void> {
  const peer: SocketPeer = new Http2Peer(new SocketLine(socket)).settings();
  let next = 0;
  for (;;) {
    await peer.peer.until(() => {
      peer.take();
      return peer.peer.over || peer.seen.length > next;
    });
    if (peer.peer.over) return void socket.end();
    for (; next < peer.seen.length; next++) {
      const one = peer.seen[next] as SocketPeer['seen'][number];
      if (one.type === 'SETTINGS' && one.flags === 0) peer.frame('SETTINGS', 1, 0);
      if (one.type !== 'HEADERS') continue;
      const path = peer.fields(one)[':path'] ?? '';
      const attack = SERVER_ATTACKS[Number(path.slice(1))];
      if (attack === undefined) {
        const result = (await results[Number(path.slice('/result/'.length))]) ?? '';
        peer.headers(one.stream, [[':status', '200']]).data(one.stream, result, true);
      } else if (one.stream === 1) {
        results[SERVER_ATTACKS.indexOf(attack)] = carryOut(peer, attack, () => settle(peer)).then((code) => {
          const closed = peer.peer.over;
          socket.end();
          return JSON.stringify({ code, closed });
        });
        return;
      } else {
        // Attacks are about stream 1: the next request comes over another connection.
        peer.frame('GOAWAY', 0, 0, Buffer.alloc(8));
      }
    }
  }
}

async function serve(port: number, hostilePort: number): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url === '/silent') return void request.pause();
    response.end('x'.repeat(request.url === '/large' ? 1_000_000 : 1));
  });
  server.listen(port);
  await once(server, 'listening');
  const other = createTcpServer((socket) => void hostile(socket));
  other.listen(hostilePort);
  await once(other, 'listening');
  process.stdout.write('ready\n');
}

const [mode, first = '', second = ''] = process.argv.slice(2);
if (mode === 'serve') await serve(Number(first), Number(second));
else if (mode === 'clients') await clients(first, Number(second));
else if (mode === 'victim') await victim(first, Number(second));
