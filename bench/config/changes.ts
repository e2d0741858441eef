/** Changed files, one after the other, each until all workers answer by it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentUnderTest } from './agent.ts';
import { mainThreadMs, waitedMs } from './threads.ts';
import type { Traffic, Wish } from './traffic.ts';
import type { ManifestFile, World } from './world.ts';

const PAUSE_MS = 30;
const IDLE_MS = 1000;
/** For a build that takes seconds for each. */
const PHASE_LIMIT_MS = 60_000;
/** Each so many changes of rules bring the name of a header that nobody named before. */
const NEW_HEADER_EVERY = 10;

export interface ChangesOptions {
  readonly agent: AgentUnderTest;
  readonly traffic: Traffic;
  readonly world: World;
  readonly count: number;
  readonly say: (line: string) => void;
}

export interface Changes {
  readonly made: number;
  readonly wanted: number;
  /** From the rename to the last worker's first new answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Of the control thread, beyond what it takes when nothing happens. */
  readonly controlCpuMs: number;
  /** How long the agent's threads waited for a core: the machine was busy. */
  readonly waitedForCoreMs: number;
}

/** @throws when a change never took effect. */
export async function measureChanges(kind: 'rule' | 'endpoint', options: ChangesOptions): Promise<Changes> {
  const { agent, count } = options;
  const idleCpu = await idleCpuShare(agent);
  const began = performance.now();
  const [cpuBefore, waitedBefore] = [mainThreadMs(agent.pid), waitedMs(agent.pid)];
  const times: number[] = [];
  while (times.length < count && performance.now() - began < PHASE_LIMIT_MS) {
    times.push(await one(kind, times.length, options));
    if (times.length % 50 === 0) options.say(`${times.length} of ${count} changes (${kind})`);
    await sleep(PAUSE_MS);
  }
  const cpu = mainThreadMs(agent.pid) - cpuBefore - idleCpu * (performance.now() - began);
  times.sort((a, b) => a - b);
  return {
    made: times.length,
    wanted: count,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    longestMs: times.at(-1)!,
    controlCpuMs: Math.max(0, cpu) / times.length,
    waitedForCoreMs: waitedMs(agent.pid) - waitedBefore,
  };
}

async function one(kind: 'rule' | 'endpoint', number: number, { agent, traffic, world }: ChangesOptions): Promise<number> {
  // All over the files: the step has no factor in common with the size of a file.
  const service = traffic.quietServices[(number * 7919) % traffic.quietServices.length]!;
  const file = kind === 'rule' ? ruleChange(world, service, number) : world.moveEndpoints(service);
  const wish: Wish = kind === 'rule' ? { rule: `value-${number}` } : { addresses: world.addresses(service) };
  const seen = traffic.watch(traffic.watchers, service, wish);
  const began = agent.write(file);
  const at = await seen;
  if (at === null) throw new Error(`the change ${number + 1} (${kind}) never took effect on all workers`);
  return at - began;
}

function ruleChange(world: World, service: number, number: number): ManifestFile {
  return world.changeRule(service, `value-${number}`, number % NEW_HEADER_EVERY === 0 ? `x-release-${number}` : null);
}

async function idleCpuShare({ pid }: AgentUnderTest): Promise<number> {
  const before = mainThreadMs(pid);
  await sleep(IDLE_MS);
  return (mainThreadMs(pid) - before) / IDLE_MS;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
