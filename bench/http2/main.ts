/**
 * `scripts/bench --suite http2`: CPU of a request over HTTP/2 and of a call of gRPC, against Envoy, HAProxy and nghttpx, and whether streams
 * of one connection hold up each other. The exit code says whether everything could be measured, never how fast it was.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { memory, usage } from '../accounting.ts';
import { describeMachine } from '../conditions.ts';
import { freePort, listens, PROXY_CORE, type PinnedProcess, ProcessGroup } from '../process.ts';
import type { Proxy } from '../proxies/proxy.ts';
import { aligned } from '../report.ts';
import { saveResults } from '../results.ts';
import { shuffled } from '../series.ts';
import { type Spread, spread } from '../summary.ts';
import { drive, type Load, startUpstream } from './load.ts';
import { PROXIES } from './proxies.ts';
import { measureStalledStreams, type StalledStreams } from './stalled-streams.ts';

const CELLS: Readonly<Record<string, Load & { readonly describes: string }>> = {
  h2: { connections: 4, streams: 100, grpc: false, describes: '4 connections, 100 streams each, 100-byte answers' },
  grpc: { connections: 16, streams: 4, grpc: true, describes: 'unary calls, 16 connections, 4 at a time on each' },
  unlike: { connections: 16, streams: 4, grpc: true, unlike: true, describes: 'the same, no two heads of requests alike' },
};
const START_LIMIT_MS = 15_000;
const OWN = 'nodeway';
/** Times the peer's CPU for each request. */
const TARGETS = [
  { peer: 'envoy', atMost: 0.35 },
  { peer: 'haproxy', atMost: 1 },
];

const HELP = `Compares Nodeway with other proxies as one hop of HTTP/2 in cleartext, each pinned to core 0, client and upstream to core 1.

scripts/bench --suite http2 [--reps N] [--quick] [--priority]

  cells       ${Object.entries(CELLS)
    .map(([name, { describes }]) => `${name.padEnd(10)} ${describes}`)
    .join('\n              ')}
  variants    ${PROXIES.map(({ name, describes }) => `${name.padEnd(10)} ${describes}`).join('\n              ')}
  --reps      repetitions of each cell with each variant, 5 if not given
  --quick     checks the benchmark itself: one very short repetition
  --priority  puts all that is measured ahead of other work on this machine; needs root
`;

interface Running {
  readonly proxy: Proxy;
  readonly process: PinnedProcess;
  readonly directory: string;
  readonly port: number;
}

interface Run {
  readonly cell: string;
  readonly proxy: string;
  readonly repetition: number;
  readonly cpuUs: number;
  readonly rps: number;
  readonly meanUs: number;
  readonly residentMb: number;
  readonly failed: number;
}

const say = (line: string): void => void process.stderr.write(`  ${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      reps: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      priority: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const repetitions = values.quick ? 1 : Number(values.reps);
  if (values.help || !Number.isInteger(repetitions) || repetitions < 1) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const processes = new ProcessGroup(values.priority);
  const directory = mkdtempSync(join(tmpdir(), 'nodeway-bench-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void processes.stopAll().then(() => process.exit(1)));
  try {
    const problems: string[] = [];
    const running = await startAll(processes, directory, problems);
    const runs = await measureAll(processes, running, repetitions, values.quick ? 0.3 : 2, problems);
    const streams = new Map<string, StalledStreams>();
    for (const { proxy, port } of running) {
      const measured = await measureStalledStreams(port, values.quick ? 0.3 : 3);
      streams.set(proxy.name, measured);
      // What a peer does with them is a finding.
      if (proxy.name === OWN && measured.failed > 0) problems.push(`streams ${OWN}: ${measured.failed} requests failed`);
    }
    return report(runs, streams, problems, values.quick, values.priority);
  } finally {
    await processes.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Each has an upstream of its own. A peer that is missing is named, and no fault. */
async function startAll(processes: ProcessGroup, directory: string, problems: string[]): Promise<Running[]> {
  const running: Running[] = [];
  for (const proxy of PROXIES) {
    const missing = proxy.missing();
    const own = join(directory, proxy.name);
    mkdirSync(own);
    const [port, upstreamPort] = [await freePort(), await freePort()];
    if (missing === null && (await startUpstream(processes, own, upstreamPort)) === null)
      problems.push('the upstream (nghttpd) does not listen');
    else if (missing !== null) (proxy.name === OWN ? problems : []).push(missing);
    if (missing !== null) {
      say(`${proxy.name} is missing: ${missing}`);
      continue;
    }
    const logFile = join(own, 'output.log');
    const started = processes.launch(proxy.configure({ directory: own, port, upstreamPort }), { core: PROXY_CORE, logFile });
    const isUp = await listens(started, port, START_LIMIT_MS);
    const answer = isUp ? await drive(processes, own, port, { connections: 1, streams: 1, grpc: false }, 1) : null;
    if (answer !== null && answer.failed === 0) running.push({ proxy, process: started, directory: own, port });
    else problems.push(`${proxy.name} does not answer: ${readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' | ')}`);
  }
  return running;
}

/** Every cell with every proxy, in a new order each time; repetition 0 warms up. */
async function measureAll(
  processes: ProcessGroup,
  running: readonly Running[],
  repetitions: number,
  seconds: number,
  problems: string[],
): Promise<Run[]> {
  const runs: Run[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    for (const [cell, load] of Object.entries(CELLS)) {
      for (const { proxy, process, directory, port } of shuffled(running, systemRandom())) {
        const before = usage(process.pid).runUs;
        const result = await drive(processes, directory, port, load, Math.max(1, seconds));
        const cpu = usage(process.pid).runUs - before;
        const where = `${cell} ${proxy.name}`;
        if (result === null || result.requests === 0) problems.push(`${where}: no result`);
        else if (result.failed > 0) problems.push(`${where}: ${result.failed} requests failed`);
        if (result === null || repetition === 0) continue;
        const { requests, rps, meanUs, failed } = result;
        runs.push({ cell, proxy: proxy.name, repetition, cpuUs: cpu / requests, rps, meanUs, failed, ...memory(process.pid) });
      }
      say(`repetition ${repetition} of ${repetitions}: ${cell}`);
    }
  }
  return runs;
}

function report(
  runs: readonly Run[],
  streams: ReadonlyMap<string, StalledStreams>,
  problems: readonly string[],
  quick: boolean,
  priority: boolean,
): number {
  const conditions = { ...describeMachine(systemClock()), quick, priority };
  const file = saveResults({ conditions, runs, streams: Object.fromEntries(streams), problems });
  const parts = [
    costTable(runs),
    streamTable(streams),
    quick ? 'A quick run: it checks the benchmark, its numbers mean nothing.' : targetTable(runs),
    ...problems.map((problem) => `FAILED ${problem}`),
    `Every run: ${file}`,
  ];
  process.stdout.write(`\n${parts.join('\n\n')}\n`);
  return problems.length > 0 ? 1 : 0;
}

const fixed = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} [${min.toFixed(digits)}–${max.toFixed(digits)}]`;

