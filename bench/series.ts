/** All cells, again and again, the proxies in a new random order each time: whatever drifts on the machine meets all of them. */
import type { Cell } from './cells.ts';
import { type Run, type Schedule, measure } from './measure.ts';
import type { RunningProxy, Stage } from './stage.ts';

const ATTEMPTS = 3;
const WARM_UP_SECONDS = 1;

export interface SeriesOptions {
  readonly cells: readonly Cell[];
  readonly repetitions: number;
  readonly schedule: Schedule;
  readonly random: () => number;
  readonly say: (line: string) => void;
  /** After each run, before the next one. */
  readonly over?: (proxy: string, run: Run) => Promise<void>;
}

/** Everything that was run; those that count are not `discarded`. */
export async function runSeries(stage: Stage, proxies: readonly RunningProxy[], options: SeriesOptions): Promise<Run[]> {
  await warmUp(stage, proxies, options);
  const runs: Run[] = [];
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const cell of options.cells) {
      for (const proxy of shuffled(takingPart(proxies, cell), options.random)) {
        runs.push(...(await runUntilKept(stage, proxy, cell, repetition, options)));
      }
      options.say(`repetition ${repetition} of ${options.repetitions}: ${cell.name}`);
    }
  }
  return runs;
}

function takingPart(proxies: readonly RunningProxy[], cell: Pick<Cell, 'name'>): RunningProxy[] {
  return proxies.filter(({ proxy }) => proxy.cells?.includes(cell.name) ?? true);
}

/** Compiled code, pools and buffers as they are after a while: a run on each cell that nobody sees. */
async function warmUp(stage: Stage, proxies: readonly RunningProxy[], { cells, schedule, over }: SeriesOptions): Promise<void> {
  for (const cell of cells) {
    const short = { ...cell, load: { ...cell.load, secs: WARM_UP_SECONDS } };
    for (const proxy of takingPart(proxies, cell)) {
      const run = await measure(stage.processes, proxy, short, 0, schedule);
      if (run !== null) await over?.(proxy.proxy.name, run);
    }
  }
}

async function runUntilKept(
  stage: Stage,
  proxy: RunningProxy,
  cell: Cell,
  repetition: number,
  { schedule, say, over }: SeriesOptions,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const run = await measure(stage.processes, proxy, cell, repetition, schedule);
    if (run === null) say(`${cell.name} ${proxy.proxy.name}: no result`);
    else {
      runs.push(run);
      await over?.(proxy.proxy.name, run);
    }
    if (run?.discarded === null) break;
    if (run !== null) say(`${cell.name} ${proxy.proxy.name}: discarded, ${run.discarded}`);
    if (!proxy.process.running) break;
  }
  return runs;
}

/** Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random() % (last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
