/** What costs its sender next to nothing, and whoever answers memory: streams that are never read, never end, or never become whole. */
import { get, request } from '../../test/l7/http2/peer.ts';
import { dialSocket, type SocketPeer } from '../../test/l7/http2/socket-peer.ts';

const CONNECTIONS = 20;
const STREAMS = 100;
/** Between the drops of what comes in drops. */
const DROP_MS = 200;

export interface SlowAttack {
  readonly name: string;
  readonly settings?: readonly (readonly [setting: number, value: number])[];
  readonly begin: (peer: SocketPeer, stream: number) => void;
  readonly drop?: (peer: SocketPeer, stream: number, nth: number) => void;
}

export const SLOW_ATTACKS: readonly SlowAttack[] = [
  {
    name: 'zero windows: 2000 streams ask for a megabyte',
    settings: [[4, 0]],
    begin: (peer, stream) => peer.request(stream, '/large'),
  },
  {
    name: 'slow streams: 2000 bodies, a byte each 200 ms',
    begin: (peer, stream) => peer.headers(stream, request('POST', '/silent')),
    drop: (peer, stream) => peer.data(stream, 'x'),
  },
  {
    name: 'slow readers: 2000 windows of a megabyte open by a byte each 200 ms',
    settings: [[4, 1]],
    begin: (peer, stream) => peer.request(stream, '/large'),
    drop: (peer, stream) => peer.window(stream, 1),
  },
  {
    name: 'header blocks that never become whole',
    begin: (peer, stream) => {
      if (stream === 1) peer.frame('HEADERS', 0, 1, peer.block(get('/')).subarray(0, 2));
    },
  },
];

/** Goes on for so long. */
export async function standStill({ settings, begin, drop }: SlowAttack, port: number, seconds: number): Promise<void> {
  const peers = await Promise.all(Array.from({ length: CONNECTIONS }, () => dialSocket('127.0.0.1', port, settings)));
  const streams = Array.from({ length: STREAMS }, (_, index) => 2 * index + 1);
  for (const peer of peers) for (const stream of streams) begin(peer, stream);
  const end = performance.now() + seconds * 1000;
  for (let nth = 0; performance.now() < end; nth++) {
    await new Promise((resolve) => setTimeout(resolve, DROP_MS));
    if (drop !== undefined) for (const peer of peers) for (const stream of streams) drop(peer, stream, nth);
    for (const peer of peers) peer.take();
  }
  for (const peer of peers) peer.peer.socket.destroy();
}
