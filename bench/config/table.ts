/** The results of the suite for people: a column for each run. */
import { aligned } from '../report.ts';
import type { Changes } from './changes.ts';
import type { Interference, ConfigRun } from './run.ts';
import { WATCH_LIMIT_MS } from './traffic.ts';
import { TARGETS, TARGET_SERVICES, judgeRun } from './targets.ts';

type Line = readonly [name: string, value: (run: ConfigRun) => string];

const LINES: readonly Line[] = [
  ['Services', ({ services }) => String(services)],
  ['workers', ({ workers }) => String(workers)],
  ['build', ({ build }) => build],
  ['manifests, MB (documents a file)', ({ manifestMb, documentsPerFile }) => `${manifestMb.toFixed(1)} (${documentsPerFile})`],
  ['ready, ms', ({ readyMs }) => whole(readyMs)],
  ['RSS when ready / after changes, MB', ({ residentMbReady, residentMbAfter }) => `${whole(residentMbReady)} / ${whole(residentMbAfter)}`],
  ['first request beyond the following, port 80, ms: median / longest', ({ firstRequests }) => excess(firstRequests?.port80)],
  ['… at ports that few Services have', ({ firstRequests }) => excess(firstRequests?.rare)],
  ['rule in effect, ms: p50 / p99 (changes)', ({ rules }) => changes(rules)],
  ['endpoint in effect, ms: p50 / p99 (changes)', ({ endpoints }) => changes(endpoints)],
  [
    'control thread per rule / endpoint, ms CPU',
    ({ rules, endpoints }) => `${tenths(rules?.controlCpuMs)} / ${tenths(endpoints?.controlCpuMs)}`,
  ],
  ['p99 of others, ms: quiet / rules / endpoints', (run) => each(run, ({ p99Ms }) => tenths(p99Ms))],
  ['their failed requests', (run) => each(run, ({ failed }) => String(failed))],
  ['longest probe, ms: quiet / rules / endpoints', (run) => each(run, ({ longestProbeMs }) => tenths(longestProbeMs))],
  ["… of that at most the measuring end's", (run) => each(run, ({ ownLatenessMs }) => tenths(ownLatenessMs))],
  [
    "agent's own longest pause, ms: start / quiet / rules / endpoints / bulk",
    ({ pausesMs }) => Object.values(pausesMs).map(tenths).join(' / '),
  ],
  ['… its own work on configuration at once, ms of processor', ({ worksMs }) => Object.values(worksMs).map(tenths).join(' / ')],
  ['10 MB file: read alone, ms', ({ bulk }) => whole(bulk?.readMs)],
  ['… all of it in effect, ms', ({ bulk }) => (bulk === null ? '-' : limited(bulk.inForceMs))],
  ['… a small change meanwhile, ms', ({ bulk }) => (bulk === null ? '-' : limited(bulk.otherChangeMs))],
  ['… p99 of others / longest probe, ms', ({ bulk }) => `${tenths(bulk?.traffic.p99Ms)} / ${tenths(bulk?.traffic.longestProbeMs)}`],
  ['workers replaced, connections lost', ({ workerRestarts, lostConnections }) => `${workerRestarts ?? '?'}, ${lostConnections}`],
  [
    'waited for a core, ms: rules / endpoints',
    ({ rules, endpoints }) => `${whole(rules?.waitedForCoreMs)} / ${whole(endpoints?.waitedForCoreMs)}`,
  ],
  ['ended early', ({ ended }) => (ended === null ? 'no' : 'yes, see below')],
];

/** At most so many runs side by side. */
const COLUMNS = 6;

export function configTable(runs: readonly ConfigRun[]): string {
  const groups = Array.from({ length: Math.ceil(runs.length / COLUMNS) }, (_, group) => runs.slice(group * COLUMNS, (group + 1) * COLUMNS));
  return groups
    .map((group) => {
      const lines = LINES.map(([name, value]) => [name, ...group.map(value)]);
      return aligned(lines, () => false);
    })
    .join('\n\n');
}

export function configTargets(runs: readonly ConfigRun[]): string {
  const heads = runs.map(({ build, services, workers }) => `${build} ${services}/${workers}`);
  const verdicts = runs.map(judgeRun);
  const lines = TARGETS.map((_, index) => {
    const cells = verdicts.map((all) => {
      const { measured, met } = all[index]!;
      if (measured === null) return 'not measured';
      return `${Number.isFinite(measured) ? measured.toFixed(1) : 'never'} ${met === true ? 'met' : 'MISSED'}`;
    });
    return [verdicts[0]?.[index]?.target ?? '', ...cells];
  });
  return aligned([[`target at ${TARGET_SERVICES} Services`, ...heads], ...lines], () => false);
}

export function earlyEnds(runs: readonly ConfigRun[]): string[] {
  return runs
    .filter(({ ended }) => ended !== null)
    .map(({ build, services, workers, ended, workerRestarts, complaints }) =>
      [
        `${build} with ${services} Services, ${workers} workers: ${ended}; ${workerRestarts ?? 'unknown'} workers replaced`,
        ...complaints,
      ].join('\n  '),
    );
}

function each({ quiet, duringRules, duringEndpoints }: ConfigRun, value: (part: Interference) => string): string {
  return [quiet, duringRules, duringEndpoints].map((part) => (part === null ? '-' : value(part))).join(' / ');
}

function changes(part: Changes | null): string {
  if (part === null) return '-';
  return `${tenths(part.p50Ms)} / ${tenths(part.p99Ms)} (${part.made}${part.made < part.wanted ? ` of ${part.wanted}` : ''})`;
}

function excess(part: { readonly medianExcessMs: number; readonly longestExcessMs: number; readonly failed: number } | undefined): string {
  if (part === undefined) return '-';
  return `${tenths(part.medianExcessMs)} / ${tenths(part.longestExcessMs)}${part.failed > 0 ? `, ${part.failed} failed` : ''}`;
}

function limited(value: number | null): string {
  return value === null ? `not in ${WATCH_LIMIT_MS / 1000} s` : whole(value);
}

function whole(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toFixed(0);
}

function tenths(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toFixed(value < 100 ? 1 : 0);
}
