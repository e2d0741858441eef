/** A peer of HTTP/2 over a real socket, and how it carries out an attack. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { AttackingLine, ClientAttack } from './client-attacks.ts';
import { Http2Peer } from './peer.ts';

/** Time refills budgets: on a slow machine an attack needs more rounds than a clock at rest allows it. */
const PATIENCE = 20;

export class SocketLine implements AttackingLine {
  readonly socket: Socket;
  #received = '';
  /** Resolves at the next thing that happens. */
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close', 'drain']) socket.on(event, () => this.#wake());
  }

  get over(): boolean {
    return this.socket.readableEnded || this.socket.destroyed;
  }

  write(bytes: Uint8Array | string): void {
    if (!this.socket.destroyed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  takeText(): string {
    const text = this.#received;
    this.#received = '';
    return text;
  }

  pause(): void {
    this.socket.pause();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

export type SocketPeer = Http2Peer<SocketLine>;

export async function dialSocket(host: string, port: number, settings: ClientAttack['settings'] = []): Promise<SocketPeer> {
  const socket = connect(port, host);
  await once(socket, 'connect');
  return new Http2Peer(new SocketLine(socket)).greet(...settings);
}

/** Until the other side has looked at everything that was sent, or has given the connection up. */
export async function settle(peer: SocketPeer): Promise<void> {
  const answered = (): number => peer.seen.filter(({ type, flags }) => type === 'PING' && flags === 1).length;
  const before = answered();
  peer.frame('PING', 0, 0, 'finished');
  await peer.peer.until(() => {
    peer.take();
    return peer.peer.over || answered() > before;
  });
}

interface Attack {
  readonly round: (peer: SocketPeer, nth: number) => void;
  readonly rounds: number;
}

/** Repeats the attack until the connection is given up. @returns the code of GOAWAY. */
export async function carryOut(peer: SocketPeer, { rounds, round }: Attack, pace: () => Promise<unknown>): Promise<number | null> {
  const most = rounds === 1 ? 1 : rounds * PATIENCE;
  for (let nth = 0; nth < most && !peer.peer.over; nth++) {
    round(peer, nth);
    if (rounds === 1) await peer.peer.until(() => peer.peer.over);
    else await pace();
  }
  return peer.goAway.at(-1)?.code ?? null;
}
