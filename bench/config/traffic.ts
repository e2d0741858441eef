/**
 * The connections of a run. Which worker serves a connection is seen from outside: the thread that sleeps once for each of its requests.
 *
 *   BACKGROUND   two of each pod: other pods' traffic, to Services that do not change
 *   probes       one for each worker: a request each millisecond
 *   watchers     one of WATCHING_PODS pods for each worker: they see changes
 */
import type { Pods } from './pods.ts';
import { busiest, sleeps } from './threads.ts';
import { TEAMS, clusterIp, hostOf, portOf } from './world.ts';

const BACKGROUND = 2 * TEAMS;
const BACKGROUND_RATE = 400;
const BACKGROUND_SERVICES = 25;
const WATCHING_PODS = 4;
/** Chances for a worker to get a connection: with two, all on one has a probability of 2^-16. */
const CONNECTIONS_PER_WORKER = 16;
const BURST = 12;
const ANSWER_LIMIT_MS = 60_000;
export const WATCH_LIMIT_MS = 60_000;
const ATTEMPTS = 6;

interface Watcher {
  readonly connection: number;
  readonly worker: number;
}

export type Wish = { readonly rule: string } | { readonly addresses: readonly string[] };

export class Traffic {
  readonly watchers: Watcher[] = [];
  /** At port 80, and not asked by the background. */
  readonly quietServices: readonly number[];
  readonly #pods: Pods;
  readonly #pid: number;
  readonly #workers: number;
  readonly #busyServices: readonly number[];
  #next = BACKGROUND;

  private constructor(pods: Pods, pid: number, workers: number, services: number) {
    this.#pods = pods;
    this.#pid = pid;
    this.#workers = workers;
    const common = Array.from({ length: services }, (_, number) => number).filter((number) => portOf(number) === 80);
    this.#busyServices = common.slice(0, BACKGROUND_SERVICES);
    this.quietServices = common.slice(BACKGROUND_SERVICES);
  }

  static async start(pods: Pods, pid: number, workers: number, services: number): Promise<Traffic> {
    const traffic = new Traffic(pods, pid, workers, services);
    for (let pod = 0; pod < WATCHING_PODS; pod++) traffic.watchers.push(...(await traffic.#onEachWorker(pod)));
    for (const { connection } of await traffic.#onEachWorker(WATCHING_PODS)) pods.probe(connection);
    await traffic.#startBackground();
    return traffic;
  }

  /** Each half is on all workers. */
  halves(): [Watcher[], Watcher[]] {
    const middle = this.watchers.length >> 1;
    return [this.watchers.slice(0, middle), this.watchers.slice(middle)];
  }

  /** When the last of the watchers saw it; null when one never did. */
  async watch(watchers: readonly Watcher[], service: number, wish: Wish): Promise<number | null> {
    const seen = await Promise.all(watchers.map(({ connection }) => this.#pods.watch(connection, hostOf(service), wish, WATCH_LIMIT_MS)));
    return seen.some((at) => at === null) ? null : Math.max(...(seen as number[]));
  }

  async #onEachWorker(pod: number): Promise<Watcher[]> {
    const found = new Map<number, number>();
    for (let opened = 0; opened < CONNECTIONS_PER_WORKER * this.#workers && found.size < this.#workers; opened++) {
      const connection = this.#open(pod, this.#next++);
      await this.#firstAnswer(connection, pod);
      const worker = await this.#workerOf(connection);
      if (!found.has(worker)) found.set(worker, connection);
    }
    if (found.size < this.#workers) throw new Error(`only ${found.size} of ${this.#workers} workers serve connections`);
    return [...found].map(([worker, connection]) => ({ worker, connection }));
  }

  async #firstAnswer(connection: number, pod: number): Promise<void> {
    const answer = await this.#pods.ask(connection, ANSWER_LIMIT_MS);
    if (answer?.status !== 200) throw new Error(`pod ${pod} gets no answer within ${ANSWER_LIMIT_MS / 1000} s: ${JSON.stringify(answer)}`);
  }

  async #workerOf(connection: number): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = sleeps(this.#pid);
      if (!(await this.#pods.burst(connection, BURST, ANSWER_LIMIT_MS))) break;
      const worker = busiest(this.#pid, before, BURST / 2);
      if (worker !== null) return worker;
    }
    throw new Error('cannot tell which worker serves a connection');
  }

  async #startBackground(): Promise<void> {
    for (let connection = 0; connection < BACKGROUND; connection++) {
      this.#open(connection % TEAMS, connection);
      await this.#firstAnswer(connection, connection % TEAMS);
    }
    this.#pods.background(BACKGROUND_RATE, 0, BACKGROUND, this.#busyServices.map(hostOf));
  }

  #open(pod: number, connection: number): number {
    const service = this.#busyServices[connection % this.#busyServices.length]!;
    this.#pods.open(connection, { pod, address: clusterIp(service), port: 80, host: hostOf(service) });
    return connection;
  }
}
