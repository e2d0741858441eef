/** What a connection answers to each frame in each state of a stream, on a gateway: stream-state.test.ts has the table that it follows. */
import t from 'tap';
import { dialHttp2, http1Gateway } from '../engine/http2-rig.ts';
import { Rig } from '../engine/rig.ts';
import { frame, get, type Http2Peer, parameters, request, word } from './peer.ts';

const STATES = ['idle', 'open', 'half-closed (local)', 'half-closed (remote)', 'closed', 'reset by us', 'reset by the client'] as const;
type State = (typeof STATES)[number];
const FRAMES = ['DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'WINDOW_UPDATE', 'unknown'] as const;
type FrameName = (typeof FRAMES)[number];

/** `-`: nothing; `R` and a code: RST_STREAM; `G` and a code: GOAWAY; `A`: an answer. */
const EXPECTED: Readonly<Record<State, Readonly<Record<FrameName, string>>>> = {
  idle: { DATA: 'G1', HEADERS: '-', PRIORITY: '-', RST_STREAM: 'G1', WINDOW_UPDATE: 'G1', unknown: '-' },
  open: { DATA: '-', HEADERS: '-', PRIORITY: '-', RST_STREAM: '-', WINDOW_UPDATE: '-', unknown: '-' },
  // We have answered, and give up what is still to come of the request: the stream is reset.
  'half-closed (local)': { DATA: '-', HEADERS: '-', PRIORITY: '-', RST_STREAM: '-', WINDOW_UPDATE: '-', unknown: '-' },
  'half-closed (remote)': { DATA: 'R5', HEADERS: 'R5', PRIORITY: '-', RST_STREAM: '-', WINDOW_UPDATE: '-', unknown: '-' },
  closed: { DATA: 'R5', HEADERS: 'G5', PRIORITY: '-', RST_STREAM: '-', WINDOW_UPDATE: '-', unknown: '-' },
  'reset by us': { DATA: '-', HEADERS: '-', PRIORITY: '-', RST_STREAM: '-', WINDOW_UPDATE: '-', unknown: '-' },
  'reset by the client': { DATA: 'R5', HEADERS: 'G5', PRIORITY: '-', RST_STREAM: '-', WINDOW_UPDATE: '-', unknown: '-' },
};

/** A client whose stream 1 is in that state. */
function clientIn(state: State): { readonly rig: Rig; readonly client: Http2Peer } {
  const rig = new Rig().gateway();
  if (state !== 'closed' && state !== 'half-closed (local)') {
    const quiet = http1Gateway();
    quiet.transport.serve({ ip: '10.0.0.1', port: 80 }, () => undefined);
    return { rig: quiet, client: bring(quiet, state) };
  }
  return { rig, client: bring(rig, state) };
}

function bring(rig: Rig, state: State): Http2Peer {
  const client = dialHttp2(rig);
  if (state === 'idle') return client;
  const whole = state === 'half-closed (remote)' || state === 'closed';
  client.headers(1, request('POST', '/'), whole);
  if (state === 'reset by us') client.window(1, 0);
  if (state === 'reset by the client') client.reset(1);
  rig.run();
  client.take();
  return client;
}

function send(client: Http2Peer, name: FrameName): void {
  switch (name) {
    case 'DATA':
      client.data(1, 'x');
      break;
    case 'HEADERS':
      client.headers(1, client.seen.length === 0 ? get('/') : [['x', 'y']], true);
      break;
    case 'PRIORITY':
      client.frame('PRIORITY', 0, 1, Buffer.alloc(5));
      break;
    case 'RST_STREAM':
      client.reset(1);
      break;
    case 'WINDOW_UPDATE':
      client.window(1, 5);
      break;
    default:
      client.frame('77', 0, 1, 'x');
  }
}

function answerOf(client: Http2Peer): string {
  const [reply] = client.take().filter(({ type }) => type === 'RST_STREAM' || type === 'GOAWAY');
  if (reply === undefined) return '-';
  return reply.type === 'GOAWAY' ? `G${reply.payload.readUInt32BE(4)}` : `R${reply.payload.readUInt32BE(0)}`;
}

t.test('each frame in each state', async (t) => {
  for (const state of STATES) {
    for (const name of FRAMES) {
      const { rig, client } = clientIn(state);
      if (state === 'idle') client.seen.length = 0;
      send(client, name);
      rig.run();
      t.equal(answerOf(client), EXPECTED[state][name], `${name} in ${state}`);
    }
  }
});

t.test('errors of the connection', async (t) => {
  for (const [why, bytes, code] of [
    ['an even identifier', frame('HEADERS', 5, 2, ''), 1],
    ['an identifier below the last one', Buffer.alloc(0), 5],
    ['a window of 0 for the connection', frame('WINDOW_UPDATE', 0, 0, word(0)), 1],
    ['too large a window', frame('WINDOW_UPDATE', 0, 0, word(0x7fffffff)), 3],
    ['push that is neither on nor off', frame('SETTINGS', 0, 0, parameters([2, 2])), 1],
    ['too large an initial window', frame('SETTINGS', 0, 0, parameters([4, 0x80000000])), 3],
    ['too small a frame size', frame('SETTINGS', 0, 0, parameters([5, 16_383])), 1],
    ['too large a frame size', frame('SETTINGS', 0, 0, parameters([5, 16_777_216])), 1],
    ['extended CONNECT that is neither on nor off', frame('SETTINGS', 0, 0, parameters([8, 2])), 1],
  ] as const) {
    const { rig, client } = clientIn('closed');
    if (bytes.length > 0) client.peer.write(bytes);
    else client.request(5, '/').request(3, '/');
    rig.run();
    t.equal(client.goAway.at(-1)?.code, code, why);
  }
});

t.test('the first frame is SETTINGS', async (t) => {
  const rig = http1Gateway();
  const client = dialHttp2(rig);
  t.equal(client.take()[0]?.type, 'SETTINGS');
  t.same(client.goAway, []);
  const other = rig.transport.dial({ ip: '192.0.2.80', port: 80 });
  other.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('PING', 0, 0, Buffer.alloc(8))]));
  rig.run();
  t.ok(other.ended);
});

t.test('windows of streams that are open follow SETTINGS_INITIAL_WINDOW_SIZE, below 0 too', async (t) => {
  const rig = http1Gateway();
  rig.serve('10.0.0.1:80', () => `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`);
  const client = dialHttp2(rig, [[4, 30]]);
  client.request(1, '/');
  rig.run();
  t.equal(client.stream(1).content.length, 30);
  client.settings([4, 10]);
  rig.run();
  client.window(1, 20);
  rig.run();
  t.equal(client.stream(1).content.length, 30, 'the window was −20, and is 0');
  client.settings([4, 80]);
  rig.run();
  t.equal(client.stream(1).content.length, 100);
});

t.test('PING is answered with what came, SETTINGS are acknowledged', async (t) => {
  const rig = http1Gateway();
  const client = dialHttp2(rig);
  client.take();
  client.frame('PING', 0, 0, 'pingpong').settings([3, 10]);
  rig.run();
  t.same(
    client.take().map(({ type, flags, payload }) => [type, flags, payload.toString()]),
    [
      ['PING', 1, 'pingpong'],
      ['SETTINGS', 1, ''],
    ],
  );
});
