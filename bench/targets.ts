/** What the project wants to reach, and whether it does. */
import { CELLS } from './cells.ts';
import { nodeway } from './proxies/nodeway.ts';
import type { RatioMetric, Row } from './summary.ts';

interface RatioTarget {
  readonly cell: string;
  readonly metric: RatioMetric;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface TargetResult {
  readonly target: string;
  /** Null: not measured. */
  readonly measured: number | null;
  readonly met: boolean | null;
}

const RESIDENT_MB_AT_MOST = 80;

/** Times the reference. */
const TARGETS: readonly RatioTarget[] = [
  { cell: 'sat', metric: 'rps', atLeast: 1.4 },
  { cell: 'sat', metric: 'cpuUs', atMost: 0.7 },
  { cell: 'open5k', metric: 'cpuUs', atMost: 0.9 },
  { cell: 'open5k', metric: 'p50', atMost: 1 },
  { cell: 'open20k', metric: 'cpuUs', atMost: 0.9 },
  { cell: 'open20k', metric: 'p50', atMost: 1 },
  { cell: 'body10k', metric: 'cpuUs', atMost: 0.8 },
  { cell: 'body1m', metric: 'cpuUs', atMost: 0.6 },
  { cell: 'churn', metric: 'cpuUs', atMost: 1 },
];

const METRIC_NAMES: Readonly<Record<RatioMetric, string>> = { rps: 'requests/s', cpuUs: 'CPU per request', p50: 'p50' };

export function judge(rows: readonly Row[]): TargetResult[] {
  const own = rows.filter(({ proxy }) => proxy === nodeway.name);
  return [...TARGETS.map((target) => judgeRatio(target, own)), judgeMemory(own)];
}

/** A difference below it is noise, whatever its sign. */
const TOLERANCE = 1.03;

/** Whether builds are slower than the first of them. Slower: more CPU in the median of the pairs, and in every pair. */
export function judgeBuilds(rows: readonly Row[], builds: readonly string[]): TargetResult[] {
  const [first, ...others] = builds;
  return rows
    .filter(({ proxy }) => others.includes(proxy))
    .map(({ cell, proxy, ratios: { cpuUs } }) => ({
      target: `${cell}: CPU per request of ${proxy} not above that of ${first}`,
      measured: cpuUs === null ? null : Math.round(cpuUs.median * 100) / 100,
      met: cpuUs === null ? null : cpuUs.median <= TOLERANCE || cpuUs.min <= 1,
    }));
}

function judgeRatio(target: RatioTarget, rows: readonly Row[]): TargetResult {
  const { cell, metric, atLeast, atMost } = target;
  const measured = rows.find((row) => row.cell === cell)?.ratios[metric]?.median ?? null;
  const limit = atLeast === undefined ? `<= ${atMost} x` : `>= ${atLeast} x`;
  const rounded = measured === null ? null : Math.round(measured * 100) / 100;
  const met = rounded === null ? null : rounded >= (atLeast ?? 0) && rounded <= (atMost ?? Infinity);
  return { target: `${cell}: ${METRIC_NAMES[metric]} ${limit} HAProxy`, measured: rounded, met };
}

/** The most that any load made of it. */
function judgeMemory(rows: readonly Row[]): TargetResult {
  const medians = rows.filter(({ cell }) => CELLS.some(({ name }) => name === cell)).map(({ metrics }) => metrics.residentMb.median);
  const measured = medians.length === 0 ? null : Math.round(Math.max(...medians));
  return {
    target: `resident memory with one worker <= ${RESIDENT_MB_AT_MOST} MB`,
    measured,
    met: measured === null ? null : measured <= RESIDENT_MB_AT_MOST,
  };
}
