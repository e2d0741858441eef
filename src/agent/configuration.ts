/**
 * From objects to records: sources fill the store, changes there are compiled, and the result is handed on.
 *
 *     sources --objects--> store --changes--> held changes --> compiler --delta--> onOutcome
 *
 * Changes of one turn are compiled together and at once. Those that follow closely wait for the rest of an interval, so that a stream
 * of them is compiled together. A commit waits a while for objects that have become necessary and are not read yet (`Needs`): a rule
 * for a subset would have no endpoints, and a pod no owner. What takes long, as the first compilation of a large cluster does, is done in slices, between
 * which the thread serves its heartbeat and its endpoints; it takes effect as a whole.
 */
import type { Cancel, Clock } from '../base/clock.ts';
import { giveMemoryBack, growHeapsSlowly } from '../base/memory.ts';
import type { PackedDelta } from '../l7/packed/packed-delta.ts';
import type { PackedSnapshot } from '../l7/packed/packed-records.ts';
import type { SourceStatus } from './admin/status.ts';
import type { WantedPod } from './enroll/wanted-pod.ts';
import { HeldChanges } from './held-changes.ts';
import type { Log } from './log.ts';
import { Compiler, type CompileOptions, type ExporterConfig, type LocalPod, type Resolution } from './model/compile/index.ts';
import { type Problem, placeOf } from './model/problem.ts';
import { type ObjectReport, objectReports, type ProblemReport, reportOf } from './model/report.ts';
import { CONFIGURATION_KINDS } from './model/schema/kinds.ts';
import type { ObjectSink, ObjectSource } from './model/sink.ts';
import { ObjectStore } from './model/store.ts';
import { type LastError, ProblemReporter } from './problem-reporter.ts';
import type { Propagation, PropagationReport } from './propagation.ts';

/** Between the beginnings of two compilations. */
const INTERVAL_MS = 5;
/** Short, because the kernel counts an agent without a heartbeat as dead, and the endpoints should stay fast. */
const SLICE_MS = 10;
/** Long enough for an API server that is busy. One that is away must not hold up what others say. */
const LONGEST_WAIT_MS = 5000;
/** A compilation that takes longer says how far it is. */
const PROGRESS_MS = 1000;
/** Of what the start has left: after one, the heap had 181 to 219 MB for 171 in use, after two 174 to 179. */
const COLLECTIONS = 2;

export interface Outcome {
  /** As of `delta`; it changes with the next one. */
  readonly snapshot: PackedSnapshot;
  /** Null: no record has changed. */
  readonly delta: PackedDelta | null;
  /** The same array while they are the same. */
  readonly wanted: readonly WantedPod[];
  /** Whose addresses DNS is to be asked for; the same object while they are the same. */
  readonly names: ReadonlySet<string>;
  /** Where spans go, by the provider's name; each is the same object while it is the same. */
  readonly exporters: ReadonlyMap<string, ExporterConfig>;
}

interface Compilation {
  readonly began: number;
  /** When it last said how far it is. */
  told: number;
}

export interface ConfigurationOptions {
  /** The first of those that give an object wins. */
  readonly sources: readonly ObjectSource[];
  readonly options: CompileOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Pods (`namespace/name`) on whose behalf connections may still arrive: those that leave are kept for that long. */
  readonly served: () => ReadonlySet<string>;
  readonly propagation: Propagation;
  readonly onOutcome: (outcome: Outcome) => void;
}

