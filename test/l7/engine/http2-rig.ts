/** HTTP/2 on an engine's rig: clients that dial, and servers that show what came. */
import type { Address } from '../../../src/l7/transport.ts';
import { Http2Peer } from '../http2/peer.ts';
import { GATEWAY, Rig, type RigOptions, route } from './rig.ts';

export type Settings = readonly (readonly [setting: number, value: number])[];

/** A client that has greeted. */
export function dialHttp2(rig: Rig, settings: Settings = [], to: Address = GATEWAY): Http2Peer {
  const client = new Http2Peer(rig.transport.dial(to)).greet(...settings);
  rig.run();
  client.frame('SETTINGS', 1, 0);
  rig.run();
  return client;
}

/** Connections that the engine has opened to `address`, each with the server's SETTINGS on it. */
export function serveHttp2(rig: Rig, ip = '10.0.0.1', port = 80, settings: Settings = []): Http2Peer[] {
  const connections: Http2Peer[] = [];
  rig.transport.serve({ ip, port }, (peer) => connections.push(new Http2Peer(peer).settings(...settings)));
  return connections;
}

/** A gateway before an upstream that speaks HTTP/2. */
export function http2Gateway(options: RigOptions = {}, more: Parameters<typeof route>[2] = {}): Rig {
  return new Rig(options).cluster('a', ['10.0.0.1:80'], { wire: 'http2' }).gateway(route('/', 'a', more));
}

/** A gateway before an upstream that speaks HTTP/1. */
export function http1Gateway(options: RigOptions = {}): Rig {
  return new Rig(options).cluster('a', ['10.0.0.1:80']).gateway(route('/', 'a'));
}

interface Attack {
  readonly reason: string;
  readonly rounds: number;
  readonly round: (attacker: Http2Peer, nth: number) => void;
}

/** Repeats an attack until it is counted. @returns what was counted, and after how many rounds. */
export function attackUntilRefused(rig: Rig, attacker: Http2Peer, { reason, rounds, round }: Attack): { refused: number; used: number } {
  const refused = (): number => rig.count('nodeway_refused_connections_total', { reason });
  let used = 0;
  for (; used < rounds && refused() === 0; used++) {
    round(attacker, used);
    rig.run();
  }
  return { refused: refused(), used };
}

/** Sockets that nobody counts any more, and that the transport still has. */
export function leftSockets(rig: Rig): number {
  const counted = ['nodeway_downstream_connections', 'nodeway_upstream_connections'].map((name) => rig.count(name));
  return rig.transport.connections - counted.reduce((sum, count) => sum + count, 0);
}
