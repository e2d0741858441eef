/**
 * The composition root: the only place that knows how the parts of an agent are made and which of the others each one gets.
 *
 *     sources -> configuration -> rollout -+-> worker pool -> workers (engine)
 *                                          +-> gateway listeners   (node's namespace)
 *                                          +-> reconciler -> listeners in pods, kernel programs
 */
import { setImmediate as otherTurn } from 'node:timers/promises';
import { type Clock, systemClock } from '../base/clock.ts';
import { Disposal } from '../base/disposal.ts';
import { ExitCode, messageOf } from '../base/errors.ts';
import { boundThreadsThemselves } from '../base/memory.ts';
import { giveWay } from '../base/priority.ts';
import type { Snapshot } from '../l7/snapshot.ts';
import { releaseFreedMemory, releaseStartupPages } from '../l7/transport/native-binding.ts';
import { Agent } from './agent.ts';
import { type NodeAccess, openNode } from './capture.ts';
import { ChangeSignal } from './change-signal.ts';
import type { AgentConfig } from './config.ts';
import { compileOptions } from './compile-options.ts';
import { Configuration } from './configuration.ts';
import { NameResolver } from './dns/name-resolver.ts';
import { systemNames } from './dns/system-names.ts';
import { type EndpointSources, agentEndpoints } from './endpoints.ts';
import { GatewayListeners } from './enroll/gateway-listeners.ts';
import { ListenerIds } from './enroll/listener-group.ts';
import { PodHomes } from './enroll/pod-homes.ts';
import { namespaceFiles } from './enroll/pod-namespace.ts';
import { podProcesses } from './enroll/processes.ts';
import { Reconciler } from './enroll/reconciler.ts';
import { type LogOutput, openLog } from './log.ts';
import type { Resolution } from './model/compile/index.ts';
import type { ObjectSource } from './model/sink.ts';
import { openSources } from './object-sources.ts';
import { Propagation } from './propagation.ts';
import { Readiness } from './readiness.ts';
import { Rollout } from './rollout.ts';
import { StatusReporter } from './status-reporter.ts';
import type { ApiCalls } from './status/api-calls.ts';
import { SpareMemory } from './spare-memory.ts';
import { StatusWriter } from './status/status-writer.ts';
import { ownVersion } from './version.ts';
import { collectorAddress, type CollectorMeans } from './telemetry/export/collector-address.ts';
import { Exporters } from './telemetry/export/exporters.ts';
import { WorkerRings } from './telemetry/worker-rings.ts';
import { openLogSender, openSpanSender } from './telemetry/export/sender.ts';
import type { LogRecord } from './telemetry/log-record.ts';
import { TrafficWindow } from './traffic/traffic-window.ts';
import { RequestLog } from './requests/request-log.ts';
import { AccessLogs } from './telemetry/access-logs.ts';
import { SeriesTable } from './telemetry/series-table.ts';
import { WorkerPool, workerEntry } from './worker-pool/pool.ts';

/** What an agent is made from. */
export interface AgentMeans {
  readonly config: AgentConfig;
  readonly output: LogOutput;
  readonly clock: Clock;
  /** Gets a step for everything that is started. */
  readonly disposal: Disposal;
  readonly node: NodeAccess;
  /** Where objects come from; the first of those that give one wins. */
  readonly sources: readonly ObjectSource[];
  /** Where status is written; null: nowhere. */
  readonly api: ApiCalls | null;
  /** Of the threads that serve requests, where others give way to them: see base/priority.ts. */
  readonly priority: number | null;
}

/** Opens the node, runs the agent until it is asked to stop, and undoes everything. Resolves with the exit code. */
export async function runAgent(config: AgentConfig): Promise<number> {
  boundThreadsThemselves();
  const priority = await giveWay();
  const output = openLog(config['log-level'], config['log-file']);
  const clock = systemClock();
  const disposal = new Disposal();
  disposal.add('the fault handler', endOnFault(output));
  try {
    const { sources, api } = await openSources(config, clock);
    const node = await openNode(config, clock, output.log);
    disposal.add('the datapath', () => node.close());
    const agent = composeAgent({ config, output, clock, disposal, node, sources, api, priority });
    await agent.start();
    const why = await agent.stopped;
    output.log.info({ why }, 'draining');
    await agent.drain();
    return ExitCode.Ok;
  } finally {
    for (const failure of await disposal.dispose()) output.log.error({ failure }, 'not everything could be undone');
    output.log.info('stopped');
  }
}

