/** The command line of the demonstration. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const NODEWAY = relative(process.cwd(), fileURLToPath(new URL('../../../scripts/nodeway', import.meta.url)));

/** Slow has to be longer than an attempt may take, 3 s, by more than a busy machine adds. */
const LEAST_SLEEP = 5;

export interface Options {
  readonly keep: boolean;
  /** Numbers of the steps to show; null: all. */
  readonly steps: ReadonlySet<number> | null;
  readonly seed: string;
  readonly sleepSeconds: number;
  readonly manifestsFrom: string | null;
  readonly logs: string | null;
  readonly nodeway: string;
  readonly help: boolean;
}

export const HELP = `usage: scripts/demo [options]

Runs a small application as pods on this machine, and the agent, and walks through what the agent does for it.
Needs root; makes network namespaces named nwd-…, and removes everything that it made, also after Ctrl-C.

  --keep                 leave it running at the end, print the page's address, stop with Ctrl-C
  --steps LIST           show these steps only, like 0-4,8; what they build upon is done without being shown
  --seed TEXT            seed of the faulty release's draws (default: nodeway)
  --sleep-seconds N      how long its slow requests take (default: 30)
  --manifests-from DIR   take Deployments, Services and rules from DIR, as far as it has them
  --logs DIR             keep the pods' and the agent's logs there
  --nodeway COMMAND      Nodeway's command line (default: scripts/nodeway of this checkout)
  --help                 this text
`;

export function parseOptions(args: readonly string[], stepCount: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: 'boolean', default: false },
      steps: { type: 'string' },
      seed: { type: 'string', default: 'nodeway' },
      'sleep-seconds': { type: 'string', default: '30' },
      'manifests-from': { type: 'string' },
      logs: { type: 'string' },
      nodeway: { type: 'string', default: NODEWAY },
      help: { type: 'boolean', default: false },
    },
  });
  const sleepSeconds = Number(values['sleep-seconds']);
  if (!(sleepSeconds >= LEAST_SLEEP)) throw new Error(`--sleep-seconds: "${values['sleep-seconds']}" is not ${LEAST_SLEEP} or more`);
  return {
    keep: values.keep,
    steps: values.steps === undefined ? null : parseSteps(values.steps, stepCount),
    seed: values.seed,
    sleepSeconds,
    manifestsFrom: values['manifests-from'] ?? null,
    logs: values.logs ?? null,
    nodeway: values.nodeway,
    help: values.help,
  };
}

function parseSteps(list: string, count: number): Set<number> {
  const steps = new Set<number>();
  for (const part of list.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const [first, last] = [Number(match?.[1] ?? NaN), Number(match?.[2] ?? match?.[1] ?? NaN)];
    if (!(first <= last && last < count)) throw new Error(`--steps: "${part}" is not a step or a range of steps from 0 to ${count - 1}`);
    for (let step = first; step <= last; step++) steps.add(step);
  }
  return steps;
}
