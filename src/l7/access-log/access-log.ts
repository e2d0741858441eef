/** The access logs of a worker: writes the lines that a policy asks for to the ring. */
import type { AccessLogConfig } from '../config/telemetry.ts';
import type { ExchangeRecord } from '../record/exchange-record.ts';
import { LineBuffer } from './line-buffer.ts';
import { LineFormat, type LogNames } from './line-format.ts';
import { type Condition, compileCondition } from './log-condition.ts';
import { LogEntry, type LogPlace } from './log-entry.ts';
import { LogRing } from './log-ring.ts';

interface CompiledLog {
  readonly sink: Uint8Array;
  readonly format: LineFormat;
  readonly condition: Condition | null;
}

/** What is logged of one side of a workload's traffic, compiled. */
export class LogPolicy {
  readonly logs: readonly CompiledLog[];

  constructor(configs: readonly AccessLogConfig[], names: LogNames, place: LogPlace) {
    this.logs = configs.map(({ sink, line, filter }) => ({
      sink: Buffer.from(sink, 'latin1'),
      format: new LineFormat(line, names, place),
      condition: filter === null ? null : compileCondition(filter, names),
    }));
  }
}

export interface AccessLogMeans extends LogPlace {
  /** Where the lines go; made when the first line is written. */
  readonly open: () => LogRing;
}

export class AccessLog {
  /** Filled for each line. */
  readonly entry = new LogEntry();
  /** Headers that some line asks for: every note has all of them, because the line of a callee is made from its caller's note. */
  readonly names: LogNames = { request: [], response: [] };
  readonly #means: AccessLogMeans;
  readonly #line = new LineBuffer();
  /** By the configuration, which workloads share in part and which changes seldom. */
  readonly #policies = new WeakMap<readonly AccessLogConfig[], LogPolicy>();
  #ring: LogRing | null = null;

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
    for (const { sink, format, condition } of policy.logs) {
      if (condition !== null && !condition(entry, record)) continue;
      format.write(entry, record, this.#line);
      this.#ring ??= this.#means.open();
      this.#ring.write(sink, this.#line.bytes, this.#line.length);
    }
  }
}
