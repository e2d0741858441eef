/**
 * The L7 engine of one worker: given a transport, listeners and snapshots, it serves connections. It knows neither Kubernetes
 * nor BPF; what it needs of them comes through ports.
 */
import { Timer } from '../base/timer-wheel.ts';
import { AccessLog } from './access-log/access-log.ts';
import { LineRing } from '../base/line-ring.ts';
import { type AcceptorGround, GatewayAcceptor, InboundAcceptor, OutboundAcceptor } from './downstream/acceptors.ts';
import { Exhaustion } from './downstream/exhaustion.ts';
import { ServerList } from './downstream/server-list.ts';
import { TcpCounts } from './downstream/tcp-counts.ts';
import type { ListenerConfig, OriginalDestinations } from './engine-port.ts';
import { GrpcCalls } from './exchange/grpc-calls.ts';
import { explain } from './explain/explain.ts';
import type { Explanation, ExplainQuestion } from './explain/explanation.ts';
import { HeadStore } from './exchange/head-store.ts';
import { RequestChanges } from './exchange/request-changes.ts';
import { ResponseHeaders } from './exchange/response-headers.ts';
import { Tellings } from './exchange/tellings.ts';
import type { ExchangeTools } from './exchange/tools.ts';
import { FaultCount } from './fault-count.ts';
import { Http1Wire } from './http1/wire.ts';
import { Http2Wire } from './http2/wire.ts';
import { DEFAULT_ENGINE_LIMITS, type EngineLimits } from './limits.ts';
import { ARENA_TEXT_BYTES, ArenaText } from './message/arena-text.ts';
import { DateLine } from './message/date-line.ts';
import { HeadChanges } from './message/head-changes.ts';
import { HeaderNames } from './message/header-names.ts';
import { ExchangeRecord } from './record/exchange-record.ts';
import { Recorder, type RecordSink } from './record/recorder.ts';
import type { Stats } from './record/stats.ts';
import { RequestTap } from './tap/request-tap.ts';
import { Configurator, type Watch } from './runtime/configurator.ts';
import { Runtime } from './runtime/runtime.ts';
import type { PoolsAnswer } from './question.ts';
import type { SnapshotDelta } from './snapshot.ts';
import { STACKS, type Stacks } from './stack.ts';
import { SpanLog } from './tracing/span-log.ts';
import type { Acceptor, ListenerId, ListenTarget, Transport } from './transport.ts';
import { Guards, privateLedger } from './upstream/guards.ts';
import { Ledger } from './upstream/ledger.ts';
import { OriginalCluster } from './upstream/original-cluster.ts';
import { Http2Pools } from './upstream/http2-pools.ts';
import { Pools } from './upstream/pools.ts';

