import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/errors.ts';
import { CELLS, IDLE_CELL } from './cells.ts';
import { parseBuild } from './build.ts';
import { DEFAULT_PROXIES, PROXIES, REFERENCE } from './proxies/all.ts';
import { nodewayOf } from './proxies/nodeway.ts';
import type { Proxy } from './proxies/proxy.ts';

export interface BenchOptions {
  readonly cells: ReadonlySet<string>;
  readonly proxies: readonly Proxy[];
  /** What the ratios refer to: a peer, or with builds the first of them. */
  readonly reference: string;
  /** Agents that are compared with each other. */
  readonly builds: readonly string[];
  readonly repetitions: number;
  readonly quick: boolean;
  readonly priority: boolean;
}

const ALL_CELLS = [...CELLS, IDLE_CELL];

export const HELP = `Compares Nodeway with other proxies as one hop of HTTP/1.1, each pinned to core 0, client and upstream to core 1.

scripts/bench [--cells A,B] [--variants A,B] [--build [NAME=]DIR]… [--reps N] [--quick] [--priority]
scripts/bench --suite config --help   how a configuration of a cluster's size takes effect

  --cells     ${listed(ALL_CELLS)}
  --variants  ${listed(PROXIES)}
              without it: ${DEFAULT_PROXIES.map(({ name }) => name).join(',')}
  --build     a checkout in which scripts/setup has run; repeat it: whether the agents of the others are slower than that of the first,
              in one interleaved run. Other variants only take part when they are asked for
  --reps      repetitions of each cell with each variant, 5 if not given
  --quick     checks the benchmark itself: one very short repetition, disturbed runs count too; fails only if something does not work
  --priority  puts all that is measured ahead of other work on this machine; needs root

Runs that other work disturbed are repeated up to twice. Results go to the terminal and, with every single run, to bench/results/.
`;

function listed(entries: readonly { name: string; describes: string }[]): string {
  return entries.map(({ name, describes }) => `${name.padEnd(15)} ${describes}`).join('\n              ');
}

/** The options, or what is wrong with them; null to show the help. */
export function parseOptions(args: string[]): BenchOptions | string | null {
  try {
    return checkOptions(parseFlags(args));
  } catch (error) {
    // An unknown option, or one without its value.
    return messageOf(error);
  }
}

function parseFlags(args: string[]) {
  return parseArgs({
    args,
    options: {
      suite: { type: 'string' },
      cells: { type: 'string' },
      build: { type: 'string', multiple: true, default: [] },
      variants: { type: 'string' },
      reps: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      priority: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  }).values;
}

function checkOptions(values: ReturnType<typeof parseFlags>): BenchOptions | string | null {
  if (values.help) return null;
  const cells = values.cells?.split(',') ?? ALL_CELLS.map(({ name }) => name);
  const builds = values.build.map((text) => nodewayOf(parseBuild(text)));
  const names = builds.map(({ name }) => name);
  const variants = values.variants?.split(',') ?? (builds.length > 0 ? [] : DEFAULT_PROXIES.map(({ name }) => name));
  const unknown = [
    ...cells.filter((name) => !ALL_CELLS.some((cell) => cell.name === name)).map((name) => `no cell ${name}`),
    ...variants.filter((name) => !PROXIES.some((proxy) => proxy.name === name)).map((name) => `no variant ${name}`),
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `--build: two are called ${name}; use NAME=DIR`),
    ...names.filter((name) => variants.includes(name)).map((name) => `--build: ${name} is a variant's name; use NAME=DIR`),
    ...(/^[1-9]\d{0,3}$/.test(values.reps) ? [] : [`--reps ${values.reps}: not a number from 1 to 9999`]),
    ...(values.priority && process.getuid?.() !== 0 ? ['--priority: needs root'] : []),
  ];
  if (unknown.length > 0) return unknown.join('\n');
  return {
    cells: new Set(cells),
    proxies: [...builds, ...PROXIES.filter(({ name }) => variants.includes(name))],
    reference: names[0] ?? REFERENCE.name,
    builds: names,
    repetitions: values.quick ? 1 : Number(values.reps),
    quick: values.quick,
    priority: values.priority,
  };
}
