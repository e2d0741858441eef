/**
 * A transport on links that are driven from JavaScript: node:net's sockets and the in-memory ones. It keeps the same turns
 * and rules as the native one, and copies bytes where that one need not.
 */
import { Timer, type TimerWheel } from '../../base/timer-wheel.ts';
import type {
  Acceptor,
  Address,
  ConnectOptions,
  ConnectionHandler,
  ConnectionId,
  ListenTarget,
  ListenerId,
  Transport,
} from '../transport.ts';
import { CloseReason, HIGH_WATER, LINGER_MS } from '../transport.ts';
import type { LinkConnection } from './link-connection.ts';
import { endRelayFrom, endRelays, moveRelayed, relayHeld, startRelay } from './link-relays.ts';
import { LinkTable } from './link-table.ts';
import type { Link, Wake } from './link.ts';
import { rethrow, runToEnd, tellFault } from './faults.ts';
import { WakingTimerWheel } from './waking-timer-wheel.ts';

const LARGEST_READ = 64 * 1024;
const SCRATCH_BYTES = 1024 * 1024;
const LONGEST_WAIT_MS = 60_000;

export interface LinkTransportOptions {
  /** Size of the engine's part of the arena. */
  readonly ownBytes?: number;
  /** Most bytes that one turn reads. */
  readonly readBytes?: number;
}

/** A listening point; `accept` is called for each link. */
export interface LinkListener {
  readonly address: Address;
  close(): void;
}

export abstract class LinkTransport implements Transport {
  readonly arena: Uint8Array;
  readonly ownStart: number;
  readonly ownEnd: number;
  readonly timers: TimerWheel;
  now: number;
  onFault = rethrow;

  readonly #scratchStart: number;
  #scratch: number;
  #readEnd = 0;
  readonly #table = new LinkTable();
  readonly #list = (connection: LinkConnection): void => this.#listFor(connection);
  readonly #listeners = new Map<ListenerId, LinkListener>();
  #nextListener = 1;
  #listed: LinkConnection[] = [];
  /** Written to in this turn. */
  #unflushed: LinkConnection[] = [];
  #deferred: (() => void)[] = [];
  #wakeAt = Infinity;
  #disposed = false;

