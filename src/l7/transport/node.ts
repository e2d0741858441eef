/**
 * The transport on node:net, for where the addon is missing. It copies, relays by copying, makes sockets in this process's
 * own namespace only, and cannot set a mark. A reset of a paused connection is seen only while Node has room to read on.
 */
import net, { Server, Socket, isIPv6 } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { Address, ConnectOptions, ListenTarget } from '../transport.ts';
import { CloseReason, TransportError } from '../transport.ts';
import type { Link, Wake } from './link.ts';
import type { LinkListener, LinkTransportOptions } from './link-transport.ts';
import { LinkTransport } from './link-transport.ts';

const READ_AHEAD = 64 * 1024;

export class NodeTransport extends LinkTransport {
  readonly #clock: Clock;
  #turn: NodeJS.Immediate | null = null;
  #wake: NodeJS.Timeout | null = null;

  static create(options: LinkTransportOptions = {}, clock: Clock = systemClock()): NodeTransport {
    return new NodeTransport(options, clock);
  }

  private constructor(options: LinkTransportOptions, clock: Clock) {
    super(options, clock.monotonic());
    this.#clock = clock;
  }

  protected readClock(): number {
    return this.#clock.monotonic();
  }

  protected scheduleTurn(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.runTurn();
    });
  }

  protected scheduleWake(delayMs: number): void {
    if (this.#wake !== null) clearTimeout(this.#wake);
    // Sockets keep the process alive, timers of the wheel do not.
    this.#wake = setTimeout(() => this.scheduleTurn(), delayMs).unref();
  }

  protected open(options: ConnectOptions, wake: Wake): Link {
    if (options.netns >= 0) throw new TransportError('ENOTSUP', 'node:net cannot make sockets in another network namespace');
    if (options.mark !== 0) throw new TransportError('ENOTSUP', 'node:net cannot set SO_MARK');
    const socket = new Socket({ allowHalfOpen: true }).setNoDelay(true);
    const link = new SocketLink(socket);
    link.wake = wake;
    socket.connect({ host: options.address, port: options.port });
    return link;
  }

  protected bind(target: ListenTarget, accept: (link: Link) => Wake): LinkListener {
    // libuv would own a descriptor that is handed in, and close it.
    if ('fd' in target) throw new TransportError('ENOTSUP', 'node:net cannot listen on a descriptor without taking it over');
    const server = new Server({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const link = new SocketLink(socket);
      link.wake = accept(link);
    });
    return listenNow(server, target);
  }

  override dispose(): void {
    super.dispose();
    if (this.#turn !== null) clearImmediate(this.#turn);
    if (this.#wake !== null) clearTimeout(this.#wake);
  }
}

/** What node:cluster uses, too: server.listen() alone would tell only later where, and whether, it listens. */
type CreateServerHandle = (address: string, port: number, family: 4 | 6, fd: undefined, flags: number) => number | object;

function listenNow(server: Server, target: { readonly address: string; readonly port: number }): LinkListener {
  const refuse = (code: string): never => {
    throw new TransportError(code, `cannot listen on ${target.address} port ${target.port}: ${code}`);
  };
  const createHandle = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;
  const handle = createHandle(target.address, target.port, isIPv6(target.address) ? 6 : 4, undefined, 0);
  if (typeof handle === 'number') return refuse(getSystemErrorName(handle));
  server.on('error', () => undefined);
  server.listen(handle, 4096);
  const address = server.address();
  // libuv keeps this error of bind for listen, and only this one.
  if (address === null || typeof address === 'string') return refuse('EADDRINUSE');
  return { address: { ip: plain(address.address), port: address.port }, close: () => void server.close() };
}

class SocketLink implements Link {
  wake: Wake = () => undefined;
  connected: boolean;
  failure: CloseReason | null = null;
  closed = false;
  readonly #socket: Socket;
  #chunk: Buffer | null = null;
  #fin = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.connected = !socket.pending && !socket.connecting && socket.remotePort !== undefined;
    const wake = (): void => this.wake();
    socket.on('connect', () => ((this.connected = true), wake()));
    socket.on('readable', wake);
    socket.on('drain', wake);
    socket.on('end', () => ((this.#fin = true), wake()));
    socket.on('error', (error: NodeJS.ErrnoException) => ((this.failure = reasonOf(error.code, this.connected)), wake()));
    socket.on('close', () => ((this.closed = true), wake()));
  }

  get ended(): boolean {
    return this.#fin && this.#chunk === null;
  }

  read(target: Uint8Array): number {
    this.#chunk ??= this.#socket.read() as Buffer | null;
    if (this.#chunk === null) return 0;
    const length = Math.min(target.length, this.#chunk.length);
    target.set(this.#chunk.subarray(0, length));
    this.#chunk = length < this.#chunk.length ? this.#chunk.subarray(length) : null;
    return length;
  }

  write(bytes: Uint8Array): number {
    if (this.#socket.writableLength > READ_AHEAD) return 0;
    this.#socket.write(bytes);
    return bytes.length;
  }

  shutdown(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.removeAllListeners('readable');
    this.#socket.end();
    this.#socket.resume();
  }

  reset(): void {
    this.#socket.removeAllListeners('error').on('error', () => undefined);
    // libuv refuses a reset while a shutdown is under way, and Node then holds the handle for closed: the process would never end.
    const shuttingDown = this.#socket.writableEnded && !this.#socket.writableFinished;
    if (this.#socket.connecting || shuttingDown) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  get peer(): Address {
    return { ip: plain(this.#socket.remoteAddress ?? ''), port: this.#socket.remotePort ?? 0 };
  }

  get local(): Address {
    return { ip: plain(this.#socket.localAddress ?? ''), port: this.#socket.localPort ?? 0 };
  }
}

/** A v4-mapped address as IPv4. */
function plain(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip;
}

function reasonOf(code: string | undefined, connected: boolean): CloseReason {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return CloseReason.Reset;
    case 'ECONNREFUSED':
      return connected ? CloseReason.Failed : CloseReason.Refused;
    case 'ETIMEDOUT':
      return connected ? CloseReason.Failed : CloseReason.ConnectTimeout;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
      return connected ? CloseReason.Failed : CloseReason.Unreachable;
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
    case 'EADDRNOTAVAIL':
      return CloseReason.Exhausted;
    default:
      return CloseReason.Failed;
  }
}
