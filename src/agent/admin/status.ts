/** The agent's state, as the admin endpoint serves it and `nodeway status` prints it. Plain data. */
import type { GatewayReport } from '../enroll/gateway-listeners.ts';
import type { PodPhase } from '../enroll/reconciler.ts';
import type { ProblemReport } from '../model/report.ts';
import type { SourceReport } from '../model/sink.ts';
import type { LastError } from '../problem-reporter.ts';
import type { PropagationReport } from '../propagation.ts';
import type { GateReport } from '../readiness.ts';
import type { WorkerReport } from '../worker-pool/pool.ts';

export interface AgentStatus {
  readonly version: string;
  readonly pid: number;
  readonly node: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly gates: readonly GateReport[];
  readonly snapshot: number;
  readonly propagation: PropagationReport;
  readonly lastError: LastError | null;
  readonly workers: readonly WorkerReport[];
  readonly workerRestarts: number;
  readonly pods: readonly PodStatus[];
  readonly gateways: readonly GatewayReport[];
  readonly problems: readonly ProblemReport[];
  /** What is read of an API server. */
  readonly sources: readonly SourceStatus[];
}

export interface SourceStatus extends SourceReport {
  readonly source: string;
}

export interface PodStatus {
  readonly pod: string;
  readonly enrolled: boolean;
  /** Why it is enrolled or not. */
  readonly reason: string;
  readonly phase: PodPhase;
  /** In milliseconds since the epoch; null: it is not captured. */
  readonly capturedAt: number | null;
  /** Why it is not captured although it is enrolled. */
  readonly error: string;
  readonly addresses: readonly string[];
}
