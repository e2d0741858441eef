/** The life of an agent: starts its parts in order, opens the gates of its readiness as they do their share, and drains. */
import type { Clock } from '../base/clock.ts';
import { socketText } from '../base/socket-address.ts';
import type { Disposal } from '../base/disposal.ts';
import { CommandError, ExitCode, messageOf } from '../base/errors.ts';
import type { NodeAccess } from './capture.ts';
import type { ChangeSignal } from './change-signal.ts';
import type { AgentConfig } from './config.ts';
import type { Configuration } from './configuration.ts';
import type { Endpoint } from './endpoints.ts';
import type { GatewayListeners } from './enroll/gateway-listeners.ts';
import { cgroupRoot } from '../datapath/mounts.ts';
import { watchPodCgroups } from './enroll/cgroup-watch.ts';
import { ARRIVAL_MS, type Reconciler } from './enroll/reconciler.ts';
import { startHeartbeat } from './heartbeat.ts';
import type { LogOutput } from './log.ts';
import type { Gate, Readiness } from './readiness.ts';
import type { Propagation } from './propagation.ts';
import type { Rollout } from './rollout.ts';
import type { StatusReporter } from './status-reporter.ts';
import type { StatusWriter } from './status/status-writer.ts';
import { type SignalHandlers, handleSignals } from './stop-signals.ts';
import type { AccessLogs } from './telemetry/access-logs.ts';
import type { WorkerPool } from './worker-pool/pool.ts';

/** Made by the composition root (app.ts). */
export interface AgentParts {
  readonly config: AgentConfig;
  readonly output: LogOutput;
  readonly clock: Clock;
  readonly disposal: Disposal;
  readonly node: NodeAccess;
  /** Raised by the parts when something has changed that readiness depends on. */
  readonly changes: ChangeSignal;
  /** Settled with the reason when the agent is asked to stop. */
  readonly stop: PromiseWithResolvers<string>;
  readonly pool: WorkerPool;
  readonly gateways: GatewayListeners;
  /** Null without a datapath. */
  readonly reconciler: Reconciler | null;
  readonly rollout: Rollout;
  readonly configuration: Configuration;
  readonly propagation: Propagation;
  readonly readiness: Readiness;
  readonly status: StatusReporter;
  /** Null: status is not written. */
  readonly writer: StatusWriter | null;
  readonly endpoints: readonly Endpoint[];
  readonly accessLogs: AccessLogs;
}

interface Gates {
  readonly configured: Gate;
  readonly captured: Gate;
}

export class Agent {
  readonly #parts: AgentParts;
  readonly #gates: Gates;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#gates = {
      configured: parts.readiness.gate('configured', 'the first complete configuration, in all workers'),
      captured: parts.readiness.gate('captured', 'the first reconciliation of pods and gateway ports'),
    };
    parts.changes.listen(() => this.#review());
  }

  /** Resolves with the reason when the agent is asked to stop. */
  get stopped(): Promise<string> {
    return this.#parts.stop.promise;
  }

  async start(): Promise<void> {
    const { output, disposal, pool, gateways, configuration, reconciler, writer, endpoints } = this.#parts;
    disposal.add('the signal handlers', handleSignals(this.#signals()));
    pool.start();
    disposal.add('the workers', () => pool.stop());
    if (reconciler !== null) this.#startCapture(reconciler);
    gateways.start();
    disposal.add('the gateway ports', () => gateways.close());
    for (const endpoint of endpoints) await this.#serve(endpoint);
    await configuration.start();
    disposal.add('the configuration', () => configuration.stop());
    if (writer !== null) {
      writer.start();
      disposal.add('the status at the API server', () => writer.stop());
    }
    output.log.info({ pid: process.pid, workers: pool.size, capture: reconciler !== null }, 'started');
  }

  /** New connections go past the agent. Those that it has get time to end. */
  async drain(): Promise<void> {
    const { config, clock, status, configuration, reconciler, gateways, pool } = this.#parts;
    status.draining = true;
    this.#gates.captured.close('draining');
    await configuration.stop();
    reconciler?.release();
    if (reconciler !== null) await new Promise<void>((arrived) => clock.after(ARRIVAL_MS, arrived));
    await gateways.close();
    await pool.drain(config['drain-timeout']);
  }

  #startCapture(reconciler: Reconciler): void {
    const { config, clock, disposal, node, pool } = this.#parts;
    reconciler.start();
    const root = config.cgroup === '' ? cgroupRoot() : config.cgroup;
    if (root !== null)
      disposal.add(
        'the watch of cgroups',
        watchPodCgroups(root, clock, (uid, container) => reconciler.expect(uid, container)),
      );
    disposal.add('the listeners in pods', () => reconciler.close());
    const timeoutMs = config['heartbeat-timeout'];
    const responsive = (withinMs: number): boolean => pool.responsive(withinMs);
    disposal.add('the heartbeat', startHeartbeat({ clock, timeoutMs, beat: () => node.beat(), responsive }));
    disposal.add('the capture', () => reconciler.release());
  }

  async #serve({ name, server, address }: Endpoint): Promise<void> {
    if (address === null) return;
    const { output, disposal } = this.#parts;
    try {
      const bound = typeof address === 'string' ? { path: await server.listenAt(address) } : await server.listen(address);
      disposal.add(`the ${name} endpoint`, () => server.close());
      output.log.info({ endpoint: name, ...bound }, 'endpoint is open');
    } catch (error) {
      const at = `${typeof address === 'string' ? address : socketText(address.ip, address.port)} (${messageOf(error)})`;
      const flag = typeof address === 'string' ? '--admin-socket' : `--${name}-address`;
      throw new CommandError(ExitCode.Fault, `the ${name} endpoint cannot listen at ${at}; choose another with ${flag}`);
    }
  }

  #signals(): SignalHandlers {
    const { output, stop, accessLogs } = this.#parts;
    return {
      onStop: stop.resolve,
      onReopen: () => {
        output.reopen();
        accessLogs.reopen();
        output.log.info('log reopened');
      },
      exit: (code) => process.exit(code),
    };
  }

  /** Moves on what waited for the change, and opens the gates whose conditions hold. */
  #review(): void {
    const { status, rollout, pool, gateways, reconciler, configuration, writer, propagation } = this.#parts;
    if (reconciler?.settled === false) reconciler.reconcile();
    configuration.releaseLeft();
    if (!status.draining) writer?.changed();
    propagation.inEffect(pool.version);
    if (status.draining || rollout.version === 0 || pool.version === 0) return;
    this.#gates.configured.open();
    if (gateways.settled && (reconciler?.settled ?? true)) this.#gates.captured.open();
  }
}
