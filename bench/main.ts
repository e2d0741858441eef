/** `scripts/bench`. The exit code says whether everything could be measured, never how fast it was. */
import { availableParallelism } from 'node:os';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { CELLS, IDLE_CELL } from './cells.ts';
import { describeMachine } from './conditions.ts';
import { type IdleRun, measureIdle } from './idle.ts';
import type { Run } from './measure.ts';
import { type BenchOptions, HELP, parseOptions } from './options.ts';
import { nodeway } from './proxies/nodeway.ts';
import { idleTable, remarks, table, targetTable } from './report.ts';
import { saveResults } from './results.ts';
import { runSeries } from './series.ts';
import { type Absent, type RunningProxy, Stage } from './stage.ts';
import { summarize, summarizeIdle } from './summary.ts';
import { judge, judgeBuilds } from './targets.ts';

const IDLE_REPETITIONS = 3;
const QUICK = { secondsFactor: 0.1, warmSeconds: 0.05, keepDisturbed: true };
const FULL = { secondsFactor: 1, warmSeconds: 0.3, keepDisturbed: false };
const QUICK_IDLE_CONNECTIONS = 500;

interface Findings {
  readonly runs: readonly Run[];
  readonly idle: readonly IdleRun[];
  readonly absent: readonly Absent[];
  readonly problems: readonly string[];
}

function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === null || typeof options === 'string') {
    process.stdout.write(options === null ? HELP : `${options}\nSee scripts/bench --help.\n`);
    return options === null ? 0 : 2;
  }
  if (availableParallelism() < 2) {
    process.stdout.write('The benchmark needs two cores, one for the proxy and one for client and upstream.\n');
    return 1;
  }
  const stage = new Stage(options.priority);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stage.clear().then(() => process.exit(1)));
  try {
    return report(options, await findOut(stage, options));
  } finally {
    await stage.clear();
  }
}

async function findOut(stage: Stage, options: BenchOptions): Promise<Findings> {
  const started = await startAll(stage, options);
  const running = started.filter((one) => 'process' in one);
  const absent = started.filter((one) => 'why' in one);
  for (const { name, why } of absent) say(`${name} is missing: ${why}`);
  const cells = CELLS.filter(({ name }) => options.cells.has(name));
  const schedule = options.quick ? QUICK : FULL;
  const runs = await runSeries(stage, running, { cells, repetitions: options.repetitions, schedule, random: systemRandom(), say });
  await Promise.all(running.map(({ process }) => process.stop()));
  const idle = options.cells.has(IDLE_CELL.name) ? await idleSeries(stage, running, options) : [];
  const problems = [
    ...idle.filter((one) => typeof one === 'string'),
    ...running.flatMap(({ proxy }) => unmeasured(proxy.name, proxy.cells, cells, runs)),
    ...absent.filter(({ name }) => [nodeway.name, ...options.builds].includes(name)).map(({ name, why }) => `${name}: ${why}`),
  ];
  return { runs, idle: idle.filter((one) => typeof one !== 'string'), absent, problems };
}

async function startAll(stage: Stage, { proxies }: BenchOptions): Promise<(RunningProxy | Absent)[]> {
  const started: (RunningProxy | Absent)[] = [];
  for (const proxy of proxies) started.push(await stage.start(proxy));
  return started;
}

async function idleSeries(stage: Stage, running: readonly RunningProxy[], options: BenchOptions): Promise<(IdleRun | string)[]> {
  const connections = options.quick ? QUICK_IDLE_CONNECTIONS : IDLE_CELL.conns;
  const results: (IdleRun | string)[] = [];
  for (let repetition = 1; repetition <= Math.min(options.repetitions, IDLE_REPETITIONS); repetition++) {
    for (const { proxy } of running.filter(({ proxy }) => proxy.cells === undefined)) {
      const result = await measureIdle(stage, proxy, repetition, connections);
      results.push(typeof result === 'string' ? `${IDLE_CELL.name} ${proxy.name}: ${result}` : result);
    }
    say(`repetition ${repetition}: ${IDLE_CELL.name}`);
  }
  return results;
}

/** A disturbed machine is no fault of the benchmark, a load without a clean answer is. */
function unmeasured(name: string, own: readonly string[] | undefined, cells: readonly { name: string }[], runs: readonly Run[]): string[] {
  return cells
    .filter((cell) => own?.includes(cell.name) ?? true)
    .filter((cell) => !runs.some((run) => run.proxy === name && run.cell === cell.name && run.failed + run.unfinished === 0))
    .map((cell) => `${cell.name} ${name}: no run without failures`);
}

function report(options: BenchOptions, { runs, idle, absent, problems }: Findings): number {
  const rows = summarize(
    runs,
    options.proxies.map(({ name }) => name),
    options.reference,
  );
  const idleRows = summarizeIdle(idle);
  const targets = options.builds.length > 0 ? judgeBuilds(rows, options.builds) : judge(rows);
  const conditions = { ...describeMachine(systemClock()), quick: options.quick, priority: options.priority };
  const file = saveResults({ conditions, absent, rows, idleRows, targets, problems, runs, idle });
  const parts = [
    ...(rows.length > 0 ? [table(rows, options.reference)] : []),
    ...(idleRows.length > 0 ? [idleTable(idleRows)] : []),
    ...(options.quick ? ['A quick run: it checks the benchmark, its numbers mean nothing.'] : [targetTable(targets)]),
    remarks(runs, absent),
    ...problems.map((problem) => `FAILED ${problem}`),
    `Every run: ${file}`,
  ];
  process.stdout.write(`\n${parts.join('\n\n')}\n`);
  return problems.length > 0 ? 1 : 0;
}

process.exitCode = await main();
