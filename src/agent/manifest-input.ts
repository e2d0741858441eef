/** A directory of manifests as the input of an agent's configuration. */
import { systemClock } from '../base/clock.ts';
import type { ProblemReport } from './admin/status.ts';
import type { AgentConfig } from './config.ts';
import type { CompiledConfiguration, ConfigurationInput } from './configuration.ts';
import { type CompileOptions, type Compiled, compile } from './model/compile/index.ts';
import type { Problem } from './model/problem.ts';
import { ObjectStore } from './model/store.ts';
import { ManifestSource } from './sources/manifests.ts';

export class ManifestInput implements ConfigurationInput {
  readonly #store: ObjectStore;
  readonly #source: ManifestSource;
  readonly #options: CompileOptions;
  #changed: () => void = () => {};
  /** Lets the compiler keep the identity of everything that did not change. */
  #previous: Compiled | undefined;

  constructor(config: AgentConfig) {
    this.#store = new ObjectStore(() => this.#changed(), systemClock());
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
      problems: compiled.problems.map((problem) => reported(problem)),
    };
  }

  problems(): readonly ProblemReport[] {
    return this.#store.problems().map((problem) => reported(problem));
  }
}

function reported({ severity, object, path, message, file, line, column }: Problem): ProblemReport {
  const named = object === null ? '' : `${object.kind} ${object.namespace}/${object.name}`;
  return { severity, object: named, path, message, where: file === '' ? '' : `${file}:${line}:${column}` };
}