export function composeAgent(means: AgentMeans): Agent {
  const { config, output, clock, disposal, node, sources } = means;
  const { log } = output;
  const changes = new ChangeSignal();
  const series = new SeriesTable(clock, config['metrics-expiry']);
  const lookup = systemNames();
  const snapshot = (): Snapshot | null => rollout.current;
  const { exporters, logExporters } = telemetryExporters(means, { snapshot, clusterDomain: config['cluster-domain'], lookup });
  const accessLogs = new AccessLogs(clock, log, (provider, records) => logExporters.add(provider, records));
  const spanRings = new WorkerRings({ clock, take: (spans, provider) => exporters.add(provider, spans) });
  disposal.add('the access logs', () => accessLogs.close());
  disposal.add('the rings of spans', () => spanRings.close());
  const requests: RequestLog = new RequestLog({ clock, onFilters: (filters) => pool.tap(filters) });
  disposal.add('the taps', () => requests.close());
  const pool: WorkerPool = workerPool(means, changes, { series, spanRings, accessLogs, requests });
  const shared = { sockets: node.sockets, workers: pool, ids: new ListenerIds(), mark: node.mark, clock, log };
  const gateways = new GatewayListeners({ ...shared, addresses: config['gateway-address'] });
  const places = { files: namespaceFiles, homes: new PodHomes(namespaceFiles, podProcesses()) };
  const { capture } = node;
  const reconciler = capture === null ? null : new Reconciler({ ...shared, ...places, capture, onChange: () => changes.raise() });
  const rollout = new Rollout({ workers: pool, pods: reconciler, gateways });
  const propagation = new Propagation(clock);
  const configuration = new Configuration({
    ...{ sources, clock, log, propagation },
    options: compileOptions(config),
    served: () => reconciler?.served() ?? new Set(),
    onOutcome: ({ snapshot, delta, wanted, names, exporters: collectors }) => {
      resolver.want(names);
      exporters.configure(collectors);
      logExporters.configure(collectors);
      rollout.apply(snapshot, delta, wanted);
      if (delta !== null) spare.changed();
      changes.raise();
    },
  });
  const onResolution = (name: string, resolution: Resolution | null): void => configuration.resolved(name, resolution);
  const resolver = new NameResolver({ lookup, clock, random: Math.random, onResolution });
  disposal.add('the questions to DNS', () => resolver.stop());
  const { spare, readiness } = readinessOf(means);
  const status = new StatusReporter({ config, clock, readiness, pool, rollout, reconciler, gateways, configuration });
  const writer = statusWriter(means, configuration, reconciler);
  const stop = Promise.withResolvers<string>();
  const endpoints = endpointsOf(means, {
    status,
    readiness,
    rollout,
    configuration,
    propagation,
    series,
    spans: () => exporters.report(),
    logRecords: () => logExporters.report(),
    accessLogs: () => accessLogs.report(),
    requests,
    traffic: trafficWindow(means, series),
    pool,
    stop: stop.resolve,
  });
  const parts = { pool, gateways, reconciler, rollout, configuration, propagation, readiness, status, writer, endpoints, accessLogs };
  return new Agent({ config, output, clock, disposal, node, changes, stop, ...parts });
}

function statusWriter(
  { config, output, clock, api }: AgentMeans,
  configuration: Configuration,
  reconciler: Reconciler | null,
): StatusWriter | null {
  if (api === null) return null;
  return new StatusWriter({
    ...{ api, clock, random: Math.random, log: output.log, version: ownVersion() },
    ...{ nodeName: config['node-name'], agentNamespace: config['agent-namespace'], ambientAnnotation: config['ambient-annotation'] },
    localPods: () => configuration.localPods(),
    captures: () => reconciler?.report() ?? [],
    problems: () => configuration.allProblems(),
  });
}

