/** The access logs of a worker: writes the lines that a policy asks for to the ring. */
import type { AccessLogConfig, LogLine } from '../config/telemetry.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { LineFormat } from './line-format.ts';
import { type KeptPair, LinePair } from './line-pair.ts';
import { type Condition, compileCondition } from './log-condition.ts';
import { LogEntry, type LogPlace } from './log-entry.ts';
import type { LineRing } from '../../base/line-ring.ts';
import type { LogNames, RequestNote } from './request-note.ts';

interface CompiledLog {
  readonly sink: string;
  readonly line: LogLine;
  readonly format: LineFormat;
  readonly condition: Condition | null;
  /** Null until its first line. */
  ring: LineRing | null;
}

/** What is logged of one side of a workload's traffic, compiled. */
export class LogPolicy {
  readonly logs: readonly CompiledLog[];
  /** The log of which each request has a line; null: there are several, or a condition. */
  readonly only: CompiledLog | null;
  // With whom its lines go together: nearly always the same one.
  #follower: LogPolicy | null = null;
  #pair: LinePair | null = null;

  constructor(configs: readonly AccessLogConfig[], names: LogNames, place: LogPlace) {
    this.logs = configs.map(({ sink, line, filter }) => ({
      sink,
      line,
      format: new LineFormat(line, names, place),
      condition: filter === null ? null : compileCondition(filter, names),
      ring: null,
    }));
    const [only = null] = this.logs;
    this.only = this.logs.length > 1 || only === null || only.condition !== null ? null : only;
  }

  /** For a line of this policy and one of the other after it; null: each is written by itself. */
  pairWith(follower: LogPolicy, names: LogNames, place: LogPlace): LinePair | null {
    if (follower !== this.#follower) {
      const [first, second] = [this.only, follower.only];
      this.#follower = follower;
      this.#pair =
        first === null || second === null || first.sink !== second.sink ? null : LinePair.of(first.line, second.line, names, place);
    }
    return this.#pair;
  }
}

export interface AccessLogMeans extends LogPlace {
  /** Where the lines for a sink go; made when its first line is written. */
  readonly open: (sink: string) => LineRing;
  /** Calls back at the end of the turn. */
  readonly defer: (task: () => void) => void;
}

/** A callee's line that is written together with the one that follows, or at the end of the turn. One object, used again and again. */
class Half {
  pair: LinePair | null = null;
  kept: KeptPair | null = null;
  ring: LineRing | null = null;
  follower: LogPolicy | null = null;
  note: RequestNote | null = null;
  serial = 0;

  /** Whether a line of the policy is the one that is waited for. */
  isOf(policy: LogPolicy, { note }: LogEntry): boolean {
    return policy === this.follower && note === this.note && (note === null || note.serial === this.serial);
  }
}

export class AccessLog {
  /** Filled for each line. */
  readonly entry = new LogEntry();
  /** Headers that some line asks for: every note has all of them, because the line of a callee is made from its caller's note. */
  readonly names: LogNames = { request: [], response: [] };
  readonly #means: AccessLogMeans;
  /** By the configuration, which workloads share in part and which changes seldom. */
  readonly #policies = new WeakMap<readonly AccessLogConfig[], LogPolicy>();
  readonly #rings = new Map<string, LineRing>();
  readonly #half = new Half();
  #isHalf = false;
  #isPublishing = false;
  readonly #publish = (): void => {
    this.#isPublishing = false;
    if (this.#isHalf) this.#endHalf();
    for (const ring of this.#rings.values()) ring.publish();
  };

  constructor(means: AccessLogMeans) {
    this.#means = means;
  }

  /** Compiled when the configuration comes; null: nothing is logged. */
  policy(configs: readonly AccessLogConfig[]): LogPolicy | null {
    if (configs.length === 0) return null;
    let policy = this.#policies.get(configs);
    if (policy === undefined) this.#policies.set(configs, (policy = new LogPolicy(configs, this.names, this.#means)));
    return policy;
  }

  /**
   * Writes the lines of an exchange or connection that is over, from `entry`.
   * @param follower by which another line of this request is about to be written; null: none is.
   */
  write(policy: LogPolicy, record: ExchangeRecord, follower: LogPolicy | null = null): void {
    if (this.#isHalf && this.#complete(policy, record, follower)) return;
    if (follower !== null && this.#begin(policy, record, follower)) return;
    const { entry } = this;
    for (let i = 0; i < policy.logs.length; i++) {
      const log = policy.logs[i]!;
      if (log.condition !== null && !log.condition(entry, record)) continue;
      const line = log.format.write(entry, record);
      this.#ringOf(log).append(line.bytes, line.length);
      this.#willPublish();
    }
  }

  /** @returns whether its line waits for that of the follower. */
  #begin(policy: LogPolicy, record: ExchangeRecord, follower: LogPolicy): boolean {
    const { entry } = this;
    const half = this.#half;
    const pair = policy.pairWith(follower, this.names, this.#means);
    const kept = pair === null ? null : pair.first(entry, record);
    if (kept === null || policy.only === null) return false;
    const { note } = entry;
    half.pair = pair;
    half.kept = kept;
    half.ring = this.#ringOf(policy.only);
    half.follower = follower;
    half.note = note;
    half.serial = note === null ? 0 : note.serial;
    this.#isHalf = true;
    this.#willPublish();
    return true;
  }

  /** @returns whether the line was written with the one that waited. */
  #complete(policy: LogPolicy, record: ExchangeRecord, follower: LogPolicy | null): boolean {
    const { entry } = this;
    const half = this.#half;
    const { pair, kept, ring } = half;
    if (follower === null && half.isOf(policy, entry) && pair!.second(kept!, entry, record)) {
      this.#isHalf = false;
      ring!.append(kept!.line.bytes, kept!.line.length, 2);
      return true;
    }
    this.#endHalf();
    return false;
  }

  /** The line that waits stays alone. */
  #endHalf(): void {
    const { pair, kept, ring } = this.#half;
    this.#isHalf = false;
    ring!.append(kept!.line.bytes, pair!.firstLength(kept!));
  }

  /** At the end of the turn. */
  #willPublish(): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    this.#means.defer(this.#publish);
  }

  #ringOf(log: CompiledLog): LineRing {
    if (log.ring !== null) return log.ring;
    let ring = this.#rings.get(log.sink);
    if (ring === undefined) this.#rings.set(log.sink, (ring = this.#means.open(log.sink)));
    return (log.ring = ring);
  }
}