function costTable(runs: readonly Run[]): string {
  const lines = Object.keys(CELLS).flatMap((cell) =>
    PROXIES.flatMap(({ name }) => {
      const own = runs.filter((run) => run.cell === cell && run.proxy === name);
      if (own.length === 0) return [];
      const of = (metric: 'rps' | 'cpuUs' | 'meanUs' | 'residentMb'): Spread => spread(own.map((run) => run[metric]));
      const share = ratio(runs, cell, name);
      return [
        [
          cell,
          name,
          fixed(of('cpuUs'), 1),
          share === null ? '-' : fixed(share, 2),
          fixed(of('rps'), 0),
          fixed(of('meanUs'), 0),
          of('residentMb').median.toFixed(0),
        ],
      ];
    }),
  );
  const headings = ['cell', 'variant', 'CPU us', `CPU of ${OWN} x it`, 'requests/s', 'mean us', 'RSS MB'];
  return aligned([headings, ...lines], (above, below) => above[0] !== below[0]);
}

/** Of the same repetition, so that a machine that slows down slows down both. */
function ratio(runs: readonly Run[], cell: string, peer: string): Spread | null {
  const cost = (proxy: string, repetition: number): number | undefined =>
    runs.find((run) => run.cell === cell && run.proxy === proxy && run.repetition === repetition)?.cpuUs;
  const repetitions = [...new Set(runs.map(({ repetition }) => repetition))];
  const ratios = repetitions.flatMap((repetition) => {
    const [own, other] = [cost(OWN, repetition), cost(peer, repetition)];
    return own === undefined || other === undefined ? [] : [own / other];
  });
  return ratios.length === 0 ? null : spread(ratios);
}

function streamTable(streams: ReadonlyMap<string, StalledStreams>): string {
  const lines = [...streams].map(([name, { streams: all, stalled, p50, p99, failed }]) => {
    const pair = ([without, beside]: readonly [number, number]): string => `${without.toFixed(1)} / ${beside.toFixed(1)}`;
    return [name, String(all), String(stalled), pair(p50), pair(p99), String(failed)];
  });
  const headings = ['one connection', 'streams', 'of them unread', 'p50 of others without / with, ms', 'p99', 'failed'];
  return aligned([headings, ...lines], () => false);
}

function targetTable(runs: readonly Run[]): string {
  const lines = Object.keys(CELLS).flatMap((cell) =>
    TARGETS.map(({ peer, atMost }) => {
      const measured = ratio(runs, cell, peer)?.median;
      const verdict = measured === undefined ? 'not measured' : measured <= atMost ? 'met' : 'MISSED';
      return [`${cell}: CPU per request <= ${atMost} x ${peer}`, measured?.toFixed(2) ?? '-', verdict];
    }),
  );
  return aligned([['target', 'measured', ''], ...lines], () => false);
}

process.exitCode = await main();
