/**
 * An agent: its parts, told of each other.
 *
 *     input -> configuration -> rollout -+-> worker pool -> workers (engine)
 *                                        +-> gateway listeners   (node's namespace)
 *                                        +-> reconciler -> listeners in pods, kernel programs
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Disposal } from '../base/disposal.ts';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import { adminEndpoint } from './admin/admin-endpoint.ts';
import type { HttpServer } from './admin/http-server.ts';
import { nodeEndpoint } from './admin/node-endpoint.ts';
import type { NodeAccess } from './capture.ts';
import type { AgentConfig, LogLevel, SocketAddress } from './config.ts';
import { Configuration, type ConfigurationInput } from './configuration.ts';
import { GatewayListeners } from './enroll/gateway-listeners.ts';
import { ListenerIds } from './enroll/listener-group.ts';
import { findPodNamespaces } from './enroll/processes.ts';
import { Reconciler } from './enroll/reconciler.ts';
import { startHeartbeat } from './heartbeat.ts';
import type { LogOutput } from './log.ts';
import { Readiness } from './readiness.ts';
import { Rollout, type RolloutOptions } from './rollout.ts';
import { StatusReporter } from './status-reporter.ts';
import { releaseStartupPages } from '../l7/transport/native-binding.ts';
import { handleSignals } from './stop-signals.ts';
import { agentMetrics } from './telemetry/agent-metrics.ts';
import { WorkerCounters } from './telemetry/worker-counters.ts';
import { WorkerPool, workerEntry } from './worker-pool/pool.ts';

/** After this long what was loaded for the start alone is not touched any more. */
const SETTLED_MS = 1000;

/** New connections are on their way for this long after the kernel was told to send no more. */
const ARRIVAL_MS = 250;

export interface AgentParts {
  readonly config: AgentConfig;
  readonly output: LogOutput;
  /** Gets a step for all that is started. */
  readonly disposal: Disposal;
  readonly node: NodeAccess;
  readonly input: ConfigurationInput;
  readonly difference: RolloutOptions['difference'];
}

export class Agent {
  /** Resolves with the reason when the agent is asked to stop. */
  readonly stopped: Promise<string>;
  readonly #config: AgentConfig;
  readonly #output: LogOutput;
  readonly #disposal: Disposal;
  readonly #clock: Clock;
  readonly #node: NodeAccess;
  readonly #pool: WorkerPool;
  readonly #gateways: GatewayListeners;
  readonly #reconciler: Reconciler | null;
  readonly #rollout: Rollout;
  readonly #configuration: Configuration;
  readonly #counters = new WorkerCounters();
  readonly #readiness: Readiness;
  readonly #gates;
  readonly #status: StatusReporter;
  #stop: (why: string) => void = () => {};
  #reviewing = false;

