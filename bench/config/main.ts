/** `scripts/bench --suite config`. The exit code tells whether everything could be measured, never how fast it was. */
import { systemClock } from '../../src/base/clock.ts';
import { describeMachine } from '../conditions.ts';
import { saveResults } from '../results.ts';
import { cleanUp } from './agent.ts';
import { BenchNetwork } from './network.ts';
import { type ConfigOptions, HELP, parseConfigOptions } from './options.ts';
import { type ConfigRun, measureRun } from './run.ts';
import { configTable, configTargets, earlyEnds } from './table.ts';
import { judgeRun } from './targets.ts';

async function main(): Promise<number> {
  const options = parseConfigOptions(process.argv.slice(2));
  if (options === null || typeof options === 'string') {
    process.stdout.write(options === null ? HELP : `${options}\nSee scripts/bench --suite config --help.\n`);
    return options === null ? 0 : 2;
  }
  if (process.getuid?.() !== 0) {
    process.stdout.write('This suite captures the traffic of pods: it needs root.\n');
    return 3;
  }
  // An agent that an earlier run left ends with its network; only then can what it pinned be removed.
  const network = await BenchNetwork.create();
  for (const build of options.builds) cleanUp(build);
  const clear = async (): Promise<void> => {
    await network.remove();
    for (const build of options.builds) cleanUp(build);
  };
  const abandon = (): void => void clear().then(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abandon);
  // Whoever read the output has gone.
  for (const stream of [process.stdout, process.stderr]) stream.once('error', abandon);
  try {
    return report(options, await measureAll(network, options));
  } finally {
    await clear();
  }
}

/** The builds next to each other in time, for each size and number of workers. */
async function measureAll(network: BenchNetwork, options: ConfigOptions): Promise<ConfigRun[]> {
  const runs: ConfigRun[] = [];
  for (const services of options.sizes) {
    for (const workers of options.workers) {
      for (const documentsPerFile of options.documents) {
        for (const build of options.builds) {
          const name = `${build.name} ${services}/${workers}`;
          const say = (line: string): void => void process.stderr.write(`  ${name}: ${line}\n`);
          runs.push(await measureRun(network, { ...options, build, services, workers, documentsPerFile }, say));
        }
      }
    }
  }
  return runs;
}

function report(options: ConfigOptions, runs: readonly ConfigRun[]): number {
  const conditions = {
    ...describeMachine(systemClock()),
    suite: 'config',
    quick: options.quick,
    priority: options.priority,
    fields: options.fields,
  };
  const builds = options.builds.map(({ name, directory }) => ({ name, directory }));
  const file = saveResults({ conditions, builds, runs, verdicts: runs.map(judgeRun) });
  const parts = [
    configTable(runs),
    options.quick ? 'A quick run: it checks the suite, its numbers mean nothing.' : configTargets(runs),
    ...earlyEnds(runs),
    `Every run: ${file}`,
  ];
  process.stdout.write(`\n${parts.join('\n\n')}\n`);
  return runs.some(({ ended }) => ended !== null) ? 1 : 0;
}

process.exitCode = await main();
