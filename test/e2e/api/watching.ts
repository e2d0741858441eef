/** The agent's source between a real API server and a store, in real time with short waits. */
import type { Test } from 'tap';
import type { Needs } from '../../../src/agent/model/needs.ts';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import type { KindName } from '../../../src/agent/model/schema/kinds.ts';
import { KubeConfigAccess } from '../../../src/agent/sources/kubernetes/kube-config.ts';
import { KubernetesSource } from '../../../src/agent/sources/kubernetes/source.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { until } from '../until.ts';

export const NODE = 'n1';
/** Waits are as short as they may fall: of those after many failures, half a second. */
const RANDOM = 0.01;

export class Watching {
  readonly store = new ObjectStore();
  /** Every report of a problem without object, '' where it was taken back. */
  readonly told: string[] = [];
  readonly #source: KubernetesSource;

  private constructor(source: KubernetesSource) {
    this.#source = source;
  }

  /** Starts a source that ends with the test. */
  static async start(t: Test, kubeconfig: string): Promise<Watching> {
    const access = await KubeConfigAccess.open(kubeconfig);
    const settingsNamespaces = ['istio-system', 'nodeway-system'];
    const options = { access, clock: systemClock(), userAgent: 'nodeway/test', random: () => RANDOM, nodeName: NODE, settingsNamespaces };
    const watching = new Watching(new KubernetesSource(options));
    t.teardown(() => watching.#source.stop());
    await watching.#start();
    return watching;
  }

  async #start(): Promise<void> {
    const sink = this.store.contribute(this.#source.name);
    await this.#source.start({
      ...sink,
      problem: (subject, problems) => {
        const before = this.problems().join();
        sink.problem(subject, problems);
        if (this.problems().join() !== before) this.told.push(problems[0]?.message ?? '');
      },
    });
  }

  require(needs: Needs): Promise<void> | null {
    return this.#source.require(needs);
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return until(condition, what);
  }

  problems(): string[] {
    return this.store.problems().map(({ message }) => message);
  }

  /** `namespace/name` of the objects of a kind. */
  names(kind: KindName, namespace: string): string[] {
    const inside = this.store.list(kind).filter(({ metadata }) => metadata.namespace === namespace);
    return inside.map(({ metadata }) => metadata.name).sort();
  }

  synced(): Promise<void> {
    return until(() => this.store.synced, 'the source has reported everything');
  }

  /** Nothing that it has told of is still in force. */
  well(): Promise<void> {
    return until(() => this.problems().length === 0, 'the source has taken back what it told');
  }

  async has(kind: KindName, namespace: string, ...names: readonly string[]): Promise<void> {
    const wanted = [...names].sort().join();
    await until(() => this.names(kind, namespace).join() === wanted, `${kind}s of ${namespace}: ${wanted}`);
  }
}