  protected constructor(options: LinkTransportOptions, now: number) {
    const { ownBytes = 2 * 1024 * 1024, readBytes = 1024 * 1024 } = options;
    this.#scratchStart = this.#scratch = readBytes;
    this.ownStart = readBytes + SCRATCH_BYTES;
    this.ownEnd = this.ownStart + ownBytes;
    this.arena = new Uint8Array(this.ownEnd);
    this.now = now;
    this.timers = new WakingTimerWheel(now, (deadline) => this.#wakeBy(deadline));
  }

  /** Milliseconds on a monotonic clock. */
  protected abstract readClock(): number;
  /** Have `runTurn` called soon, once. */
  protected abstract scheduleTurn(): void;
  /** Have `runTurn` called in `delayMs`; replaces what was asked before. */
  protected abstract scheduleWake(delayMs: number): void;
  /** @returns why not, or the link. */
  protected abstract open(options: ConnectOptions, wake: Wake): Link | CloseReason;
  /** `accept` is called for each link, and returns what it is to call. */
  protected abstract bind(target: ListenTarget, accept: (link: Link) => Wake): LinkListener;

  get connections(): number {
    return this.#table.count;
  }

  listen(target: ListenTarget, acceptor: Acceptor): ListenerId {
    const accept = (link: Link): Wake => {
      const connection = this.#table.add(link);
      this.#deferAccept(connection, acceptor);
      return () => this.#list(connection);
    };
    const id = this.#nextListener++;
    this.#listeners.set(id, this.bind(target, accept));
    return id;
  }

  unlisten(listener: ListenerId): void {
    this.#listeners.get(listener)?.close();
    this.#listeners.delete(listener);
  }

  listenerAddress(listener: ListenerId): Address {
    return this.#listeners.get(listener)?.address ?? { ip: '', port: 0 };
  }

  connect(options: ConnectOptions, handler: ConnectionHandler): ConnectionId {
    let connection: LinkConnection | null = null;
    const link = this.open(options, () => connection !== null && this.#list(connection));
    connection = this.#table.add(typeof link === 'number' ? null : link);
    connection.handler = handler;
    connection.connecting = true;
    if (typeof link === 'number') connection.failure = link;
    const opened = connection;
    connection.timer = new Timer(() => {
      opened.link?.reset();
      this.#tellClosed(opened, CloseReason.ConnectTimeout);
    });
    this.timers.arm(connection.timer, options.timeoutMs);
    this.#list(connection);
    return connection.id;
  }

  setHandler(id: ConnectionId, handler: ConnectionHandler): void {
    const connection = this.#table.open(id);
    if (connection !== null) connection.handler = handler;
  }

  reserve(length: number): number {
    if (length > SCRATCH_BYTES) throw new RangeError(`cannot reserve ${length} bytes`);
    // Written slices were copied already, so the room can be used again at once.
    const start = this.#scratch + length > this.ownStart ? this.#scratchStart : this.#scratch;
    this.#scratch = start + length;
    return start;
  }

  write(id: ConnectionId, start: number, end: number): void {
    const connection = this.#table.open(id);
    if (connection === null || start >= end || connection.broken || connection.shutdown !== 'no') return;
    connection.append(this.arena.slice(start, end));
    this.#touch(connection);
  }

  shutdown(id: ConnectionId): void {
    const connection = this.#table.open(id);
    if (connection === null || connection.shutdown !== 'no') return;
    connection.shutdown = 'asked';
    this.#touch(connection);
  }

  close(id: ConnectionId): void {
    const connection = this.#table.open(id);
    if (connection === null) return;
    endRelays(connection, this.#list);
    connection.handler = null;
    connection.life = 'closing';
    if (connection.broken || (connection.connecting && connection.unsent === 0)) return this.reset(id);
    this.#startLinger(connection);
    this.#touch(connection);
  }

  ending(id: ConnectionId): boolean {
    const connection = this.#table.find(id);
    return connection !== null && !connection.ended && (connection.broken || connection.link?.ended === true);
  }

  abort(id: ConnectionId): void {
    const connection = this.#table.open(id);
    if (connection !== null) connection.aborting = true;
    this.close(id);
  }

  reset(id: ConnectionId): void {
    const connection = this.#table.find(id);
    if (connection === null) return;
    connection.link?.reset();
    this.#remove(connection);
  }

  pause(id: ConnectionId): void {
    const connection = this.#table.open(id);
    if (connection !== null) connection.paused = true;
  }

  resume(id: ConnectionId): void {
    const connection = this.#table.open(id);
    if (connection === null) return;
    connection.paused = false;
    if (connection.sendFailed) this.#stopTimer(connection);
    this.#list(connection);
  }

  relay(from: ConnectionId, to: ConnectionId, bytes: number): void {
    const source = this.#table.open(from);
    if (source !== null) startRelay(source, this.#table.open(to), bytes, this.#list);
  }

  relayed(from: ConnectionId): number {
    return this.#table.open(from)?.relay?.moved ?? 0;
  }

  peerAddress(id: ConnectionId): Address {
    return this.#table.find(id)?.link?.peer ?? { ip: '', port: 0 };
  }

  localAddress(id: ConnectionId): Address {
    return this.#table.find(id)?.link?.local ?? { ip: '', port: 0 };
  }

  defer(task: () => void): void {
    this.#deferred.push(task);
    if (!this.#disposed) this.scheduleTurn();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    this.#table.clear();
    this.#listed = [];
    this.#unflushed = [];
    this.#deferred = [];
  }

  /** One turn. An exception of a handler leaves it, and the rest follows in the next turn. */
  protected runTurn(): void {
    if (this.#disposed) return;
    this.#table.recycle();
    this.#readEnd = 0;
    this.#scratch = this.#scratchStart;
    this.now = this.readClock();
    this.timers.observe(this.now);
    const listed = this.#listed;
    this.#listed = [];
    let next = 0;
    try {
      while (next < listed.length && this.#scratchStart - this.#readEnd >= LARGEST_READ) this.#serveGuarded(listed[next++]!);
      runToEnd(this, 'a timer', () => this.timers.advance(this.now));
      runToEnd(this, 'a deferred task', () => this.#runDeferred());
    } finally {
      this.#endTurn(listed.slice(next));
    }
  }

  /** The connection that an exception was about is over, whatever its handler was doing. */
  #serveGuarded(connection: LinkConnection): void {
    try {
      this.#serve(connection);
    } catch (error) {
      const { handler, id } = connection;
      connection.link?.reset();
      this.#remove(connection);
      tellFault(this, id, handler, error);
    }
  }

  #endTurn(unserved: LinkConnection[]): void {
    if (this.#disposed) return;
    this.#listed = [...unserved, ...this.#listed];
    const unflushed = this.#unflushed;
    this.#unflushed = [];
    for (const connection of unflushed) this.#flush(connection);
    this.#wakeAt = Infinity;
    if (this.#listed.length > 0 || this.#deferred.length > 0) this.scheduleTurn();
    else this.#wakeBy(this.now + this.timers.nextDelay(LONGEST_WAIT_MS));
  }

  #wakeBy(deadline: number): void {
    if (deadline >= this.#wakeAt || this.#disposed) return;
    this.#wakeAt = deadline;
    this.scheduleWake(Math.max(0, deadline - this.readClock()));
  }

  #runDeferred(): void {
    for (let task = this.#deferred.shift(); task !== undefined; task = this.#deferred.shift()) task();
  }

  // ---- connections ----

  #remove(connection: LinkConnection): void {
    if (connection.life === 'gone') return;
    endRelays(connection, this.#list);
    this.#stopTimer(connection);
    connection.life = 'gone';
    connection.handler = null;
    connection.drop();
    this.#table.remove(connection.id);
  }

  #tellClosed(connection: LinkConnection, reason: CloseReason): void {
    const handler = connection.handler;
    this.#remove(connection);
    if (connection.relayed !== null) handler?.onRelayed(connection.relayed);
    handler?.onClose(reason);
  }

  #listFor(connection: LinkConnection): void {
    if (connection.listed || connection.life === 'gone' || this.#disposed) return;
    connection.listed = true;
    this.#listed.push(connection);
    this.scheduleTurn();
  }

  #touch(connection: LinkConnection): void {
    if (connection.unsent > HIGH_WATER && connection.blocked === 'no') {
      connection.blocked = 'untold';
      this.#list(connection);
    }
    this.#unflushed.push(connection);
    this.scheduleTurn();
  }

  /** Accepting is an event: it waits for the next turn. */
  #deferAccept(connection: LinkConnection, acceptor: Acceptor): void {
    this.#accepting.set(connection, acceptor);
    this.#list(connection);
  }
  readonly #accepting = new Map<LinkConnection, Acceptor>();

  #startLinger(connection: LinkConnection, over = (): void => this.reset(connection.id)): void {
    this.#stopTimer(connection);
    connection.timer = new Timer(over);
    this.timers.arm(connection.timer, LINGER_MS);
  }

  #stopTimer(connection: LinkConnection): void {
    if (connection.timer !== null) this.timers.disarm(connection.timer);
    connection.timer = null;
  }

  // ---- events ----

  #serve(connection: LinkConnection): void {
    connection.listed = false;
    if (connection.life === 'gone') return;
    const acceptor = this.#accepting.get(connection);
    if (acceptor !== undefined) {
      this.#accepting.delete(connection);
      connection.handler = acceptor.onAccept(connection.id);
      if (connection.handler === null) return this.reset(connection.id);
    }
    if (connection.life === 'lingering') return connection.link?.closed === true ? this.#remove(connection) : undefined;
    if (connection.broken) this.#failSending(connection);
    this.#flush(connection);
    if (connection.connecting && connection.link?.connected === true) this.#tellConnected(connection);
    this.#tellNotices(connection);
    if (connection.life === 'open') this.#receive(connection);
  }

  #tellConnected(connection: LinkConnection): void {
    connection.connecting = false;
    if (connection.handler !== null) this.#stopTimer(connection);
    this.#touch(connection);
    if (connection.feeder !== null) this.#list(connection.feeder);
    connection.handler?.onConnect();
  }

  #tellNotices(connection: LinkConnection): void {
    if (connection.blocked === 'untold') {
      connection.blocked = 'told';
      connection.handler?.onBlocked();
    }
    if (connection.drained) {
      connection.drained = false;
      connection.handler?.onDrained();
    }
    if (connection.relayed !== null && connection.relay === null) {
      const { relayed } = connection;
      connection.relayed = null;
      connection.handler?.onRelayed(relayed);
    }
  }

