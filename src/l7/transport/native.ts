/**
 * The transport on the native addon: sockets, epoll and splice in C++, one call from there for each turn. Events and
 * commands are words in shared memory, bytes stay in the arena:
 *
 *     [ read area: filled anew in every turn | scratch: reserve() | own: the engine's ]
 */
import { getSystemErrorName } from 'node:util';
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
import { CloseReason, TransportError } from '../transport.ts';
import { rethrow, runToEnd, tellFault } from './faults.ts';
import type { NativeBinding } from './native-binding.ts';
import { loadTransportAddon } from './native-binding.ts';
import { CELLS, CLOCKS, Cell, Clock, Command, Event, KIND_BITS, KIND_MASK, WORDS_PER_EVENT } from '../transport-numbers.ts';
import { WakingTimerWheel } from './waking-timer-wheel.ts';

const SCRATCH_BYTES = 1024 * 1024;
const COMMAND_WORDS = 48 * 1024;
const EVENT_WORDS = WORDS_PER_EVENT * 4096;
const WORDS_PER_WRITE = 3;
/** Between two turns; a thread whose turns are further apart slept, or did not get to run. */
const STANDSTILL_MS = 20;
/** Most turns for which due timers wait then for what is still unread. */
const MOST_TURNS_BEHIND = 32;
/** The longest sleep without any timer armed. */
const LONGEST_WAIT_MS = 60_000;
/** A write before the first command ends nowhere. */
const NO_WRITE = -WORDS_PER_WRITE - 1;
const TWO_POW_32 = 2 ** 32;

export interface NativeTransportOptions {
  /** Size of the engine's part of the arena. */
  readonly ownBytes?: number;
  /** Most bytes that one turn reads. */
  readonly readBytes?: number;
  /** Transports of this process that listen at the same addresses: they share its descriptors. */
  readonly sharers?: number;
}

export class NativeTransport implements Transport {
  readonly arena: Uint8Array;
  readonly ownStart: number;
  readonly ownEnd: number;
  readonly timers: TimerWheel;

  readonly #binding: NativeBinding;
  readonly #commands = new Int32Array(COMMAND_WORDS);
  readonly #events = new Int32Array(EVENT_WORDS);
  readonly #cells = new Int32Array(CELLS);
  readonly #clock = new Float64Array(CLOCKS);
  readonly #handlers: (ConnectionHandler | null)[] = [];
  readonly #connectTimers: (Timer | null)[] = [];
  readonly #acceptors = new Map<ListenerId, Acceptor>();
  readonly #scratchStart: number;
  #scratch: number;
  /** Where the last of the commands stands, if it is a write. */
  #lastWrite = NO_WRITE;
  onFault = rethrow;
  readonly #deferred: (() => void)[] = [];
  #nextTask = 0;
  /** Where the running turn is in its events, so that a turn goes on behind a handler that threw. */
  #cursor = 0;
  #inTurn = false;
  /** Of the last turn. */
  #lastNow = 0;
  /** For so many turns timers still wait for what is unread. */
  #turnsBehind = 0;
  /** The last turn left nothing unread. */
  #caughtUp = true;
  #disposed = false;

  // Made once: as closures of the turn, each turn would pay for them.
  readonly #advanceTimers = (): void => this.timers.advance(this.now);
  readonly #runDeferred = (): void => {
    while (this.#nextTask < this.#deferred.length) this.#deferred[this.#nextTask++]!();
    this.#deferred.length = this.#nextTask = 0;
    this.#cells[Cell.Deferred] = 0;
  };

  /** @throws AddonMissing */
  static create(options: NativeTransportOptions = {}): NativeTransport {
    return new NativeTransport(options);
  }

  private constructor(options: NativeTransportOptions) {
    const { ownBytes = 2 * 1024 * 1024, readBytes = 2 * 1024 * 1024, sharers = 1 } = options;
    this.#scratchStart = this.#scratch = readBytes;
    this.ownStart = readBytes + SCRATCH_BYTES;
    this.ownEnd = this.ownStart + ownBytes;
    this.arena = new Uint8Array(this.ownEnd);
    const turn = (): void => this.#turn();
    this.#binding = loadTransportAddon().create(
      this.arena,
      readBytes,
      this.#commands,
      this.#events,
      this.#cells,
      this.#clock,
      turn,
      sharers,
    );
    this.timers = new WakingTimerWheel(this.now, (deadline) => this.#wakeBy(deadline));
  }

  get now(): number {
    return this.#clock[Clock.Now]!;
  }

  get connections(): number {
    return this.#cells[Cell.Connections]!;
  }

  listen(target: ListenTarget, acceptor: Acceptor): ListenerId {
    const listener = 'fd' in target ? this.#binding.listenOn(target.fd) : this.#binding.listenAt(target.address, target.port);
    if (listener < 0) {
      const code = getSystemErrorName(listener);
      throw new TransportError(
        code,
        `cannot listen on ${'fd' in target ? `descriptor ${target.fd}` : `${target.address} port ${target.port}`}: ${code}`,
      );
    }
    this.#acceptors.set(listener, acceptor);
    return listener;
  }

