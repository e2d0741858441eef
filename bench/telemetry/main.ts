/**
 * `scripts/bench --suite telemetry`: what it costs to tell of traffic. The exit code says whether everything could be measured, never how
 * much it was.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { CELLS } from '../cells.ts';
import { describeMachine } from '../conditions.ts';
import { inOnePhase, type Run } from '../measure.ts';
import { aligned } from '../report.ts';
import { saveResults } from '../results.ts';
import { runSeries } from '../series.ts';
import { type RunningProxy, Stage } from '../stage.ts';
import { type Spread, spread } from '../summary.ts';
import { Collector } from './collector.ts';
import { measurePairs } from './pairs.ts';
import { measureScrapes, type ScrapeRun } from './scrape.ts';
import { FULL, OFF, TRACED, variants } from './variants.ts';
import { WrittenLines } from './written-lines.ts';

const HELP = `What it costs to tell of traffic: CPU per request, scrapes, memory.

scripts/bench --suite telemetry [--reps N] [--lines N] [--scrapes] [--quick] [--priority]

  --reps      repetitions of each load with each variant, 5 if not given
  --lines     of the exposition that is scraped, 100000 if not given
  --scrapes   leaves the cost of a request out
  --quick     checks the benchmark itself: one very short repetition
  --priority  puts all that is measured ahead of other work on this machine; needs root
`;
/** What telemetry may cost a request, of a core. */
const TARGET_US = 2.2;
const SCRAPE_TARGET_MS = 300;
const P99_TARGET = 1.2;
const PAIRS = { workloads: 1000, peers: 50 };

interface Added {
  readonly cell: string;
  readonly variant: string;
  readonly cpuUs: number;
  /** Over OFF, of neighbours in time. */
  readonly added: Spread;
}

const noLimit = (): boolean => false;
const say = (line: string): void => void process.stderr.write(`  ${line}\n`);
const fixed = (value: number, digits: number): string => value.toFixed(digits);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      reps: { type: 'string', default: '5' },
      lines: { type: 'string', default: '100000' },
      scrapes: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      priority: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const repetitions = values.quick ? 1 : Number(values.reps);
  const lines = Number(values.lines);
  if (values.help || ![repetitions, lines].every((value) => Number.isInteger(value) && value > 0)) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const pairs = measurePairs(PAIRS.workloads, PAIRS.peers);
  const collector = new Collector();
  const stage = new Stage(values.priority);
  try {
    const compared = values.scrapes ? null : await compare(stage, collector, repetitions, values.quick);
    const scrapes = await measureScrapes(stage, values.quick ? 5000 : lines, repetitions);
    return report({ compared, scrapes, pairs, quick: values.quick });
  } finally {
    await stage.clear();
    collector.close();
  }
}

async function compare(stage: Stage, collector: Collector, repetitions: number, quick: boolean): Promise<Comparison> {
  const running: RunningProxy[] = [];
  const logs = new WrittenLines();
  for (const proxy of variants(await collector.open(), logs.files)) {
    const started = await stage.start(proxy);
    if ('why' in started) throw new Error(`${started.name}: ${started.why}`);
    running.push(started);
  }
  const cells = CELLS.filter(({ name }) => name === 'sat' || name === 'open20k');
  const schedule = quick
    ? { secondsFactor: 0.1, warmSeconds: 0.05, keepDisturbed: true }
    : { secondsFactor: 1, warmSeconds: 0.3, keepDisturbed: false };
  const over = (variant: string, { total }: Run): Promise<void> => logs.check(variant, total);
  const runs = await runSeries(stage, running, { cells, repetitions, schedule, random: systemRandom(), say, over });
  await Promise.all(running.map(({ process: own }) => own.stop()));
  const traced = runs.filter(({ proxy }) => TRACED.includes(proxy)).reduce((sum, { total }) => sum + total, 0);
  const lost = collector.missing(traced);
  return { runs, missing: lost === null ? logs.missing : [...logs.missing, lost] };
}

interface Comparison {
  readonly runs: readonly Run[];
  /** Of what should have been told. */
  readonly missing: readonly string[];
}

