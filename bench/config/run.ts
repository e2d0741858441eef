/** One agent with one configuration: start, first requests, changes of rules and endpoints, a large file; and what each cost whom. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Build } from '../build.ts';
import { AgentUnderTest } from './agent.ts';
import { type Changes, type ChangesOptions, measureChanges } from './changes.ts';
import { type FirstRequests, measureFirstRequests } from './first-requests.ts';
import type { BenchNetwork } from './network.ts';
import { Pods, type TrafficReport } from './pods.ts';
import { readingMs } from './reading.ts';
import { Traffic } from './traffic.ts';
import { type ManifestFile, World } from './world.ts';

const READY_LIMIT_MS = 120_000;
const SETTLE_MS = 1500;
const QUIET_MS = 4000;
const BULK_BYTES = 10_000_000;

export interface RunOptions {
  readonly build: Build;
  readonly services: number;
  readonly workers: number;
  readonly documentsPerFile: number;
  readonly changes: number;
  readonly quick: boolean;
  readonly priority: boolean;
  readonly fields: boolean;
}

export interface Interference {
  /** Of other pods' requests, milliseconds. */
  readonly p99Ms: number;
  readonly failed: number;
  /** The longest a worker took for a request on a connection that asks each millisecond. */
  readonly longestProbeMs: number;
  /** Of that, at most, the measuring end's own. */
  readonly ownLatenessMs: number;
}

export interface Bulk {
  readonly megabytes: number;
  /** Its reading alone, when the agent has ended. Null: not measured. */
  readMs: number | null;
  /** Until its last object was in effect on all workers; null: never. */
  readonly inForceMs: number | null;
  /** Until a small change, made while the large file was being read, was. */
  readonly otherChangeMs: number | null;
  readonly traffic: Interference;
}

export type Part = 'start' | 'quiet' | 'rules' | 'endpoints' | 'bulk';

export interface ConfigRun {
  readonly build: string;
  readonly services: number;
  readonly workers: number;
  readonly documentsPerFile: number;
  manifestMb: number;
  readyMs: number | null;
  residentMbReady: number | null;
  residentMbAfter: number | null;
  firstRequests: { port80: FirstRequests; rare: FirstRequests } | null;
  quiet: Interference | null;
  rules: Changes | null;
  duringRules: Interference | null;
  endpoints: Changes | null;
  duringEndpoints: Interference | null;
  bulk: Bulk | null;
  /** The agent's own gauge, which looks back 10 to 20 s, at the end of each part. Null: not measured, or this build has none. */
  readonly pausesMs: Record<Part, number | null>;
  /** The same without waiting for a processor, and of configuration alone. */
  readonly worksMs: Record<Part, number | null>;
  /** Null: it did not say. */
  workerRestarts: number | null;
  lostConnections: number;
  /** Why it ended before its end. */
  ended: string | null;
  complaints: readonly string[];
}

export async function measureRun(network: BenchNetwork, options: RunOptions, say: (line: string) => void): Promise<ConfigRun> {
  const agent = new AgentUnderTest(options.build, { workers: options.workers, cgroup: network.cgroup, priority: options.priority });
  const pods = await Pods.start(network);
  const run = emptyRun(options);
  const world = new World(options.services, options.documentsPerFile, network.clients, options.fields);
  let large: ManifestFile | null = null;
  try {
    large = await new RunSteps(agent, pods, world, options, run, say).all();
  } catch (error) {
    run.ended = error instanceof Error ? error.message : String(error);
    say(run.ended);
  } finally {
    run.workerRestarts = await agent.restarts();
    run.lostConnections = pods.lost;
    if (agent.running) run.residentMbAfter ??= agent.residentMb;
    run.complaints = agent.complaints;
    await pods.stop();
    await agent.remove();
  }
  if (run.bulk !== null && large !== null) run.bulk.readMs = await readingMs(options.build, large);
  return run;
}

class RunSteps {
  readonly #agent: AgentUnderTest;
  readonly #pods: Pods;
  readonly #world: World;
  readonly #options: RunOptions;
  readonly #run: ConfigRun;
  readonly #say: (line: string) => void;

  constructor(agent: AgentUnderTest, pods: Pods, world: World, options: RunOptions, run: ConfigRun, say: (line: string) => void) {
    this.#agent = agent;
    this.#pods = pods;
    this.#world = world;
    this.#options = options;
    this.#run = run;
    this.#say = say;
  }