export interface EngineOptions {
  readonly transport: Transport;
  readonly stats: Stats;
  readonly originalDestinations: OriginalDestinations;
  /** SO_MARK of upstream sockets, by which the datapath knows them. */
  readonly mark: number;
  /** Uniform over 32 bits. */
  readonly random: () => number;
  /** Wall clock in milliseconds, for the Date header. */
  readonly now: () => number;
  /** Milliseconds that never step back, read at each call. */
  readonly monotonic: () => number;
  readonly log: (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** Does a slice of configuration, for which everyone else waits. Absent: nobody measures it. */
  readonly watch?: Watch;
  /** Faults repeat beyond a bound: the worker should be replaced. */
  readonly unfit: (cause: string) => void;
  readonly limits?: Partial<EngineLimits>;
  /** What workers count together; without it this one counts alone. */
  readonly ledger?: Ledger;
  /** Readers of the records of exchanges besides the metrics. */
  readonly recordSinks?: readonly RecordSink[];
  readonly stacks?: Stacks;
  /** Where lines of access logs go; asked for once there is one. */
  readonly openLogRing?: (sink: string) => LineRing;
  /** Where single requests are told; asked for once there is one. */
  readonly openTapRing?: () => LineRing;
  readonly hostname?: string;
  readonly openSpanRing?: (provider: string) => LineRing;
}

const IDLE_SWEEP_MS = 30_000;
/** How long a client of HTTP/2 may take nothing of a response that waits for it (Envoy's stream_idle_timeout). */
const STALLED_MS = 300_000;
const SERIES_SWEEP_MS = 60_000;
const DRAIN_POLL_MS = 20;
const DRAIN_IDLE_MS = 1000;

/** What clients use of clusters, as far as rules limit it. Another worker's bell is answered in a turn. */
function originalsOf(runtime: Runtime, guards: Guards): Pick<ExchangeTools, 'originals' | 'callees'> {
  const originals = new OriginalCluster();
  return { originals, callees: { runtime, originals, guards } };
}

function guardsOf({ ledger: shared, transport, random }: EngineOptions, recorder: Recorder): Guards {
  const ledger = shared ?? new Ledger(privateLedger(), 0);
  const guards = new Guards(ledger, {
    timers: transport.timers,
    random,
    overflowed: (resource) => recorder.overflowed(resource),
    ejection: (cluster, what) => recorder.ejection(cluster, what),
  });
  // Nobody else rings at a ledger of its own, and who waits there is kept for ever.
  void shared?.listen(() => transport.defer(() => guards.heed()));
  return guards;
}

interface Wires {
  readonly wire: Http1Wire;
  readonly http2: Http2Wire;
}

function poolsOf(
  { wire, http2 }: Wires,
  mark: number,
  guards: Guards,
  recorder: Recorder,
): { readonly pools: Pools; readonly http2Pools: Http2Pools } {
  return {
    pools: new Pools(wire, mark, guards, recorder),
    http2Pools: new Http2Pools(http2, mark, recorder, (fault) => recorder.refused(fault)),
  };
}

function faultCounter({ transport, log, unfit }: EngineOptions, recorder: Recorder): ExchangeTools['fault'] {
  const faults = new FaultCount({ now: () => transport.now, log, unfit });
  return (error, doing) => {
    recorder.fault();
    faults.count(error, doing);
  };
}

function configuratorOf(options: EngineOptions, runtime: Runtime, recorder: Recorder): Configurator {
  return new Configurator({
    runtime,
    timers: options.transport.timers,
    monotonic: options.monotonic,
    log: options.log,
    // Not one of those that make a worker unfit: the one that replaces it would meet the same record.
    countFault: () => recorder.fault(),
    watch: options.watch ?? ((work) => work()),
  });
}

export class Engine {
  readonly #transport: Transport;
  readonly #limits: EngineLimits;
  readonly #recorder: Recorder;
  readonly #runtime: Runtime;
  /** How a configuration takes effect while requests are served. */
  readonly configurator: Configurator;
  readonly #pools: Pools;
  readonly #http2Pools: Http2Pools;
  readonly #list: ServerList;
  readonly #ground: AcceptorGround;
  readonly #listeners = new Map<number, { readonly listener: ListenerId; readonly netns: number; readonly client: string }>();
  readonly #idleSweep = new Timer(() => this.#sweepIdle());
  readonly #seriesSweep = new Timer(() => this.#sweepSeries());