/** In the same repetition both were measured within seconds. What ran in different phases of the machine is not compared. */
function addedCost(runs: readonly Run[]): Added[] {
  const kept = runs.filter(({ discarded }) => discarded === null);
  const groups = Map.groupBy(kept, ({ cell, proxy }) => `${cell} ${proxy}`);
  return [...groups.values()].flatMap((own) => {
    const [{ cell, proxy: variant }] = own as [Run, ...Run[]];
    const added = own.flatMap((run) => {
      const off = kept.find((other) => other.cell === cell && other.proxy === OFF && other.repetition === run.repetition);
      return off === undefined || !inOnePhase(run, off) ? [] : [run.cpuUs - off.cpuUs];
    });
    return added.length === 0 ? [] : [{ cell, variant, cpuUs: spread(own.map(({ cpuUs }) => cpuUs)).median, added: spread(added) }];
  });
}

interface Measured {
  /** Null: left out. */
  readonly compared: Comparison | null;
  readonly scrapes: Awaited<ReturnType<typeof measureScrapes>>;
  readonly pairs: ReturnType<typeof measurePairs>;
  readonly quick: boolean;
}

function report({ compared, scrapes, pairs, quick }: Measured): number {
  const { runs, missing } = compared ?? { runs: [], missing: [] };
  const added = addedCost(runs);
  if (compared !== null) reportCost(added, quick);
  for (const one of missing) process.stdout.write(`FAILED ${one}\n`);
  if (typeof scrapes === 'string') process.stdout.write(`FAILED scrapes: ${scrapes}\n`);
  else reportScrapes(scrapes, quick);
  process.stdout.write(
    `\n${pairs.workloads} workloads with ${pairs.peers} peers each, one worker and the agent's table: ${pairs.series} series, ` +
      `${pairs.overflowed} without room for their own, ${fixed(pairs.residentMb, 0)} MB resident, ` +
      `rendered in ${fixed(pairs.renderMs, 0)} ms (${fixed(pairs.renderedMb, 0)} MB)\n`,
  );
  process.stdout.write(`${saveResults({ conditions: describeMachine(systemClock()), added, scrapes, pairs, runs })}\n`);
  const isWhole = quick || compared === null || added.filter(({ variant }) => variant === FULL).length === 2;
  return typeof scrapes === 'string' || missing.length > 0 || !isWhole ? 1 : 0;
}

function reportCost(added: readonly Added[], quick: boolean): void {
  print(
    ['load', 'variant', 'CPU, µs', `over ${OFF}, µs`, 'from', 'to'],
    added.map((row) => [
      row.cell,
      row.variant,
      fixed(row.cpuUs, 2),
      ...[row.added.median, row.added.min, row.added.max].map((us) => fixed(us, 2)),
    ]),
  );
  const full = added.filter(({ variant }) => variant === FULL);
  for (const { cell, added: cost } of quick ? [] : full) verdict(`${cell}: ${FULL} over ${OFF}, µs`, cost.median, TARGET_US);
}

function reportScrapes(scrapes: ScrapeRun, quick: boolean): void {
  const { lines, megabytes, milliseconds, plainMilliseconds, p99 } = scrapes;
  process.stdout.write(`\na scrape of ${lines} lines, ${fixed(megabytes, 1)} MB\n`);
  print(
    ['in', 'ms', 'from', 'to'],
    Object.entries({ gzip: milliseconds, 'plain text': plainMilliseconds }).map(([encoding, times]) => {
      const { median, min, max } = spread(times);
      return [encoding, ...[median, min, max].map((ms) => fixed(ms, 0))];
    }),
  );
  print(
    ['p99 at 5000 requests/s, µs: no scrape', 'one a second', 'one after the other'],
    p99.map((row) => row.map((us) => fixed(us, 0))),
  );
  if (quick) return;
  verdict('a scrape in gzip, ms', spread(milliseconds).median, SCRAPE_TARGET_MS);
  verdict('a scrape in plain text, ms', spread(plainMilliseconds).median, SCRAPE_TARGET_MS);
  verdict('p99 with a scrape a second, times without', spread(p99.map(([quiet, usual]) => usual / quiet)).median, P99_TARGET);
}

function verdict(what: string, value: number, most: number): void {
  process.stdout.write(`${value <= most ? 'met   ' : 'MISSED'} ${what}: ${fixed(value, 2)}, at most ${most}\n`);
}

function print(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(`\n${aligned([headings, ...rows], noLimit)}\n`);
}

process.exitCode = await main();
