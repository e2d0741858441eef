/**
 * Two connections joined into one: bytes go from socket to socket in the kernel, in both directions, until both sides have
 * sent FIN, or one is reset. Half-close and RST pass through, behind the bytes that were sent before them.
 *
 *     side:   open ──FIN──▶ ended          both ended: closed in order
 *               └──RST──▶ gone             one gone: the other one is aborted, which lets it receive everything first
 *
 * A tunnel through which nothing has passed for the idle time (looked at once per idle time; 0: never) is reset: its peers may be long
 * gone.
 */
import { Timer } from '../../base/timer-wheel.ts';
import type { DetachedConnection } from '../message/stream.ts';
import { send } from '../send.ts';
import { UNTIL_END, type CloseReason, type ConnectionHandler, type ConnectionId, type Transport } from '../transport.ts';

/** What a tunnel uses. */
export interface TunnelMeans {
  readonly transport: Transport;
  /** Counts the open tunnels. */
  readonly recorder: { tunnels(change: 1 | -1): void };
  readonly limits: { readonly idleTimeoutMs: number };
}

export interface TunnelBytes {
  /** From the first connection to the second. */
  readonly forward: number;
  readonly backward: number;
}

/** Who wants to know what becomes of the second connection. Once it has been seen established, it does not fail. */
export interface SecondWatcher {
  established(): void;
  failed(): void;
}
const NOBODY: SecondWatcher = { established: () => {}, failed: () => {} };

export class Tunnel {
  readonly #means: TunnelMeans;
  readonly #done: (bytes: TunnelBytes) => void;
  readonly #watcher: SecondWatcher;
  #isConnected = false;
  #first: Side | null = null;
  #second: Side | null = null;
  #idle: Timer | null = null;
  #passed = -1;

  /**
   * @param done called once, when the tunnel is over.
   * @param watcher what becomes of the second connection, where that is still being opened.
   */
  constructor(means: TunnelMeans, done: (bytes: TunnelBytes) => void, watcher: SecondWatcher = NOBODY) {
    this.#means = means;
    this.#done = done;
    this.#watcher = watcher;
  }

  /**
   * Takes both connections over. What was read from either before must have been written to the other one.
   * @param ended which of them has sent FIN already.
   */
  join(first: ConnectionId, second: ConnectionId, ended: 'none' | 'first' | 'second' = 'none'): void {
    const { transport } = this.#means;
    this.#means.recorder.tunnels(1);
    const a = (this.#first = new Side(this.#means, first, second, this));
    const b = (this.#second = new Side(this.#means, second, first, this));
    this.#idle = new Timer(() => this.#checkIdle());
    if (this.#means.limits.idleTimeoutMs > 0) transport.timers.arm(this.#idle, this.#means.limits.idleTimeoutMs);
    transport.setHandler(first, a);
    transport.setHandler(second, b);
    transport.resume(first);
    transport.resume(second);
    if (ended === 'first') a.onEnd();
    else transport.relay(first, second, UNTIL_END);
    if (ended === 'second') b.onEnd();
    else transport.relay(second, first, UNTIL_END);
  }

  /** That have passed so far. */
  get bytes(): TunnelBytes {
    return { forward: this.#first?.passed ?? 0, backward: this.#second?.passed ?? 0 };
  }

  /** It has lasted long enough. */
  end(): void {
    this.#over((side) => this.#means.transport.close(side.id));
  }

  /** @internal */
  connected(): void {
    this.#isConnected = true;
    this.#watcher.established();
  }

  /** @internal */
  ended(): void {
    if (this.#first?.ended === true && this.#second?.ended === true) this.#over((side) => this.#means.transport.close(side.id));
  }

  /** @internal One side is gone; the other one learns it the same way, after all that this one had sent. */
  gone(side: Side): void {
    if (side === this.#second && !this.#isConnected) this.#watcher.failed();
    this.#over((other) => {
      if (other !== side) this.#means.transport.abort(other.id);
    });
  }

  #checkIdle(): void {
    const { transport, limits } = this.#means;
    const passed = (this.#first?.passed ?? 0) + (this.#second?.passed ?? 0);
    if (passed === this.#passed) return this.#over((side) => transport.reset(side.id));
    this.#passed = passed;
    if (this.#idle !== null) transport.timers.arm(this.#idle, limits.idleTimeoutMs);
  }

  #over(release: (side: Side) => void): void {
    const first = this.#first;
    const second = this.#second;
    if (first === null || second === null) return;
    this.#first = this.#second = null;
    const bytes = { forward: first.passed, backward: second.passed };
    if (this.#idle !== null) this.#means.transport.timers.disarm(this.#idle);
    release(first);
    release(second);
    this.#means.recorder.tunnels(-1);
    this.#done(bytes);
  }
}

/** Joins two connections that two streams have handed out; what either of them has read ahead goes first. */
export function joinConnections(means: TunnelMeans, first: DetachedConnection, second: DetachedConnection, done: () => void): void {
  const { transport } = means;
  if (first.early !== null) send(transport, second.id, first.early, 0, first.early.length);
  if (second.early !== null) send(transport, first.id, second.early, 0, second.early.length);
  new Tunnel(means, () => {
    first.released?.();
    second.released?.();
    done();
  }).join(first.id, second.id);
}

class Side implements ConnectionHandler {
  readonly id: ConnectionId;
  ended = false;
  #moved = 0;
  readonly #means: TunnelMeans;
  readonly #other: ConnectionId;
  readonly #tunnel: Tunnel;

  constructor(means: TunnelMeans, id: ConnectionId, other: ConnectionId, tunnel: Tunnel) {
    this.#means = means;
    this.id = id;
    this.#other = other;
    this.#tunnel = tunnel;
  }

  /** Bytes that came from this side. */
  get passed(): number {
    return this.#moved + this.#means.transport.relayed(this.id);
  }

  onConnect(): void {
    this.#tunnel.connected();
  }

  /** What the current turn had read before the relay took over. */
  onData(start: number, end: number): void {
    this.#moved += end - start;
    this.#means.transport.write(this.#other, start, end);
  }

  onRelayed(bytes: number): void {
    this.#moved += bytes;
  }

  onEnd(): void {
    this.ended = true;
    this.#means.transport.shutdown(this.#other);
    this.#tunnel.ended();
  }

  onClose(_reason: CloseReason): void {
    this.#tunnel.gone(this);
  }

  // The relay keeps its own back-pressure.
  onBlocked(): void {}
  onDrained(): void {}
}