interface Telemetry {
  readonly series: SeriesTable;
  readonly spanRings: WorkerRings;
  readonly accessLogs: AccessLogs;
  readonly requests: RequestLog;
}

function workerPool(
  { config, output, clock, node, priority }: AgentMeans,
  changes: ChangeSignal,
  { series, spanRings, accessLogs, requests }: Telemetry,
): WorkerPool {
  return new WorkerPool({
    count: config.workers,
    entry: workerEntry(),
    settings: {
      ...{ mark: node.mark, originalDestinations: node.originalDestinations },
      ...{ silentSeriesMs: config['metrics-expiry'], slowRequestMs: config['slow-request'] },
      metricsValues: config['metrics-values'],
      priority,
    },
    clock,
    log: output.log,
    onChange: () => changes.raise(),
    onSeries: (member, added, ended) => {
      series.end(member, ended);
      series.add(member, added);
    },
    onSpanRing: (member, provider, memory) => spanRings.attach(member, provider, memory),
    onExemplars: (member, exemplars) => series.exemplify(member, exemplars),
    onLogRing: (member, sink, memory) => accessLogs.attach(member, sink, memory),
    onTapRing: (member, sink, memory) => requests.rings.attach(member, sink, memory),
    onRetire: (member, listeners) => {
      requests.rings.retire(member);
      node.giveBack(listeners, member.taken);
      series.retire(member);
      accessLogs.retire(member);
      spanRings.retire(member);
    },
  });
}

interface TelemetryExporters {
  readonly exporters: Exporters<Buffer>;
  readonly logExporters: Exporters<LogRecord>;
}

function telemetryExporters({ clock, output, disposal }: AgentMeans, means: CollectorMeans): TelemetryExporters {
  const shared = { clock, log: output.log, resolve: (host: string, port: number) => collectorAddress(means, host, port) };
  const exporters = new Exporters({ ...shared, open: openSpanSender }, ({ protocol }) => protocol !== 'otlp-logs');
  const logExporters = new Exporters({ ...shared, open: openLogSender }, ({ protocol }) => protocol === 'otlp-logs');
  for (const one of [exporters, logExporters]) disposal.add('exporters of telemetry', () => one.close());
  return { exporters, logExporters };
}

function trafficWindow({ clock, disposal }: AgentMeans, series: SeriesTable): TrafficWindow {
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const traffic = new TrafficWindow({ clock, series, cpu, turn: () => otherTurn() });
  traffic.start();
  disposal.add('the window of traffic', () => traffic.stop());
  return traffic;
}

/** What follows from being ready, and what the start left. */
function readinessOf({ output, clock, disposal }: AgentMeans): { readonly spare: SpareMemory; readonly readiness: Readiness } {
  const spare = new SpareMemory(clock, { ofStart: releaseStartupPages, ofChanges: releaseFreedMemory });
  disposal.add('the return of memory', () => spare.stop());
  const readiness = new Readiness((ready) => {
    output.log.info({ ready }, ready ? 'ready' : 'not ready');
    if (ready) spare.started();
  });
  return { spare, readiness };
}

function endpointsOf(
  { config, output, clock, node }: AgentMeans,
  sources: Pick<
    EndpointSources,
    | 'status'
    | 'readiness'
    | 'rollout'
    | 'configuration'
    | 'propagation'
    | 'series'
    | 'spans'
    | 'logRecords'
    | 'accessLogs'
    | 'requests'
    | 'traffic'
    | 'pool'
    | 'stop'
  >,
) {
  const startedAtSeconds = Math.round(clock.now() / 1000 - process.uptime());
  return agentEndpoints({ ...sources, config, clock, log: output.log, startedAtSeconds, verdicts: () => node.verdicts() });
}

/**
 * After a fault in the control thread its state is unknown: it ends, so that the kernel sends new connections past the agent and a
 * supervisor starts another. Returns how to undo it.
 */
function endOnFault(output: LogOutput): () => void {
  const onFault = (error: unknown): never => {
    output.log.fatal({ error: messageOf(error), stack: (error as Error | undefined)?.stack }, 'fault in the control thread');
    process.exit(ExitCode.Fault);
  };
  process.on('uncaughtException', onFault);
  return () => void process.off('uncaughtException', onFault);
}
