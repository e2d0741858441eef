/** The access logs of a worker: writes the lines that a policy asks for to the ring. */
import type { AccessLogConfig } from '../config/telemetry.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { LineFormat } from './line-format.ts';
import { type Condition, compileCondition } from './log-condition.ts';
import { LogEntry, type LogPlace } from './log-entry.ts';
import type { LineRing } from '../../base/line-ring.ts';
import type { LogNames } from './request-note.ts';

interface CompiledLog {
  readonly sink: string;
  readonly format: LineFormat;
  readonly condition: Condition | null;
  /** Null until its first line. */
  ring: LineRing | null;
}

/** What is logged of one side of a workload's traffic, compiled. */
export class LogPolicy {
  readonly logs: readonly CompiledLog[];

  constructor(configs: readonly AccessLogConfig[], names: LogNames, place: LogPlace) {
    this.logs = configs.map(({ sink, line, filter }) => ({
      sink,
      format: new LineFormat(line, names, place),
      condition: filter === null ? null : compileCondition(filter, names),
      ring: null,
    }));
  }
}

export interface AccessLogMeans extends LogPlace {
  /** Where the lines for a sink go; made when its first line is written. */
  readonly open: (sink: string) => LineRing;
  /** Calls back at the end of the turn. */
  readonly defer: (task: () => void) => void;
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
  #isPublishing = false;
  readonly #publish = (): void => {
    this.#isPublishing = false;
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

  /** Writes the lines of an exchange or connection that is over, from `entry`. */
  write(policy: LogPolicy, record: ExchangeRecord): void {
    const { entry } = this;
    for (let i = 0; i < policy.logs.length; i++) {
      const log = policy.logs[i]!;
      if (log.condition !== null && !log.condition(entry, record)) continue;
      const line = log.format.write(entry, record);
      const ring = (log.ring ??= this.#ringOf(log.sink));
      ring.append(line.bytes, line.length);
      if (this.#isPublishing) continue;
      this.#isPublishing = true;
      this.#means.defer(this.#publish);
    }
  }

  #ringOf(sink: string): LineRing {
    let ring = this.#rings.get(sink);
    if (ring === undefined) this.#rings.set(sink, (ring = this.#means.open(sink)));
    return ring;
  }
}