  /** At most one of: data, FIN, a failure. */
  #receive(connection: LinkConnection): void {
    const { link } = connection;
    const failure = connection.failure ?? link?.failure ?? null;
    if (connection.paused || connection.connecting || connection.ended || link === null) {
      if (failure !== null) this.#tellBroken(connection, failure);
      return;
    }
    if (relayHeld(connection)) return;
    const room = Math.min(LARGEST_READ, this.#scratchStart - this.#readEnd, connection.relay?.left ?? LARGEST_READ);
    const start = this.#readEnd;
    const length = link.read(this.arena.subarray(start, start + room));
    if (length > 0) {
      this.#readEnd += length;
      this.#list(connection);
      if (connection.relay === null) connection.handler?.onData(start, start + length);
      else this.#unflushed.push(moveRelayed(connection, this.arena.slice(start, start + length), this.#list));
    } else if (link.ended) {
      connection.ended = true;
      endRelayFrom(connection, this.#list);
      this.#tellNotices(connection);
      connection.handler?.onEnd();
      if (failure !== null) this.#list(connection);
    } else if (failure !== null) {
      this.#tellClosed(connection, failure);
    }
  }

  /** Of a connection that is not read from: what is unread waits to be resumed. */
  #tellBroken(connection: LinkConnection, failure: CloseReason): void {
    if (connection.ended || connection.connecting || connection.link?.readable !== true) return this.#tellClosed(connection, failure);
    if (connection.timer === null) this.#startLinger(connection, () => this.#tellClosed(connection, failure));
  }

