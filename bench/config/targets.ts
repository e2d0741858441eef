/** What is to be reached with 20 000 Services, and what a run reached. */
import type { ConfigRun } from './run.ts';

export interface Target {
  readonly name: string;
  readonly atMost: number;
  readonly unit: 'ms' | 'MB';
  /** Null: not measured. */
  measured(run: ConfigRun): number | null;
}

/** They hold for this many; with fewer, the same numbers are shown beside. */
export const TARGET_SERVICES = 20_000;
const BULK_MB = 10;

export const TARGETS: readonly Target[] = [
  { name: 'ready', atMost: 10_000, unit: 'ms', measured: ({ readyMs, ended }) => readyMs ?? (ended === null ? null : Infinity) },
  { name: 'rule in effect, p99', atMost: 100, unit: 'ms', measured: ({ rules }) => rules?.p99Ms ?? null },
  { name: 'endpoint in effect, p99', atMost: 20, unit: 'ms', measured: ({ endpoints }) => endpoints?.p99Ms ?? null },
  { name: "pause of a worker's loop", atMost: 2, unit: 'ms', measured: longestPause },
  { name: '… its own work at once', atMost: 2, unit: 'ms', measured: ({ worksMs: { rules, endpoints } }) => larger(rules, endpoints) },
  { name: 'RSS', atMost: 400, unit: 'MB', measured: ({ residentMbAfter, residentMbReady }) => residentMbAfter ?? residentMbReady },
  { name: 'first request, beyond the second', atMost: 1, unit: 'ms', measured: ({ firstRequests }) => firstExcess(firstRequests) },
  { name: '10 MB of YAML is read', atMost: 2000, unit: 'ms', measured: ({ bulk }) => bulkMs(bulk) },
];

export interface Verdict {
  readonly target: string;
  readonly measured: number | null;
  readonly met: boolean | null;
}

export function judgeRun(run: ConfigRun): Verdict[] {
  return TARGETS.map((target) => {
    const measured = target.measured(run);
    return {
      target: `${target.name} <= ${target.atMost} ${target.unit}`,
      measured,
      met: measured === null ? null : measured <= target.atMost,
    };
  });
}

const larger = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : Math.max(a, b));

/** While things change, by the agent's gauge where it has one; from outside, other work on the machine is in it. */
function longestPause({ pausesMs: { rules, endpoints }, duringRules, duringEndpoints }: ConfigRun): number | null {
  if (rules !== null && endpoints !== null) return Math.max(rules, endpoints);
  if (duringRules === null || duringEndpoints === null) return null;
  return Math.max(duringRules.longestProbeMs, duringEndpoints.longestProbeMs);
}

/** The median over clients and ports: a single one may have met other work on the machine. */
function firstExcess(first: ConfigRun['firstRequests']): number | null {
  if (first === null) return null;
  return Math.max(...[first.port80, first.rare].filter(({ samples }) => samples > 0).map(({ medianExcessMs }) => medianExcessMs));
}

function bulkMs(bulk: ConfigRun['bulk']): number | null {
  return bulk === null || bulk.readMs === null ? null : (bulk.readMs * BULK_MB) / bulk.megabytes;
}
