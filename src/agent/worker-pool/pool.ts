/**
 * Supervises the workers. It keeps what every worker must know (the snapshot and the listeners), so that a worker that
 * throws or hangs can be replaced: the new one gets all of it again and takes over the same listening descriptors, in
 * whose queues connections have waited meanwhile, as well as the connections that the old one had accepted and not touched.
 *
 * Invariants (test/agent/worker-pool/pool.test.ts):
 *  1. a worker has the whole snapshot in effect before the first listener, and takes deltas in order after that;
 *  2. a descriptor is closed only after every worker has confirmed, or has ended;
 *  3. a worker that keeps failing is replaced at ever longer intervals, up to MAX_BACKOFF_MS, never given up;
 *  4. no worker is replaced because the process as a whole stood still (test/node/agent/agent-gone.test.ts), or because it got no processor
 *     (test/agent/worker-pool/stuck-watch.test.ts).
 */
import type { Cancel, Clock } from '../../base/clock.ts';
import type { ListenerConfig } from '../../l7/engine-port.ts';
import type { SeriesDefinition } from '../../l7/record/stats.ts';
import type { PackedDelta } from '../../l7/packed/packed-delta.ts';
import { Ledger, type LedgerMemory } from '../../l7/upstream/ledger.ts';
import type { Explanation, ExplainQuestion } from '../../l7/explain/explanation.ts';
import type { Answer, PoolsAnswer, Question } from '../../l7/question.ts';
import type { TapFilter } from '../../l7/tap/tap-filter.ts';
import type { PackedSnapshot } from '../../l7/packed/packed-records.ts';
import type { Log } from '../log.ts';
import { Inquiries } from './inquiries.ts';
import { Member } from './member.ts';
import type { FromWorker, TimedExemplar, WorkerSettings } from './protocol.ts';

const CHECK_MS = 250;
/**
 * A worker without a heartbeat between so many checks counts as stuck: after 3 s, and no pause of the collector is nearly as long. Checks
 * are counted, and not time: while the process stands still (SIGSTOP, a suspended machine), no worker can move, and that is not its fault.
 * Nor is what it waited for a processor.
 */
const STUCK_CHECKS = 12;
/** 20 s: a starting thread has to load modules, on a machine that may be busy. */
const STARTING_CHECKS = 80;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 10_000;
/** A worker that lived this long was not part of a crash loop. */
const STEADY_MS = 30_000;

export interface PoolOptions {
  readonly count: number;
  readonly entry: URL;
  readonly settings: Omit<WorkerSettings, 'index' | 'workers' | 'vitals' | 'taken' | 'ledger'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Something that the states below depend on has changed. */
  readonly onChange: () => void;
  /** A worker has new series, or has forgotten some. */
  readonly onSeries: (member: Member, added: readonly SeriesDefinition[], ended: readonly number[]) => void;
  readonly onLogRing: (member: Member, sink: string, memory: SharedArrayBuffer) => void;
  readonly onTapRing: (member: Member, sink: string, memory: SharedArrayBuffer) => void;
  readonly onSpanRing: (member: Member, provider: string, memory: SharedArrayBuffer) => void;
  readonly onExemplars: (member: Member, exemplars: readonly TimedExemplar[]) => void;
  /** Called before a worker that has ended is forgotten and replaced, so that its counts and the connections that it leaves are not lost. */
  readonly onRetire: (member: Member, listeners: readonly ListenerConfig[]) => void;
}

export interface WorkerReport {
  readonly index: number;
  readonly phase: Member['phase'];
  readonly version: number;
  readonly listeners: number;
  readonly silentMs: number;
  readonly longestPauseSeconds: number;
  readonly longestWorkSeconds: number;
}

interface Slot {
  member: Member | null;
  bornAt: number;
  failures: number;
  respawn: Cancel | null;
}

