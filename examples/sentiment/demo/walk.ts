/** What a step has at hand: the cluster, the agent, the chapters' manifests, traffic, and the report. */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Agent } from './agent.ts';
import type { ChapterName, Chapters } from './chapters.ts';
import type { Cluster } from './cluster.ts';
import type { Manifest } from './manifests.ts';
import type { Pod } from './pod.ts';
import { sendFromPod } from './pod-traffic.ts';
import type { Check, Report } from './report.ts';
import { type Call, type Pace, type Reply, sendAll } from './traffic.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('../', import.meta.url));

export interface WalkOptions {
  readonly cluster: Cluster;
  readonly agent: Agent;
  readonly chapters: Chapters;
  readonly manifestsFrom: string | null;
  readonly report: Report;
  readonly gateway: string;
  /** A pod outside of the mesh. */
  readonly client: Pod;
  /** How long the slow requests of the faulty release take. */
  readonly sleepSeconds: number;
}

export class Walk {
  readonly cluster: Cluster;
  readonly agent: Agent;
  readonly report: Report;
  readonly client: Pod;
  readonly gateway: string;
  readonly sleepSeconds: number;
  /** Skipped steps do what they do in silence. */
  quiet = false;
  readonly #options: WalkOptions;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.cluster = options.cluster;
    this.agent = options.agent;
    this.report = options.report;
    this.client = options.client;
    this.gateway = options.gateway;
    this.sleepSeconds = options.sleepSeconds;
  }

  /** Applies chapters, and returns when the agent works by them. */
  async apply(...names: ChapterName[]): Promise<void> {
    const manifests = names.flatMap((name) => this.#options.chapters[name]);
    const before = this.agent.running ? (await this.agent.status()).snapshot : 0;
    if (!this.quiet) this.#show(manifests);
    const applied = this.cluster.apply(manifests.map(({ object }) => object));
    await this.report.during(() => 'applying', applied);
    if (this.agent.running) await this.report.during(() => 'waiting for the agent', this.agent.settled(before));
  }

  async delete(...names: ChapterName[]): Promise<void> {
    const manifests = names.flatMap((name) => this.#options.chapters[name]);
    const before = (await this.agent.status()).snapshot;
    if (!this.quiet) {
      for (const file of new Set(manifests.map((manifest) => manifest.file))) this.report.command(`kubectl delete -f ${this.#shown(file)}`);
    }
    await this.report.during(() => 'deleting', this.cluster.delete(manifests.map(({ object }) => object)));
    await this.report.during(() => 'waiting for the agent', this.agent.settled(before));
  }

  /** Through the gateway, as from the internet. */
  fromOutside(calls: readonly Call[], pace: Pace): Promise<Reply[]> {
    return this.#watched(calls.length, pace, (watched) => sendAll(calls, watched));
  }

  fromPod(pod: Pod, calls: readonly Call[], pace: Pace): Promise<Reply[]> {
    return this.#watched(calls.length, pace, (watched) => sendFromPod(pod, calls, watched));
  }

  /** A command that asks the agent, with what it says. */
  async nodeway(...words: readonly string[]): Promise<string> {
    this.report.command(`scripts/nodeway ${words.join(' ')}`);
    const said = await this.report.during(() => 'asking the agent', this.agent.ask(words));
    for (const line of said.trimEnd().split('\n')) this.report.output(line);
    return said;
  }

  async check(...checks: Check[]): Promise<void> {
    this.report.table(checks);
    if (checks.some(({ held }) => !held)) await this.agent.keepMetrics();
  }

  #watched(total: number, pace: Pace, work: (pace: Pace) => Promise<Reply[]>): Promise<Reply[]> {
    let answered = 0;
    let succeeded = 0;
    const onReply = (reply: Reply): void => {
      answered++;
      if (reply.status === 200) succeeded++;
      pace.onReply?.(reply);
    };
    return this.report.during(() => `${answered} of ${total} answered, ${succeeded} with 200`, work({ ...pace, onReply }));
  }

  #show(manifests: readonly Manifest[]): void {
    const files = Map.groupBy(manifests, ({ file }) => file);
    for (const [file, of] of files) {
      const objects = of.map(({ object }) => object);
      this.report.applied(this.#shown(file), objects);
    }
  }

  #shown(file: string): string {
    const { manifestsFrom } = this.#options;
    const path = manifestsFrom === null ? resolve(EXAMPLE, file) : resolve(manifestsFrom, file);
    const shown = relative(ROOT, path);
    return shown.startsWith('..') ? path : shown;
  }
}