  /** @returns the large file. */
  async all(): Promise<ManifestFile> {
    await this.#start();
    this.#run.firstRequests = await measureFirstRequests(this.#pods, this.#world.services);
    this.#say(`first requests: ${JSON.stringify(this.#run.firstRequests)}`);
    const traffic = await Traffic.start(this.#pods, this.#agent.pid, this.#options.workers, this.#world.services);
    await this.#quiet();
    await this.#changes(traffic);
    this.#run.residentMbAfter = this.#agent.residentMb;
    return this.#bulk(traffic);
  }

  async #start(): Promise<void> {
    let bytes = 0;
    for (const file of this.#world.files()) {
      bytes += file.text.length;
      this.#agent.write(file);
    }
    this.#run.manifestMb = bytes / 1e6;
    this.#say(`${(bytes / 1e6).toFixed(1)} MB of manifests; starting`);
    this.#run.readyMs = await this.#agent.start(READY_LIMIT_MS);
    if (this.#run.readyMs === null)
      throw new Error(this.#agent.running ? `not ready after ${READY_LIMIT_MS / 1000} s` : 'the agent ended instead of being ready');
    await sleep(SETTLE_MS);
    this.#run.residentMbReady = this.#agent.residentMb;
    await this.#notePauses('start');
    this.#say(`ready after ${this.#run.readyMs.toFixed(0)} ms with ${this.#run.residentMbReady.toFixed(0)} MB`);
  }

  /** Nothing changes: what requests take anyway. */
  async #quiet(): Promise<void> {
    await this.#pods.report();
    await sleep(this.#options.quick ? QUIET_MS / 10 : QUIET_MS);
    this.#run.quiet = interference(await this.#pods.report());
    await this.#notePauses('quiet');
    this.#say(`quiet: ${JSON.stringify(this.#run.quiet)}`);
  }

  async #changes(traffic: Traffic): Promise<void> {
    const parts: ChangesOptions = { agent: this.#agent, traffic, world: this.#world, count: this.#options.changes, say: this.#say };
    this.#run.rules = await measureChanges('rule', parts);
    this.#run.duringRules = interference(await this.#pods.report());
    await this.#notePauses('rules');
    this.#say(`rules: ${JSON.stringify({ ...this.#run.rules, ...this.#run.duringRules })}`);
    this.#run.endpoints = await measureChanges('endpoint', parts);
    this.#run.duringEndpoints = interference(await this.#pods.report());
    await this.#notePauses('endpoints');
    this.#say(`endpoints: ${JSON.stringify({ ...this.#run.endpoints, ...this.#run.duringEndpoints })}`);
  }

  async #bulk(traffic: Traffic): Promise<ManifestFile> {
    const { file, last } = this.#world.bulk(bulkBytes(this.#options.quick), 'bulk');
    const other = traffic.quietServices[0] as number;
    const small = this.#world.changeRule(other, 'beside-bulk', null);
    const [some, others] = traffic.halves();
    const bulkSeen = traffic.watch(some, last, { rule: 'bulk' });
    const otherSeen = traffic.watch(others, other, { rule: 'beside-bulk' });
    const began = this.#agent.write(file);
    await sleep(100);
    const otherBegan = this.#agent.write(small);
    const [bulkAt, otherAt] = await Promise.all([bulkSeen, otherSeen]);
    this.#run.bulk = {
      megabytes: file.text.length / 1e6,
      readMs: null,
      inForceMs: bulkAt === null ? null : bulkAt - began,
      otherChangeMs: otherAt === null ? null : otherAt - otherBegan,
      traffic: interference(await this.#pods.report()),
    };
    await this.#notePauses('bulk');
    this.#say(`bulk: ${JSON.stringify(this.#run.bulk)}`);
    return file;
  }

  async #notePauses(part: Part): Promise<void> {
    this.#run.pausesMs[part] = await this.#longest('nodeway_worker_longest_pause_seconds');
    this.#run.worksMs[part] = await this.#longest('nodeway_worker_longest_work_seconds');
  }

  async #longest(metric: string): Promise<number | null> {
    const values = await this.#agent.metric(metric);
    return values.length === 0 ? null : Math.max(...values) * 1000;
  }
}

const bulkBytes = (quick: boolean): number => (quick ? BULK_BYTES / 100 : BULK_BYTES);

function interference({ background, probes, latestWakeUs }: TrafficReport): Interference {
  const all = Object.values(probes);
  return {
    p99Ms: background.p99 / 1000,
    failed: all.reduce((sum, { failed }) => sum + failed, background.failed),
    longestProbeMs: Math.max(0, ...all.map(({ longest }) => longest)) / 1000,
    ownLatenessMs: latestWakeUs / 1000,
  };
}

function emptyRun({ build, services, workers, documentsPerFile }: RunOptions): ConfigRun {
  return {
    build: build.name,
    services,
    workers,
    documentsPerFile,
    manifestMb: 0,
    readyMs: null,
    residentMbReady: null,
    residentMbAfter: null,
    firstRequests: null,
    quiet: null,
    rules: null,
    duringRules: null,
    endpoints: null,
    duringEndpoints: null,
    bulk: null,
    pausesMs: { start: null, quiet: null, rules: null, endpoints: null, bulk: null },
    worksMs: { start: null, quiet: null, rules: null, endpoints: null, bulk: null },
    workerRestarts: 0,
    lostConnections: 0,
    ended: null,
    complaints: [],
  };
}