export class WorkerPool {
  restarts = 0;
  readonly #options: PoolOptions;
  readonly #slots: Slot[];
  readonly #memory: LedgerMemory;
  /** What clients use of clusters; for reading. */
  readonly ledger: Ledger;
  #snapshot: PackedSnapshot | null = null;
  /** By listener id: one configuration per worker, differing in the descriptor. */
  readonly #listeners = new Map<number, readonly ListenerConfig[]>();
  readonly #unlistening = new Map<number, { readonly waiting: Set<Member>; readonly done: () => void }>();
  #filters: readonly TapFilter[] = [];
  readonly #inquiries: Inquiries;
  #check: Cancel | null = null;
  #draining: { readonly deadlineMs: number; readonly done: () => void } | null = null;
  #stopped = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#inquiries = new Inquiries(options.clock);
    this.#memory = Ledger.memory(options.count);
    this.ledger = new Ledger(this.#memory, -1);
    this.#slots = Array.from({ length: options.count }, () => ({ member: null, bornAt: 0, failures: 0, respawn: null }));
  }

  get size(): number {
    return this.#slots.length;
  }

  get members(): Member[] {
    return this.#slots.flatMap((slot) => slot.member ?? []);
  }

  start(): void {
    for (let index = 0; index < this.#slots.length; index++) this.#spawn(index);
    this.#check = this.#options.clock.every(CHECK_MS, () => this.#superviseAll());
  }

  configure(snapshot: PackedSnapshot, delta: PackedDelta): void {
    this.#snapshot = snapshot;
    for (const member of this.members) member.configure(delta);
  }

  /** @param configs one a worker. */
  listen(id: number, configs: readonly ListenerConfig[]): void {
    this.#listeners.set(id, configs);
    for (const member of this.members) this.#tell(member, configs);
  }

  /** Resolves when no worker accepts from this listener any more. */
  unlisten(id: number): Promise<void> {
    if (!this.#listeners.delete(id)) return Promise.resolve();
    const waiting = new Set(this.members);
    if (waiting.size === 0) return Promise.resolve();
    return new Promise((done) => {
      this.#unlistening.set(id, { waiting, done });
      for (const member of waiting) member.unlisten(id);
    });
  }

  /** What those who tap want to see of single requests. */
  tap(filters: readonly TapFilter[]): void {
    this.#filters = filters;
    for (const member of this.members) member.tap(filters);
  }

  /** Of the workers that run now. One that does not answer soon is left out. */
  async pools(): Promise<PoolsAnswer[]> {
    // Each question has its own kind of answer.
    return (await this.#ask({ ask: 'pools' }, this.#running)) as PoolsAnswer[];
  }

  /** Asks one worker: all serve the same configuration. Null: none answers. */
  async explain(question: ExplainQuestion): Promise<Explanation | null> {
    const [answer = null] = await this.#ask({ ask: 'explain', ...question }, this.#running.slice(0, 1));
    return answer as Explanation | null;
  }

  get #running(): Member[] {
    return this.members.filter(({ phase }) => phase === 'running');
  }

  async #ask(question: Question, members: readonly Member[]): Promise<Answer[]> {
    return (await Promise.all(members.map((member) => this.#inquiries.ask(member, question)))).filter((answer) => answer !== null);
  }

  /** Whether every worker accepts from this listener. */
  listening(id: number): boolean {
    return this.#slots.every((slot) => slot.member?.listening.has(id) === true);
  }

  /** The version of the snapshot that every worker has in effect, or a later one; 0: not every one has any. */
  get version(): number {
    return Math.min(...this.#slots.map((slot) => slot.member?.configured ?? 0));
  }

  /** Whether new connections can be answered by all workers; one that was just started counts as responsive. */
  responsive(withinMs: number): boolean {
    const now = this.#options.clock.monotonic();
    return this.#slots.every((slot) => slot.member !== null && slot.member.silence(now) <= withinMs);
  }

  report(): WorkerReport[] {
    const now = this.#options.clock.monotonic();
    return this.members.map((member) => ({
      index: member.index,
      phase: member.phase,
      version: member.configured,
      listeners: member.listening.size,
      silentMs: Math.round(member.silence(now)),
      longestPauseSeconds: member.longestPause,
      longestWorkSeconds: member.longestWork,
    }));
  }

  /** No new work; resolves when all workers are idle, or a little after the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    const idle = new Promise<void>((done) => (this.#draining = { deadlineMs, done }));
    for (const member of this.members) member.drain(deadlineMs);
    const cancel = this.#options.clock.after(deadlineMs + 1000, () => this.#draining?.done());
    this.#finishDrain();
    await idle;
    cancel();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#check?.();
    for (const slot of this.#slots) slot.respawn?.();
    await Promise.all(this.members.map((member) => member.stop()));
  }

  #spawn(index: number): void {
    const slot = this.#slots[index] as Slot;
    const { count, entry, settings, clock } = this.#options;
    slot.respawn = null;
    slot.bornAt = clock.monotonic();
    const member = new Member(entry, { ...settings, index, workers: count, ledger: this.#memory }, slot.bornAt, {
      onMessage: (from, message) => this.#hear(from, message),
      onGone: (from, cause) => this.#lose(from, cause),
    });
    slot.member = member;
    if (this.#snapshot !== null) member.configure(this.#snapshot.packed.whole(this.#snapshot));
    for (const configs of this.#listeners.values()) this.#tell(member, configs);
    if (this.#filters.length > 0) member.tap(this.#filters);
    if (this.#draining !== null) member.drain(this.#draining.deadlineMs);
  }

  #tell(member: Member, configs: readonly ListenerConfig[]): void {
    const listener = configs[member.index];
    if (listener !== undefined) member.listen({ type: 'listen', listener });
  }

  #hear(member: Member, message: FromWorker): void {
    if (message.type === 'log') {
      this.#options.log[message.level]({ worker: member.index, ...message.fields }, message.message);
      return;
    }
    if (message.type === 'series') return this.#options.onSeries(member, message.added, message.ended);
    if (message.type === 'logRing') return this.#options.onLogRing(member, message.sink, message.memory);
    if (message.type === 'tapRing') return this.#options.onTapRing(member, message.sink, message.memory);
    if (message.type === 'answer') return this.#inquiries.answered(message.id, message.answer);
    if (message.type === 'exemplars') return this.#options.onExemplars(member, message.exemplars);
    if (message.type === 'spanRing') return this.#options.onSpanRing(member, message.sink, message.memory);
    if (message.type === 'settled') this.#releaseRecords();
    if (message.type === 'taken' || message.type === 'settled') return;
    if (message.type === 'unlistened') this.#confirmUnlistened(message.id, member);
    if (message.type === 'drained') this.#finishDrain();
    this.#options.onChange();
  }

  /** Nobody looks any more at what was replaced by a version that all have settled. */
  #releaseRecords(): void {
    this.#snapshot?.packed.memory.release(Math.min(...this.members.map(({ settled }) => settled)));
  }

  #lose(member: Member, cause: string): void {
    const slot = this.#slots[member.index] as Slot;
    slot.member = null;
    this.ledger.forget(member.index);
    this.#options.onRetire(
      member,
      [...this.#listeners.values()].flatMap((configs) => configs[member.index] ?? []),
    );
    for (const id of [...this.#unlistening.keys()]) this.#confirmUnlistened(id, member);
    this.#finishDrain();
    if (!this.#stopped) this.#replace(member.index, slot, cause);
    this.#options.onChange();
  }

  /** At once after a long life, ever later in a crash loop. */
  #replace(index: number, slot: Slot, cause: string): void {
    const lived = this.#options.clock.monotonic() - slot.bornAt;
    slot.failures = lived >= STEADY_MS ? 1 : slot.failures + 1;
    const delay = slot.failures === 1 ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (slot.failures - 2));
    this.restarts++;
    this.#options.log.error({ worker: index, cause, restartInMs: delay }, 'worker ended unexpectedly; it is replaced');
    if (delay === 0) this.#spawn(index);
    else slot.respawn = this.#options.clock.after(delay, () => this.#spawn(index));
  }

  #superviseAll(): void {
    const now = this.#options.clock.monotonic();
    for (const member of this.members) {
      const patience = member.phase === 'starting' ? STARTING_CHECKS : STUCK_CHECKS;
      if (member.check(now) >= patience) member.kill(`no heartbeat for ${patience * CHECK_MS} ms`);
    }
  }

  #confirmUnlistened(id: number, member: Member): void {
    const pending = this.#unlistening.get(id);
    if (pending === undefined) return;
    pending.waiting.delete(member);
    if (pending.waiting.size > 0) return;
    this.#unlistening.delete(id);
    pending.done();
  }

  #finishDrain(): void {
    if (this.#draining !== null && this.members.every((member) => member.drained)) this.#draining.done();
  }
}

/** The worker's entry beside this file, in the form in which this file runs: TypeScript from `src`, JavaScript from `dist`. */
export function workerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}
