/** From manifests to snapshots: a source fills the store, and what is in the store is compiled a moment after it changed. */
import { messageOf } from '../base/errors.ts';
import type { Snapshot } from '../l7/snapshot.ts';
import type { WantedPod } from './enroll/wanted-pod.ts';
import type { Log } from './log.ts';
import type { LocalPod } from './model/compile/pods.ts';
import type { ProblemReport } from './model/report.ts';

/** Changes that come together, as from a checkout or an editor, are compiled once. */
const SETTLE_MS = 10;

export type { LocalPod };

/** What the compiler makes of all objects. */
export interface CompiledConfiguration {
  readonly snapshot: Snapshot;
  /** Pods of this node, enrolled or not. */
  readonly pods: readonly LocalPod[];
  /** Of the objects among each other; the source knows those of each object alone. */
  readonly problems: readonly ProblemReport[];
}

/** Objects from somewhere: manifests, later the Kubernetes API. */
export interface ConfigurationInput {
  /** Resolves when the first complete set of objects is there. `changed` is called then, and after each change. */
  start(changed: () => void): Promise<void>;
  stop(): Promise<void>;
  compile(): CompiledConfiguration;
  /** Problems of each object alone. */
  problems(): readonly ProblemReport[];
}

export interface Outcome {
  readonly snapshot: Snapshot;
  readonly wanted: readonly WantedPod[];
}

export class Configuration {
  readonly #input: ConfigurationInput;
  readonly #log: Log;
  readonly #onOutcome: (outcome: Outcome) => void;
  #compiled: CompiledConfiguration | null = null;
  #reported = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(input: ConfigurationInput, log: Log, onOutcome: (outcome: Outcome) => void) {
    this.#input = input;
    this.#log = log;
    this.#onOutcome = onOutcome;
  }

  start(): Promise<void> {
    return this.#input.start(() => {
      if (!this.#stopped) this.#timer ??= setTimeout(() => this.#compile(), SETTLE_MS);
    });
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#input.stop();
  }

  problems(): ProblemReport[] {
    return [...this.#input.problems(), ...(this.#compiled?.problems ?? [])];
  }

  localPods(): readonly LocalPod[] {
    return this.#compiled?.pods ?? [];
  }

  #compile(): void {
    this.#timer = null;
    try {
      this.#compiled = this.#input.compile();
    } catch (error) {
      // A fault of the compiler must not take down what is in force.
      this.#log.error(
        { error: messageOf(error), stack: (error as Error).stack },
        'the configuration could not be compiled; the one before stays in force',
      );
      return;
    }
    this.#reportProblems();
    const { snapshot, pods } = this.#compiled;
    this.#onOutcome({ snapshot, wanted: pods.filter((pod) => pod.enrolled) });
  }

  /** Each problem once, when it appears, and when it is gone. */
  #reportProblems(): void {
    const now = new Set<string>();
    for (const problem of this.problems()) {
      const key = JSON.stringify(problem);
      now.add(key);
      if (this.#reported.has(key)) continue;
      const { severity, message, ...fields } = problem;
      this.#log[severity === 'error' ? 'error' : 'warn']({ problem: severity, ...fields }, message);
    }
    for (const key of this.#reported) {
      if (now.has(key)) continue;
      const { message, ...fields } = JSON.parse(key) as ProblemReport;
      this.#log.info({ ...fields }, `resolved: ${message}`);
    }
    this.#reported = now;
  }
}
