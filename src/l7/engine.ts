/**
 * The L7 engine of one worker: given a transport, listeners and snapshots, it serves connections. It knows neither Kubernetes
 * nor BPF; what it needs of them comes through ports.
 */
import { Timer } from '../base/timer-wheel.ts';
import { Context, DEFAULT_ENGINE_LIMITS, type ContextOptions, type EngineLimits } from './context.ts';
import { GatewayAcceptor, InboundAcceptor, OutboundAcceptor } from './downstream/acceptors.ts';
import { ServerList } from './downstream/server-list.ts';
import { EngineParts } from './engine-parts.ts';
import type { ListenerConfig } from './engine-port.ts';
import { Recorder } from './record/recorder.ts';
import { Configurator } from './runtime/configurator.ts';
import type { Stats } from './record/stats.ts';
import type { SnapshotDelta } from './snapshot.ts';
import type { Acceptor, ListenerId, ListenTarget } from './transport.ts';
import { Pools } from './upstream/pools.ts';

export interface EngineOptions extends Omit<ContextOptions, 'recorder' | 'limits'> {
  readonly stats: Stats;
  /** Milliseconds that never step back, read at each call. */
  readonly monotonic: () => number;
  readonly limits?: Partial<EngineLimits>;
}

const IDLE_SWEEP_MS = 30_000;
const DRAIN_POLL_MS = 20;
const DRAIN_IDLE_MS = 1000;

export class Engine {
  readonly #context: Context;
  readonly #parts: EngineParts;
  readonly #configurator: Configurator;
  readonly #servers = new ServerList();
  readonly #listeners = new Map<number, { readonly listener: ListenerId; readonly netns: number }>();
  readonly #idleSweep = new Timer(() => this.#sweepIdle());

  constructor(options: EngineOptions) {
    const limits = { ...DEFAULT_ENGINE_LIMITS, ...options.limits };
    this.#context = new Context({ ...options, limits, recorder: new Recorder(options.stats) });
    this.#context.pools = new Pools(this.#context);
    this.#parts = new EngineParts(this.#context);
    this.#configurator = new Configurator({
      runtime: this.#context.runtime,
      timers: options.transport.timers,
      monotonic: options.monotonic,
      log: options.log,
    });
    options.transport.timers.arm(this.#idleSweep, IDLE_SWEEP_MS);
  }

  /** Takes a change of the configuration at once; requests that begin from now on see it. For those who can wait for it. */
  apply(delta: SnapshotDelta): void {
    this.#context.runtime.apply(delta);
  }

  /** How a configuration comes into force while requests are served. */
  get configurator(): Configurator {
    return this.#configurator;
  }

  /** Serves a listener; from then on a change of the configuration is not seen before its commit. @param target where the listening socket is not a descriptor that was handed in. */
  listen(listener: ListenerConfig, target: ListenTarget = { fd: listener.fd }): ListenerId {
    this.#configurator.serve();
    const id = this.#context.transport.listen(target, this.#acceptor(listener));
    this.#listeners.set(listener.id, { listener: id, netns: listener.kind === 'gateway' ? -1 : listener.netns });
    return id;
  }

  /**
   * Stops accepting; connections go on, but idle ones in a pod's namespace are closed with its last listener: they would keep
   * the namespace alive. Unknown ids are ignored.
   */
  unlisten(id: number): void {
    const known = this.#listeners.get(id);
    if (known === undefined) return;
    this.#listeners.delete(id);
    this.#context.transport.unlisten(known.listener);
    const used = [...this.#listeners.values()].some((other) => other.netns === known.netns);
    if (known.netns >= 0 && !used) this.#context.pools.closeIdle(known.netns);
  }

  /**
   * The next response on each connection says `connection: close`; one that stays idle for a second after its last use is closed, as a
   * client that is about to send on it would have by then. `done` when no connection is left, or after `deadlineMs`.
   */
  drain(deadlineMs: number, done: () => void): void {
    const { transport } = this.#context;
    const deadline = transport.now + deadlineMs;
    this.#context.draining = true;
    this.#context.pools.closeIdle();
    const poll = new Timer(() => {
      this.#closeIdle(transport.now - DRAIN_IDLE_MS);
      if (transport.connections === 0 || transport.now >= deadline) done();
      else transport.timers.arm(poll, DRAIN_POLL_MS);
    });
    transport.timers.arm(poll, 0);
  }

  #acceptor(listener: ListenerConfig): Acceptor {
    switch (listener.kind) {
      case 'outbound':
        return new OutboundAcceptor(this.#context, this.#parts, this.#servers, listener);
      case 'inbound':
        return new InboundAcceptor(this.#context, this.#parts, this.#servers, listener);
      case 'gateway':
        return new GatewayAcceptor(this.#context, this.#parts, this.#servers, listener);
    }
  }

  #sweepIdle(): void {
    const { transport, limits } = this.#context;
    this.#closeIdle(transport.now - limits.idleTimeoutMs);
    transport.timers.arm(this.#idleSweep, IDLE_SWEEP_MS);
  }

  #closeIdle(since: number): void {
    for (const server of this.#servers.snapshot()) if (!server.busy && server.usedAt < since) server.close();
  }
}