  constructor({ config, output, disposal, node, input, difference }: AgentParts) {
    this.stopped = new Promise((stop) => (this.#stop = stop));
    this.#config = config;
    this.#output = output;
    this.#disposal = disposal;
    const { log } = output;
    const clock = (this.#clock = systemClock());
    const ids = new ListenerIds();
    this.#node = node;
    const { sockets, capture, mark } = this.#node;
    this.#pool = new WorkerPool({
      count: config.workers,
      entry: workerEntry(),
      settings: { mark, transport: config.transport, originalDestinations: this.#node.originalDestinations },
      clock,
      log,
      onChange: () => this.#review(),
      onRetire: (member) => this.#counters.retire(member),
    });
    const shared = { sockets, workers: this.#pool, ids, mark, clock, log };
    this.#gateways = new GatewayListeners({ ...shared, addresses: config['gateway-address'] });
    this.#reconciler =
      capture === null ? null : new Reconciler({ ...shared, capture, findNamespaces: findPodNamespaces, onChange: () => this.#review() });
    this.#rollout = new Rollout({ workers: this.#pool, pods: this.#reconciler, gateways: this.#gateways, difference });
    this.#configuration = new Configuration(input, log, ({ snapshot, wanted }) => {
      this.#rollout.apply(snapshot, wanted);
      this.#review();
    });
    this.#readiness = new Readiness((ready) => {
      log.info({ ready }, ready ? 'ready' : 'not ready');
      if (ready && config.transport === 'native') disposal.add('the pages of the start', clock.after(SETTLED_MS, releaseStartupPages));
    });
    this.#gates = {
      configured: this.#readiness.gate('configured', 'the first complete configuration, in all workers'),
      captured: this.#readiness.gate('captured', 'the first reconciliation of pods and gateway ports'),
    };
    this.#status = new StatusReporter({
      config,
      clock,
      readiness: this.#readiness,
      pool: this.#pool,
      rollout: this.#rollout,
      reconciler: this.#reconciler,
      gateways: this.#gateways,
      configuration: this.#configuration,
    });
  }

  async start(): Promise<void> {
    const { log } = this.#output;
    this.#disposal.add('the signal handlers', handleSignals(this.#signals()));
    this.#pool.start();
    this.#disposal.add('the workers', () => this.#pool.stop());
    this.#startCapture();
    this.#gateways.start();
    this.#disposal.add('the gateway ports', () => this.#gateways.close());
    await this.#serveEndpoints();
    await this.#configuration.start();
    this.#disposal.add('the configuration', () => this.#configuration.stop());
    log.info({ pid: process.pid, workers: this.#pool.size, capture: this.#reconciler !== null }, 'started');
  }

  /** New connections go past the agent; those that it has are given time to end. */
  async drain(): Promise<void> {
    this.#status.draining = true;
    this.#gates.captured.close('draining');
    await this.#configuration.stop();
    this.#reconciler?.release();
    await new Promise<void>((arrived) => this.#clock.after(this.#reconciler === null ? 0 : ARRIVAL_MS, arrived));
    await this.#gateways.close();
    await this.#pool.drain(this.#config['drain-timeout']);
  }

  #startCapture(): void {
    const reconciler = this.#reconciler;
    if (reconciler === null) return;
    reconciler.start();
    this.#disposal.add('the listeners in pods', () => reconciler.close());
    const timeoutMs = this.#config['heartbeat-timeout'];
    const responsive = (withinMs: number): boolean => this.#pool.responsive(withinMs);
    const stop = startHeartbeat({ clock: this.#clock, timeoutMs, beat: () => this.#node.beat(), responsive });
    this.#disposal.add('the heartbeat', stop);
    this.#disposal.add('the capture', () => reconciler.release());
  }

  async #serveEndpoints(): Promise<void> {
    const metrics = agentMetrics({
      startedAtSeconds: Math.round(this.#clock.now() / 1000 - process.uptime()),
      status: () => this.#status.report(),
      series: () => this.#counters.sum(this.#pool.members),
      verdicts: () => this.#node.verdicts(),
    });
    await this.#serve('metrics', nodeEndpoint({ readiness: this.#readiness, metrics }), this.#config['metrics-address']);
    const { log } = this.#output;
    const admin = adminEndpoint({
      config: () => this.#config,
      snapshot: () => this.#rollout.current,
      status: () => this.#status.report(),
      logLevel: { get: () => log.level, set: (level: LogLevel) => (log.level = level) },
      quit: () => this.#stop('asked to quit at the admin endpoint'),
    });
    await this.#serve('admin', admin, this.#config['admin-address']);
  }

  async #serve(name: 'metrics' | 'admin', server: HttpServer, address: SocketAddress | null): Promise<void> {
    if (address === null) return;
    try {
      const bound = await server.listen(address);
      this.#disposal.add(`the ${name} endpoint`, () => server.close());
      this.#output.log.info({ endpoint: name, ...bound }, 'endpoint is open');
    } catch (error) {
      const hint = `choose another with --${name}-address`;
      throw new CommandError(
        ExitCode.Fault,
        `the ${name} endpoint cannot listen at ${address.ip}:${address.port} (${messageOf(error)}); ${hint}`,
      );
    }
  }

  #signals(): Parameters<typeof handleSignals>[0] {
    return {
      onStop: (why) => this.#stop(why),
      onReopen: () => {
        this.#output.reopen();
        this.#output.log.info('log reopened');
      },
      exit: (code) => process.exit(code),
    };
  }

  /** Something changed: takes the pods a step on, and opens the gates that can be. Changes that this makes are seen in the next turn. */
  #review(): void {
    if (this.#reviewing) return;
    this.#reviewing = true;
    setImmediate(() => {
      this.#reviewing = false;
      this.#reconciler?.reconcile();
      this.#rollout.refresh();
      if (this.#status.draining || this.#rollout.version === 0 || !this.#pool.configured(1)) return;
      this.#gates.configured.open();
      if (this.#gateways.settled && (this.#reconciler?.settled ?? true)) this.#gates.captured.open();
    });
  }
}