export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly #store: ObjectStore;
  readonly #compiler: Compiler;
  readonly #held: HeldChanges;
  readonly #problems: ProblemReporter;
  #pods: readonly LocalPod[] = [];
  /** Of those, the enrolled ones. */
  #wanted: readonly LocalPod[] = [];
  /** The one that is going on. */
  #run: Compilation | null = null;
  /** Since when it waits for objects, and what ends that; null: it does not. */
  #waiting: { readonly since: number; readonly end: Cancel } | null = null;
  #earliest = 0;
  #planned: Cancel | null = null;
  #stopped = false;
  /** The first compilation, of everything that there was at the start, is done. */
  #started = false;
  /** Problems will be reported at the end of this turn. */
  #isTelling = false;
  /** Objects are being taken in before all are there. */
  #isPreparing = false;

  constructor(options: ConfigurationOptions) {
    this.#options = options;
    this.#store = new ObjectStore(() => this.#changed(), options.clock);
    this.#compiler = new Compiler(options.options, (ref) => this.#store.origin(ref));
    this.#held = new HeldChanges(this.#compiler, options.clock, {
      isBehind: (type) => options.sources.some((source) => source.isBehind?.(type) ?? false),
      onDue: () => this.#changed(),
    });
    this.#problems = new ProblemReporter(options.log, options.clock);
  }

  async start(): Promise<void> {
    // All contribute before the first one reports anything, so that the store misses none when it checks whether all have reported.
    const sinks = this.#options.sources.map((source) => [source, this.#early(this.#store.contribute(source.name))] as const);
    await Promise.all(sinks.map(([source, sink]) => source.start(sink)));
  }

  /**
   * Until all sources have reported everything once: what is wrong with one of them may be why nothing is compiled yet, which is what
   * else reports problems; and what follows from an object alone is computed while others are read.
   */
  #early(sink: ObjectSink): ObjectSink {
    const problem: ObjectSink['problem'] = (subject, problems) => {
      sink.problem(subject, problems);
      if (this.#store.synced || this.#isTelling) return;
      this.#isTelling = true;
      setImmediate(() => {
        this.#isTelling = false;
        if (!this.#stopped && !this.#store.synced) this.#problems.report(this.#store.takeProblemNews());
      });
    };
    const end = (): void => {
      sink.end();
      if (this.#store.synced || this.#isPreparing) return;
      this.#isPreparing = true;
      setImmediate(() => this.#prepare());
    };
    return { ...sink, problem, end };
  }

  #prepare(): void {
    this.#isPreparing = false;
    if (this.#stopped || this.#store.synced || this.#run !== null) return;
    this.#takeChanges();
    if (this.#compiler.prepare(this.#slice())) return;
    this.#isPreparing = true;
    setImmediate(() => this.#prepare());
  }

  #takeChanges(): void {
    const changes = this.#store.takeChanges();
    this.#options.propagation.taken(changes.length);
    this.#held.take(changes);
  }

  /** Whether there is more time, for a slice from now on. */
  #slice(): () => boolean {
    const { clock } = this.#options;
    const end = clock.monotonic() + SLICE_MS;
    return () => clock.monotonic() < end;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#planned?.();
    this.#held.stop();
    this.#waiting?.end();
    await Promise.all(this.#options.sources.map((source) => source.stop()));
  }

  /** What DNS says of a name; null: nothing is known of it any more. */
  resolved(name: string, resolution: Resolution | null): void {
    if (this.#stopped) return;
    this.#compiler.resolve(name, resolution);
    this.#options.propagation.taken(1);
    this.#changed();
  }

  /** What has changed and is not in effect yet. */
  propagation(): PropagationReport {
    return this.#options.propagation.report(this.#store.untaken);
  }

  /** Of an object, of a source, or of the compiler. */
  get lastError(): LastError | null {
    return this.#problems.lastError;
  }

  problems(): ProblemReport[] {
    return this.allProblems().map((problem) => reportOf(problem));
  }

  /** What users configure the mesh by, and whatever else has problems. */
  objects(): ObjectReport[] {
    const problems = this.allProblems();
    const statuses = CONFIGURATION_KINDS.flatMap((kind) => this.#store.statuses(kind));
    const troubled = problems.flatMap(({ object }) => (object === null ? [] : (this.#store.status(object) ?? [])));
    return objectReports([...statuses, ...troubled], problems, (ref) => placeOf(this.#store.origin(ref), []));
  }

  /** What each source knows of what it reads. */
  sources(): SourceStatus[] {
    return this.#options.sources.flatMap((source) => (source.report?.() ?? []).map((report) => ({ source: source.name, ...report })));
  }

  /** Pods of this node, enrolled or not. */
  localPods(): readonly LocalPod[] {
    return this.#pods;
  }

  /** Releases the pods that were kept because they were still served, and are not any more. */
  releaseLeft(): void {
    const { leaving } = this.#compiler;
    if (leaving.size === 0 || this.#run !== null) return;
    const served = this.#options.served();
    if ([...leaving].some((key) => !served.has(key))) this.#commit();
  }

  #changed(): void {
    this.#options.propagation.received();
    if (this.#stopped || this.#run !== null || this.#planned !== null) return;
    const { clock } = this.#options;
    const wait = this.#earliest - clock.monotonic();
    if (wait <= 0) this.#begin();
    else this.#planned = clock.after(wait, () => this.#begin());
  }

  #begin(): void {
    this.#planned = null;
    const now = this.#options.clock.monotonic();
    this.#earliest = now + INTERVAL_MS;
    this.#run = { began: now, told: now };
    this.#continue(this.#run);
  }

  /** A slice of the compilation; what has changed since the slice before is part of it. */
  #continue(run: Compilation): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    const more = this.#slice();
    this.#takeChanges();
    if (!this.#held.settle(more)) {
      this.#tellProgress(run);
      setImmediate(() => this.#continue(run));
      return;
    }
    if (this.#waits(run)) return;
    this.#run = null;
    this.#commit();
    if (run.told > run.began) this.#options.log.info({ ms: Math.round(clock.monotonic() - run.began) }, 'compiled');
    this.#leaveStart();
  }

  /** Goes on, from the objects that there are then, when what is needed was read, and not much later whether it was or not. */
  #waits(run: Compilation): boolean {
    const { sources, clock } = this.#options;
    const needs = this.#compiler.needs();
    const reading = sources.flatMap((source) => source.require?.(needs) ?? []);
    const since = this.#waiting?.since ?? clock.monotonic();
    const left = since + LONGEST_WAIT_MS - clock.monotonic();
    this.#waiting?.end();
    this.#waiting = null;
    if (reading.length === 0 || left <= 0) return false;
    const end = clock.after(left, () => this.#continue(run));
    const waiting = { since, end };
    this.#waiting = waiting;
    void Promise.all(reading).then(() => {
      if (this.#waiting !== waiting) return;
      end();
      this.#continue(run);
    });
    return true;
  }

  /** Before the agent is ready, when a pause of this thread holds up nobody. */
  #leaveStart(): void {
    if (this.#started) return;
    this.#started = true;
    growHeapsSlowly();
    giveMemoryBack(COLLECTIONS);
  }

  #tellProgress(run: Compilation): void {
    const { clock, log } = this.#options;
    if (clock.monotonic() - run.told < PROGRESS_MS) return;
    run.told = clock.monotonic();
    const { done, waiting } = this.#compiler.progress;
    log.info({ computed: done, waiting }, 'compiling');
  }

  #commit(): void {
    const { served, propagation, onOutcome } = this.#options;
    const { delta, faults } = this.#compiler.commit(served());
    for (const { table, key, error } of faults) this.#problems.fault(`${table} ${key}`, error);
    this.#problems.report([...this.#store.takeProblemNews(), ...this.#compiler.takeProblemNews()]);
    const { snapshot, names, exporters, localPods } = this.#compiler;
    propagation.holding(this.#held.size);
    propagation.compiled(delta === null ? null : snapshot.version);
    if (localPods !== this.#pods) {
      this.#pods = localPods;
      this.#wanted = localPods.filter((pod) => pod.enrolled);
    }
    onOutcome({ snapshot, delta, wanted: this.#wanted, names, exporters });
  }

  /** Of each object alone, then of the objects among each other. */
  allProblems(): Problem[] {
    return [...this.#store.problems(), ...this.#compiler.problems()];
  }
}
