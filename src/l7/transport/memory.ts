/**
 * A transport without sockets, for tests of the engine: peers in the same process, a clock that is turned by hand if wanted,
 * and a window that says how much a peer takes.
 *
 *     const transport = MemoryTransport.create({ clock: 'manual' });
 *     const client = transport.dial(address);          // to a listener of the engine
 *     transport.serve(address, (peer) => …);           // where the engine may connect to
 *     client.write('GET / HTTP/1.1\r\n…'); transport.run(); client.text();
 */
import { type Cancel, type Clock, systemClock } from '../../base/clock.ts';
import type { Address, ConnectOptions, ListenTarget } from '../transport.ts';
import { CloseReason, TransportError } from '../transport.ts';
import type { Link, Wake } from './link.ts';
import type { LinkListener, LinkTransportOptions } from './link-transport.ts';
import { LinkTransport } from './link-transport.ts';
import { MemoryPeer } from './memory-peer.ts';

/** Turns that `run` does before it takes the engine for one that never rests. */
const MOST_TURNS = 100_000;
const FIRST_PORT = 49_152;

export interface MemoryTransportOptions extends LinkTransportOptions {
  /** `manual`: turns happen in `run` and time passes in `advance`. `automatic`: as with a real one. */
  readonly clock?: 'manual' | 'automatic';
  /** Bytes that a connection holds in each direction before its writer must wait. */
  readonly window?: number;
}

type Destination = { readonly accept: (peer: MemoryPeer, options: ConnectOptions) => void } | { readonly fails: CloseReason | 'silent' };

export class MemoryTransport extends LinkTransport {
  readonly #automatic: Clock | null;
  readonly #window: number;
  readonly #destinations = new Map<string, Destination>();
  readonly #bound = new Map<string, (link: Link) => Wake>();
  #time = 0;
  #turnDue = false;
  #nextPort = FIRST_PORT;
  #turn: NodeJS.Immediate | null = null;
  #wake: Cancel | null = null;

  static create(options: MemoryTransportOptions = {}): MemoryTransport {
    return new MemoryTransport(options, options.clock === 'automatic' ? systemClock() : null);
  }

  private constructor(options: MemoryTransportOptions, automatic: Clock | null) {
    super(options, automatic?.monotonic() ?? 0);
    this.#automatic = automatic;
    this.#window = options.window ?? 64 * 1024;
  }

  // ---- the test's side ----

  /** Connects to a listener. @throws TransportError when there is none. */
  dial(address: Address, from: Address = { ip: '192.0.2.1', port: this.#port() }): MemoryPeer {
    const accept =
      this.#bound.get(key(address)) ??
      this.#bound.get(key({ ip: '0.0.0.0', port: address.port })) ??
      this.#bound.get(key({ ip: '::', port: address.port }));
    if (accept === undefined) throw new TransportError('ECONNREFUSED', `nobody listens at ${key(address)}`);
    const peer = new MemoryPeer(from, address, this.#window);
    peer.wakeTransport = accept(peer.link);
    peer.link.connected = true;
    return peer;
  }

  /** Connections to `address` are established at once, and `accept` gets the other end. */
  serve(address: Address, accept: (peer: MemoryPeer, options: ConnectOptions) => void): void {
    this.#destinations.set(key(address), { accept });
  }

  /** Connections to `address` fail, or are never answered. Unknown addresses refuse. */
  fail(address: Address, how: CloseReason | 'silent'): void {
    this.#destinations.set(key(address), { fails: how });
  }

  /** Runs turns until nothing is left to do at this time. */
  run(): void {
    for (let turns = 0; this.#turnDue; turns++) {
      if (turns === MOST_TURNS) throw new Error('the transport does not come to rest');
      this.#turnDue = false;
      this.runTurn();
    }
  }

  /** Lets `ms` milliseconds pass, in steps of a timer wheel's tick, and runs what is due. */
  advance(ms: number): void {
    const end = this.#time + ms;
    this.run();
    while (this.#time < end) {
      this.#time = Math.min(end, this.#time + Math.max(1, this.timers.nextDelay(end - this.#time)));
      this.#turnDue = true;
      this.run();
    }
  }

  // ---- the transport's side ----

  protected readClock(): number {
    return this.#automatic?.monotonic() ?? this.#time;
  }

  protected scheduleTurn(): void {
    this.#turnDue = true;
    if (this.#automatic === null) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.runTurn();
    });
  }

  protected scheduleWake(delayMs: number): void {
    if (this.#automatic === null) return;
    this.#wake?.();
    this.#wake = this.#automatic.after(delayMs, () => this.scheduleTurn());
  }

  protected open(options: ConnectOptions, wake: Wake): Link | CloseReason {
    const address = { ip: options.address, port: options.port };
    const destination = this.#destinations.get(key(address)) ?? { fails: CloseReason.Refused };
    if ('fails' in destination && destination.fails !== 'silent') return destination.fails;
    const peer = new MemoryPeer(address, { ip: '192.0.2.2', port: this.#port() }, this.#window);
    peer.wakeTransport = wake;
    if ('accept' in destination) {
      peer.link.connected = true;
      destination.accept(peer, options);
    }
    return peer.link;
  }

  protected bind(target: ListenTarget, accept: (link: Link) => Wake): LinkListener {
    const address =
      'fd' in target ? { ip: 'fd', port: target.fd } : { ip: target.address, port: target.port === 0 ? this.#port() : target.port };
    if (this.#bound.has(key(address))) throw new TransportError('EADDRINUSE', `${key(address)} is taken`);
    this.#bound.set(key(address), accept);
    return { address, close: () => void this.#bound.delete(key(address)) };
  }

  override dispose(): void {
    super.dispose();
    this.#turnDue = false;
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#wake?.();
  }

  #port(): number {
    return this.#nextPort++;
  }
}

function key(address: Address): string {
  return `${address.ip} ${address.port}`;
}