  unlisten(listener: ListenerId): void {
    this.#binding.unlisten(listener);
    // The running turn may have accepted more connections already: they are served, not refused.
    this.defer(() => this.#acceptors.delete(listener));
  }

  listenerAddress(listener: ListenerId): Address {
    return this.#binding.listenerAddress(listener);
  }

  connect(options: ConnectOptions, handler: ConnectionHandler): ConnectionId {
    const id = this.#binding.connect(options.address, options.port, options.netns, options.mark);
    if (id < 0) throw new TypeError(`not an IP address: ${options.address}`);
    const { keepalive } = options;
    if (keepalive !== undefined) this.#binding.keepAlive(id, keepalive.probes, keepalive.timeSeconds, keepalive.intervalSeconds);
    this.#cells[Cell.Connections]!++;
    this.#handlers[id] = handler;
    const timer = new Timer(() => this.#connectTimedOut(id));
    this.#connectTimers[id] = timer;
    this.timers.arm(timer, options.timeoutMs);
    return id;
  }

  setHandler(id: ConnectionId, handler: ConnectionHandler): void {
    if (this.#isOpen(id)) this.#handlers[id] = handler;
  }

  reserve(length: number): number {
    let start = this.#scratch;
    if (start + length > this.ownStart) {
      if (length > SCRATCH_BYTES) throw new RangeError(`cannot reserve ${length} bytes`);
      this.#flush();
      start = this.#scratchStart;
    }
    this.#scratch = start + length;
    return start;
  }

  write(id: ConnectionId, start: number, end: number): void {
    if (start >= end || !this.#isOpen(id)) return;
    const command = (id << KIND_BITS) | Command.Write;
    const last = this.#lastWrite;
    // What follows what was written just now goes with it.
    if (
      last + WORDS_PER_WRITE === this.#cells[Cell.CommandWords] &&
      this.#commands[last] === command &&
      this.#commands[last + 2] === start
    ) {
      this.#commands[last + 2] = end;
      return;
    }
    const at = this.#claim(WORDS_PER_WRITE);
    this.#lastWrite = at;
    this.#commands[at] = command;
    this.#commands[at + 1] = start;
    this.#commands[at + 2] = end;
  }

  /** By the events that are still to be delivered in this turn. */
  ending(id: ConnectionId): boolean {
    const events = this.#events;
    const words = this.#cells[Cell.EventWords]!;
    for (let at = this.#cursor; this.#inTurn && at < words; at += WORDS_PER_EVENT) {
      const kind = events[at]! & KIND_MASK;
      if (events[at]! >> KIND_BITS === id && (kind === Event.End || kind === Event.Close)) return true;
    }
    return false;
  }

  shutdown(id: ConnectionId): void {
    if (this.#isOpen(id)) this.#command(id, Command.Shutdown);
  }

  close(id: ConnectionId): void {
    if (!this.#isOpen(id)) return;
    this.#command(id, Command.Close);
    this.#forget(id);
  }

  abort(id: ConnectionId): void {
    if (!this.#isOpen(id)) return;
    this.#command(id, Command.Abort);
    this.#forget(id);
  }

  reset(id: ConnectionId): void {
    if (!this.#isOpen(id)) return;
    this.#command(id, Command.Reset);
    this.#forget(id);
  }

  pause(id: ConnectionId): void {
    if (this.#isOpen(id)) this.#command(id, Command.Pause);
  }

  resume(id: ConnectionId): void {
    if (this.#isOpen(id)) this.#command(id, Command.Resume);
  }

  relay(from: ConnectionId, to: ConnectionId, bytes: number): void {
    if (!this.#isOpen(from)) return;
    const at = this.#claim(4);
    this.#commands[at] = (from << KIND_BITS) | Command.Relay;
    this.#commands[at + 1] = this.#isOpen(to) ? to : -1;
    this.#commands[at + 2] = bytes === Infinity ? -1 : Math.floor(bytes / TWO_POW_32);
    this.#commands[at + 3] = bytes === Infinity ? -1 : bytes % TWO_POW_32;
  }

  relayed(from: ConnectionId): number {
    return this.#isOpen(from) ? this.#binding.relayed(from) : 0;
  }

  peerAddress(id: ConnectionId): Address {
    return this.#binding.peerAddress(id);
  }

  localAddress(id: ConnectionId): Address {
    return this.#binding.localAddress(id);
  }

  defer(task: () => void): void {
    this.#deferred.push(task);
    this.#cells[Cell.Deferred] = 1;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#binding.dispose();
    this.#handlers.length = 0;
    this.#connectTimers.length = 0;
    this.#acceptors.clear();
    this.#deferred.length = 0;
    this.#cells.fill(0);
  }

  /** Called by the native side. After an exception it is called again, for the rest. */
  #turn(): void {
    if (this.#disposed) return;
    if (!this.#inTurn) {
      this.#inTurn = true;
      this.#cursor = 0;
      this.#scratch = this.#scratchStart;
      this.timers.observe(this.now);
    }
    while (this.#cursor < this.#cells[Cell.EventWords]!) this.#dispatch();
    if (this.#heardAll()) runToEnd(this, 'a timer', this.#advanceTimers);
    runToEnd(this, 'a deferred task', this.#runDeferred);
    this.#inTurn = false;
    this.#clock[Clock.WakeAt] = this.now + this.timers.nextDelay(LONGEST_WAIT_MS);
  }

  /**
   * Whether what had arrived when the thread woke up has been delivered. A thread that did not get to run finds both: timers that are
   * due, and, in the sockets, what came in time and would have disarmed them. One turn may not read all of it. A thread that always has
   * more than it can read must not keep its timers waiting for ever: it has caught up before it may wait again.
   */
  #heardAll(): boolean {
    const unread = this.#cells[Cell.Unread] !== 0;
    if (!unread) this.#turnsBehind = 0;
    else if (this.#caughtUp && this.now - this.#lastNow > STANDSTILL_MS) this.#turnsBehind = MOST_TURNS_BEHIND;
    this.#caughtUp = !unread;
    this.#lastNow = this.now;
    return this.#turnsBehind === 0 || --this.#turnsBehind === 0;
  }

  /** Delivers events until there are no more, or one of them throws. */
  #dispatch(): void {
    const events = this.#events;
    let id = -1;
    try {
      while (this.#cursor < this.#cells[Cell.EventWords]!) {
        const at = this.#cursor;
        this.#cursor = at + WORDS_PER_EVENT;
        id = events[at]! >> KIND_BITS;
        const kind = events[at]! & KIND_MASK;
        if (kind === Event.Data) this.#handlers[id]?.onData(events[at + 1]!, events[at + 2]!);
        else this.#deliver(kind, id, events[at + 1]!, events[at + 2]!);
      }
    } catch (error) {
      this.#faulted(error, id);
    }
  }

  /** The connection that an exception was about is over, whatever its handler was doing. */
  #faulted(error: unknown, id: ConnectionId): void {
    const kind = this.#events[this.#cursor - WORDS_PER_EVENT]! & KIND_MASK;
    if (kind === Event.Exhausted) return this.onFault(error, -1, 'telling of exhaustion');
    const handler = this.#handlers[id] ?? null;
    if (handler !== null || kind === Event.Accept) this.#command(id, Command.Reset);
    this.#forget(id);
    tellFault(this, id, handler, error);
  }

  #deliver(kind: number, id: number, first: number, second: number): void {
    switch (kind) {
      case Event.Accept:
        return this.#accept(id, first);
      case Event.Connect:
        this.#stopConnectTimer(id);
        return this.#handlers[id]?.onConnect();
      case Event.End:
        return this.#handlers[id]?.onEnd();
      case Event.Close:
        return this.#closed(id, first as CloseReason);
      case Event.Blocked:
        return this.#handlers[id]?.onBlocked();
      case Event.Drained:
        return this.#handlers[id]?.onDrained();
      case Event.Relayed:
        return this.#handlers[id]?.onRelayed(first * TWO_POW_32 + (second >>> 0));
      case Event.Exhausted:
        return this.#acceptors.get(first)?.onExhausted?.(second === 0 ? 'descriptors' : 'memory');
    }
  }

  #accept(id: ConnectionId, listener: ListenerId): void {
    const handler = this.#acceptors.get(listener)?.onAccept(id) ?? null;
    if (handler !== null) this.#handlers[id] = handler;
    else this.#command(id, Command.Close);
  }

  #closed(id: ConnectionId, reason: CloseReason): void {
    const handler = this.#handlers[id];
    this.#forget(id);
    handler?.onClose(reason);
  }

  #connectTimedOut(id: ConnectionId): void {
    this.#command(id, Command.Reset);
    this.#closed(id, CloseReason.ConnectTimeout);
  }

  /** The native side sleeps no longer than until then. */
  #wakeBy(deadline: number): void {
    if (deadline < this.#clock[Clock.WakeAt]!) this.#clock[Clock.WakeAt] = deadline;
  }

  #isOpen(id: ConnectionId): boolean {
    return this.#handlers[id] != null;
  }

  #forget(id: ConnectionId): void {
    this.#handlers[id] = null;
    this.#stopConnectTimer(id);
  }

  #stopConnectTimer(id: ConnectionId): void {
    const timer = this.#connectTimers[id];
    if (timer == null) return;
    this.timers.disarm(timer);
    this.#connectTimers[id] = null;
  }

  #command(id: ConnectionId, command: number): void {
    this.#commands[this.#claim(1)] = (id << KIND_BITS) | command;
  }

  #claim(words: number): number {
    this.#lastWrite = NO_WRITE;
    let at = this.#cells[Cell.CommandWords]!;
    if (at + words > COMMAND_WORDS) {
      this.#flush();
      at = 0;
    }
    this.#cells[Cell.CommandWords] = at + words;
    return at;
  }

  #flush(): void {
    this.#binding.flush();
    this.#scratch = this.#scratchStart;
  }
}