  // ---- sending ----

  #flush(connection: LinkConnection): void {
    const { link } = connection;
    if (connection.life === 'gone' || connection.life === 'lingering' || link === null || connection.connecting) return;
    if (link.failure !== null) {
      if (connection.life === 'closing') this.#remove(connection);
      else if (!connection.sendFailed) this.#list(connection);
      return;
    }
    const progress = connection.send();
    if (progress && connection.life === 'closing') this.#startLinger(connection);
    if (connection.unsent > 0) return;
    // Only when something was sent: two relays that feed each other would otherwise wake each other for ever.
    if (progress && connection.feeder !== null) this.#list(connection.feeder);
    if (connection.blocked !== 'no') this.#unblock(connection);
    if (connection.shutdown === 'asked') {
      connection.shutdown = 'sent';
      endRelayFrom(connection.feeder, this.#list);
      link.shutdown();
    }
    if (connection.life === 'closing') {
      if (connection.aborting) return this.reset(connection.id);
      connection.life = 'lingering';
      link.close();
      this.#list(connection);
    }
  }

  /** Rule 7: what is queued is dropped, and nobody waits for it. */
  #failSending(connection: LinkConnection): void {
    if (connection.sendFailed) return;
    connection.sendFailed = true;
    connection.drop();
    if (connection.blocked !== 'no') this.#unblock(connection);
    endRelayFrom(connection.feeder, this.#list);
  }

  #unblock(connection: LinkConnection): void {
    if (connection.blocked === 'told') {
      connection.drained = true;
      this.#list(connection);
    }
    connection.blocked = 'no';
  }
}