  constructor(options: EngineOptions) {
    const { transport, random, mark } = options;
    const limits = (this.#limits = { ...DEFAULT_ENGINE_LIMITS, ...options.limits });
    const recorder = (this.#recorder = new Recorder(
      options.stats,
      options.recordSinks,
      Math.ceil(limits.silentSeriesMs / SERIES_SWEEP_MS),
    ));
    const names = new HeaderNames();
    const text = new ArenaText(transport);
    const date = new DateLine(options.now);
    const wires: Wires = {
      wire: new Http1Wire(transport, limits, names, text, date),
      http2: new Http2Wire(transport, limits, names, date),
    };
    const runtime = (this.#runtime = new Runtime(names));
    this.configurator = configuratorOf(options, runtime, recorder);
    const changes = new HeadChanges(transport);
    const fault = faultCounter(options, recorder);
    this.#transport = transport;
    const guards = guardsOf(options, recorder);
    const { pools, http2Pools } = poolsOf(wires, mark, guards, recorder);
    this.#pools = pools;
    this.#http2Pools = http2Pools;
    this.#list = new ServerList((change) => recorder.downstreamConnections(change));
    const tools: ExchangeTools = {
      transport,
      limits,
      random,
      runtime,
      pools,
      http2Pools,
      ...originalsOf(runtime, guards),
      heads: new HeadStore(transport, transport.ownStart + ARENA_TEXT_BYTES, transport.ownEnd),
      changes,
      requests: new RequestChanges(changes, text, wires.http2.numbers),
      responses: new ResponseHeaders(date, text, wires.http2.numbers),
      recorder,
      calls: new GrpcCalls(transport),
      record: new ExchangeRecord(),
      spans: spanLog(options, recorder),
      ...tellingOf(options, runtime, limits),
      fault,
    };
    this.#ground = {
      ...wires,
      tools,
      opaque: { ...tools, guards, counts: new TcpCounts(transport), mark },
      list: this.#list,
      originalDestinations: options.originalDestinations,
      exhaustion: new Exhaustion({ now: () => transport.now, log: options.log, recorder }),
      stacks: options.stacks ?? STACKS,
    };
    transport.onFault = (error, _id, doing) => fault(error, doing);
    transport.timers.arm(this.#idleSweep, IDLE_SWEEP_MS);
    transport.timers.arm(this.#seriesSweep, SERIES_SWEEP_MS);
  }

  /** Who wants to see single requests. */
  get tap(): RequestTap {
    return this.#ground.tools.tap;
  }

  /** For people. */
  pools(): PoolsAnswer {
    const clients = new Map([...this.#listeners.values()].map(({ netns, client }) => [netns, client]));
    const pools = [...this.#pools.report(), ...this.#http2Pools.report()];
    return { now: this.#transport.now, pools: pools.map((pool) => ({ ...pool, client: clients.get(pool.netns) ?? '' })) };
  }

  /** What would become of a request. */
  explain(question: ExplainQuestion): Explanation {
    const { originals } = this.#ground.tools;
    const ground = { runtime: this.#runtime, originals, transport: this.#transport, limits: this.#limits, guards: this.#pools.guards };
    return explain(ground, question);
  }

  /**
   * Takes a change of the configuration at once; requests that begin from now on see it. For callers that can wait for it.
   * @param slabs see Runtime.
   */
  apply(delta: SnapshotDelta, slabs: readonly SharedArrayBuffer[] = []): void {
    this.#runtime.apply(delta, slabs);
  }

  /**
   * Serves a listener; from then on a change of the configuration is not seen before its commit.
   * @param target where the listening socket is not a descriptor that was handed in.
   */
  listen(listener: ListenerConfig, target: ListenTarget = { fd: listener.fd }): ListenerId {
    this.configurator.serve();
    const id = this.#transport.listen(target, this.#acceptor(listener));
    this.#listeners.set(listener.id, { listener: id, ...clientOf(listener) });
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
    this.#transport.unlisten(known.listener);
    const used = [...this.#listeners.values()].some((other) => other.netns === known.netns);
    if (known.netns < 0 || used) return;
    this.#pools.closeIdle(known.netns);
    this.#http2Pools.closeIdle(known.netns);
  }

  /**
   * The next response on each connection says `connection: close`; one that stays idle for a second after its last use is closed, as a
   * client that is about to send on it would have by then. `done` when no connection is left, or after `deadlineMs`.
   */
  drain(deadlineMs: number, done: () => void): void {
    const transport = this.#transport;
    const deadline = transport.now + deadlineMs;
    this.#pools.draining = this.#http2Pools.draining = true;
    this.#list.drain();
    this.#pools.closeIdle();
    this.#http2Pools.closeIdle();
    const poll = new Timer(() => {
      this.#list.closeIdle(transport.now - DRAIN_IDLE_MS);
      if (transport.connections === 0 || transport.now >= deadline) done();
      else transport.timers.arm(poll, DRAIN_POLL_MS);
    });
    transport.timers.arm(poll, 0);
  }

  #acceptor(listener: ListenerConfig): Acceptor {
    switch (listener.kind) {
      case 'outbound':
        return new OutboundAcceptor(this.#ground, listener);
      case 'inbound':
        return new InboundAcceptor(this.#ground, listener);
      case 'gateway':
        return new GatewayAcceptor(this.#ground, listener);
    }
  }

  #sweepSeries(): void {
    this.#recorder.sweep();
    this.#transport.timers.arm(this.#seriesSweep, SERIES_SWEEP_MS);
  }

  #sweepIdle(): void {
    const { now, timers } = this.#transport;
    this.#list.closeIdle(now - this.#limits.idleTimeoutMs);
    this.#list.endStalled(now - STALLED_MS);
    for (let silent = this.#list.closeSilent(now - this.#limits.headTimeoutMs); silent > 0; silent--)
      this.#recorder.refused('head_timeout');
    timers.arm(this.#idleSweep, IDLE_SWEEP_MS);
  }
}

/** Whose connections are in which network namespace. */
function clientOf(listener: ListenerConfig): { readonly netns: number; readonly client: string } {
  return listener.kind === 'gateway' ? { netns: -1, client: 'gateway' } : { netns: listener.netns, client: listener.workload };
}

function spanLog({ transport, now, openSpanRing = () => new LineRing() }: EngineOptions, recorder: Recorder): SpanLog {
  return new SpanLog({
    open: openSpanRing,
    wall: (ticks) => now() - (transport.now - ticks),
    ticks: () => transport.now,
    dropped: () => recorder.spanDropped(),
  });
}

/** Who is told of single requests. */
function tellingOf(
  options: EngineOptions,
  runtime: Runtime,
  { slowRequestMs }: EngineLimits,
): Pick<ExchangeTools, 'accessLog' | 'tellings' | 'tap' | 'wall'> {
  const { transport, now, hostname = '-', openLogRing = () => new LineRing(), openTapRing = () => new LineRing() } = options;
  const wall = (ticks: number): number => now() - (transport.now - ticks);
  const accessLog = new AccessLog({ wall, hostname, open: openLogRing, defer: (task) => transport.defer(task) });
  const tellings = new Tellings(accessLog);
  runtime.onTelemetry = (telemetry) => tellings.of(telemetry);
  return { accessLog, tellings, tap: new RequestTap({ open: openTapRing, slowMs: slowRequestMs }), wall };
}
