/** One run of a load against a proxy, with what else happened on the machine at that time. */
import { type CoreTimes, type Memory, type Usage, coreTimes, memory, usage } from './accounting.ts';
import type { Cell } from './cells.ts';
import { type LoadResult, type Phase, generate, probe } from './load.ts';
import type { ProcessGroup } from './process.ts';
import type { RunningProxy } from './stage.ts';

/** In cores: work of others disturbs both ends. */
const FOREIGN_LIMIT = 0.25;
/** Share of the time that the hypervisor gave to somebody else. */
const STOLEN_LIMIT = 0.03;
/** Round trips of a cache line before and after that differ more belong to different placements of the virtual cores. */
const PHASE_FACTOR = 1.5;

/** Whether both ran in one phase of the machine, from beginning to end: what else they cost differs by a quarter between phases. */
export function inOnePhase(...runs: readonly Run[]): boolean {
  const times = runs.flatMap(({ phases }) => phases.map(({ roundTripNs }) => roundTripNs));
  return ratio(Math.max(...times), Math.min(...times)) <= PHASE_FACTOR;
}

export interface Run extends LoadResult, Memory {
  readonly cell: string;
  readonly proxy: string;
  readonly repetition: number;
  /** Of a core, for each request. */
  readonly cpuUs: number;
  readonly userUs: number;
  readonly systemUs: number;
  readonly foreignCores: number;
  readonly stolenShare: number;
  readonly phases: readonly [before: Phase, after: Phase];
  readonly phaseChanged: boolean;
  /** Why it does not count; null when it does. */
  readonly discarded: string | null;
}

export interface Schedule {
  readonly secondsFactor: number;
  readonly warmSeconds: number;
  /** Whether runs that others disturbed count nevertheless. */
  readonly keepDisturbed: boolean;
}

interface Reading {
  readonly at: number;
  readonly proxy: Usage;
  readonly driver: number;
  readonly cores: CoreTimes;
}

export async function measure(
  processes: ProcessGroup,
  target: RunningProxy,
  cell: Cell,
  repetition: number,
  schedule: Schedule,
): Promise<Run | null> {
  const load = { ...cell.load, secs: cell.load.secs * schedule.secondsFactor, warm: schedule.warmSeconds };
  const phaseBefore = await probe();
  const before = reading(target);
  const result = await generate(processes, target.ports, load);
  const after = reading(target);
  const phaseAfter = await probe();
  if (result === null || result.total === 0) return null;
  const disturbance = compare(before, after, result);
  const changed = ratio(phaseBefore.roundTripNs, phaseAfter.roundTripNs) > PHASE_FACTOR;
  return {
    cell: cell.name,
    proxy: target.proxy.name,
    repetition,
    ...result,
    ...memory(target.process.pid),
    ...perRequest(before.proxy, after.proxy, result.total),
    ...disturbance,
    phases: [phaseBefore, phaseAfter],
    phaseChanged: changed,
    discarded: verdict(result, disturbance, schedule),
  };
}

function reading(target: RunningProxy): Reading {
  const own = process.cpuUsage();
  return { at: performance.now() * 1000, proxy: usage(target.process.pid), driver: own.user + own.system, cores: coreTimes() };
}

function perRequest(before: Usage, after: Usage, requests: number): Pick<Run, 'cpuUs' | 'userUs' | 'systemUs'> {
  return {
    cpuUs: (after.runUs - before.runUs) / requests,
    userUs: (after.userUs - before.userUs) / requests,
    systemUs: (after.systemUs - before.systemUs) / requests,
  };
}

function compare(before: Reading, after: Reading, result: LoadResult): Pick<Run, 'foreignCores' | 'stolenShare'> {
  const elapsed = after.at - before.at;
  const own = after.proxy.runUs - before.proxy.runUs + result.cpuSeconds * 1e6 + after.driver - before.driver;
  return {
    foreignCores: Math.max(0, after.cores.busyUs - before.cores.busyUs - own) / elapsed,
    stolenShare: (after.cores.stolenUs - before.cores.stolenUs) / elapsed,
  };
}

function verdict(result: LoadResult, { foreignCores, stolenShare }: Pick<Run, 'foreignCores' | 'stolenShare'>, schedule: Schedule) {
  if (result.failed + result.unfinished > 0) return `${result.failed} failed, ${result.unfinished} unfinished`;
  if (schedule.keepDisturbed) return null;
  if (foreignCores > FOREIGN_LIMIT) return `others used ${foreignCores.toFixed(2)} cores`;
  return stolenShare > STOLEN_LIMIT ? `${(stolenShare * 100).toFixed(0)} % stolen by the hypervisor` : null;
}

function ratio(a: number, b: number): number {
  return Math.max(a, b) / Math.min(a, b);
}
