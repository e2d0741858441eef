/**
 * The fixtures given to llhttp (node:http's parser, over a real socket): where it takes a request that we refuse, or the other way
 * round, the table below has to say why. So a difference is a decision, not an accident.
 */
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead, parseResponseHead } from '../../../src/l7/http1/parser.ts';
import { readFixtures, type Fixture } from './fixtures.ts';

/** Fixtures that llhttp (with node:http's own checks) takes and we refuse, and why llhttp does. */
const STRICTER: ReadonlyMap<string, string> = new Map([
  ['HTTP/0.9 (RFC 9112 §3, refused)', 'still takes HTTP/0.9'],
  ['Two spaces before the target (RFC 9112 §3: one SP)', 'skips spaces before the target'],
  ['A fragment in the target is never sent (RFC 9112 §3.2); some drop it, some forward it', 'leaves fragments to the application'],
  ['Two Hosts, even when they agree (RFC 9112 §3.2)', 'does not count Host lines; node:http keeps the first'],
  ['Hosts joined with a comma', 'does not look into Host'],
  ['User information in Host', 'does not look into Host'],
  ['A path in Host', 'does not look into Host'],
  ['A port that is none', 'does not look into Host'],
  ['CONNECT and a Host that says something else', 'does not compare the target with Host'],
  ['User information in the target (RFC 9110 §4.2.4)', 'leaves user information to the application'],
  ['Another scheme', 'leaves schemes to the application'],
  ['CONNECT without a port', 'leaves the target of CONNECT to the application'],
  [
    "CONNECT with a body: whether those bytes are the tunnel's is anybody's guess (RFC 9110 §9.3.6)",
    'gives what follows CONNECT to the application',
  ],
  ['Asterisk-form is for OPTIONS only (RFC 9112 §3.2.4)', 'does not tie forms to methods'],
  ['More than a number can hold exactly', 'counts with 64 bits'],
  ['Another coding before chunked', 'takes any list of codings that ends in chunked'],
  ['A coding that looks like chunked', 'reads an unknown coding as a body until the connection ends'],
  ['Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)', 'reads chunks in HTTP/1.0 as well'],
]);
/** Fixtures that we take and llhttp does not. */
const LAXER: ReadonlyMap<string, string> = new Map();

/** As STRICTER, for responses. */
const STRICTER_RESPONSES: ReadonlyMap<string, string> = new Map([
  ['204 that announces a body (RFC 9110 §8.6)', 'ignores the length'],
  ['1xx with chunks (RFC 9112 §6.1)', 'ignores the coding'],
  ['Below 100', 'takes any three digits'],
  ['HTTP/2.0 in a status line', 'takes HTTP/2.0'],
  ['NUL in the reason phrase', 'does not look into the reason phrase'],
  ['Chunks in HTTP/1.0 (RFC 9112 §6.1: the framing is faulty)', 'reads chunks in HTTP/1.0 as well'],
  ['An empty line before the status line: only servers skip it (RFC 9112 §2.2)', 'skips any number of empty lines'],
  ['Another coding', 'takes any list of codings that ends in chunked'],
]);
/** As LAXER, for responses: what RFC 9112 lets or makes a proxy take. */
const LAXER_RESPONSES: ReadonlyMap<string, string> = new Map([
  ['Lines that end with LF alone (RFC 9112 §2.2)', 'a recipient may'],
  ['Both line ends in one head', 'a recipient may'],
  ['LF alone before an empty line that ends with CR LF', 'a recipient may'],
  ['LF alone after the status line only', 'a recipient may'],
  ["The first empty line ends the head: what follows is the body's", 'a recipient may'],
  ['White space before the colon, which a proxy has to remove (RFC 9112 §5.1)', 'a proxy must'],
  ['White space before the colon of the length: it is the length, as the proxy has to forward it as such', 'a proxy must'],
  ['A folded line, which a proxy has to unfold (RFC 9112 §5.2)', 'a proxy must, or answer 502'],
  ['A folded line that ends with LF alone', 'a proxy must, or answer 502'],
  ['The value begins in the fold', 'a proxy must, or answer 502'],
  ['More white space than one SP in the status line (RFC 9112 §4)', 'a recipient may'],
  ['A higher minor version is read as the highest that we know (RFC 9110 §2.5)', 'a recipient should'],
  ['The same length twice', 'a recipient may, and must not forward both'],
  ['The same length in a list', 'a recipient may, and must not forward both'],
]);

const ours = new Head(new HeaderNames());

async function listen(): Promise<Server> {
  const server = createServer((_, response) => response.end());
  server.on('clientError', (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
  server.on('connect', (_, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Whether the head is taken. FIN follows it, so that a parser that waits for more gives up. */
async function llhttpTakes(port: number, bytes: Buffer): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('latin1')));
  socket.on('error', () => {});
  socket.end(bytes);
  await once(socket, 'close');
  return answer.startsWith('HTTP/1.1 200');
}

t.test('requests that only one of the two takes are known', async (t) => {
  const server = await listen();
  const { port } = server.address() as AddressInfo;
  const fixtures: Fixture[] = [...readFixtures('requests'), ...readFixtures('smuggling')].filter(({ expect }) => !expect.has('more'));
  for (const { title, bytes } of fixtures) {
    const next = parseRequestHead(bytes, 0, bytes.length, ours, DEFAULT_LIMITS);
    const taken = await llhttpTakes(port, bytes);
    t.equal(next < 0 && taken, STRICTER.has(title), `${title}: only llhttp takes it, which ${STRICTER.get(title) ?? 'is not known'}`);
    t.equal(next > 0 && !taken, LAXER.has(title), `${title}: only we take it`);
  }
  server.closeAllConnections();
  server.close();
});

/** Whether node:http's client reports a response, of whatever status. */
async function llhttpTakesResponse(bytes: Buffer): Promise<boolean> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const taken = await new Promise<boolean>((resolve) => {
    const request = get({ host: '127.0.0.1', port, agent: false, headers: { connection: 'upgrade', upgrade: 'websocket' } });
    const accept = (): void => {
      resolve(true);
      request.destroy();
    };
    request.on('response', accept).on('upgrade', accept).on('information', accept);
    request.on('error', () => resolve(false));
  });
  server.close();
  return taken;
}

t.test('responses that only one of the two takes are known', async (t) => {
  for (const { title, bytes } of readFixtures('responses').filter(({ expect }) => !expect.has('more'))) {
    const next = parseResponseHead(bytes, 0, bytes.length, ours, DEFAULT_LIMITS);
    const taken = await llhttpTakesResponse(bytes);
    const why = STRICTER_RESPONSES.get(title) ?? LAXER_RESPONSES.get(title) ?? 'is not known';
    t.equal(next < 0 && taken, STRICTER_RESPONSES.has(title), `${title}: only llhttp takes it, which ${why}`);
    t.equal(next > 0 && !taken, LAXER_RESPONSES.has(title), `${title}: only we take it, as ${why}`);
  }
});
