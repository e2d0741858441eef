/** A directory of manifests as the input of an agent's configuration. */
import type { Clock } from '../base/clock.ts';
import type { AgentConfig } from './config.ts';
import type { CompiledConfiguration, ConfigurationInput } from './configuration.ts';
import { type CompileOptions, type Compiled, compile } from './model/compile/index.ts';
import { type ProblemReport, reportOf } from './model/report.ts';
import { ObjectStore } from './model/store.ts';
import { ManifestSource } from './sources/manifests.ts';

export class ManifestInput implements ConfigurationInput {
  readonly #store: ObjectStore;
  readonly #source: ManifestSource;
  readonly #options: CompileOptions;
  #changed: () => void = () => {};
  /** Lets the compiler keep the identity of everything that did not change. */
  #previous: Compiled | undefined;

  constructor(config: AgentConfig, clock: Clock) {
    this.#store = new ObjectStore(() => this.#changed(), clock);
    this.#source = new ManifestSource(config.manifests);
    this.#options = {
      nodeName: config['node-name'],
      clusterDomain: config['cluster-domain'],
      rootNamespace: config['root-namespace'],
      agentNamespace: config['agent-namespace'],
      gatewayLabels: config['gateway-labels'],
      istioCompat: config['istio-compat'],
    };
  }

  start(changed: () => void): Promise<void> {
    this.#changed = changed;
    return this.#source.start(this.#store.contribute(this.#source.name));
  }

  stop(): Promise<void> {
    return this.#source.stop();
  }

  compile(): CompiledConfiguration {
    const compiled = compile(this.#store, this.#options, this.#previous);
    this.#previous = compiled;
    return {
      snapshot: compiled.snapshot,
      pods: compiled.localPods,
      problems: compiled.problems.map((problem) => reportOf(problem)),
    };
  }

  problems(): readonly ProblemReport[] {
    return this.#store.problems().map((problem) => reportOf(problem));
  }
}
