/** Which of the agent's threads come first, by what the kernel says of them. Needs root. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { needsRoot, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess } from './agent-process.ts';

/** Preloaded into every thread: worker 0 throws when the file is there. */
function faultWhen(trigger: string): string {
  return `import { unlinkSync } from 'node:fs';
import { threadName } from 'node:worker_threads';
if (threadName === 'worker 0') setInterval(() => {
  try { unlinkSync(${JSON.stringify(trigger)}); } catch { return; }
  throw new Error('broken on purpose');
}, 10).unref();`;
}

/** Field 19 of /proc/PID/task/TID/stat, by the thread's name; the name may have spaces. */
function niceness(pid: number): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')) ?? [];
    const values = found.get(name) ?? new Set();
    found.set(name, values.add(Number(rest.split(' ')[16])));
  }
  return found;
}

/** Of the workers, and of all others. */
function priorities(pid: number): { workers: number[]; others: number[] } {
  const all = [...niceness(pid)];
  const of = (worker: boolean): number[] => [
    ...new Set(all.filter(([name]) => name.startsWith('worker ') === worker).flatMap(([, values]) => [...values])),
  ];
  return { workers: of(true), others: of(false) };
}

t.test('threads that serve come first', { skip: needsRoot }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nwt-priority-'));
  const trigger = join(directory, 'trigger');
  const preload = join(directory, 'preload.mjs');
  writeFileSync(preload, faultWhen(trigger));
  const network = await PodNetwork.create('priority');
  t.teardown(async () => {
    await network.close();
    rmSync(directory, { recursive: true });
  });

  const started = async (starter: readonly string[]): Promise<AgentProcess> => {
    const agent = await AgentProcess.create(network, ['--workers', '2'], ['--import', preload], starter);
    await agent.start();
    t.ok([...niceness(agent.pid).keys()].includes('worker 1'), 'the workers are known by their names');
    return agent;
  };

  await t.test('also when one is replaced, and by what the agent was started with', async (t) => {
    const agent = await started(['nice', '-n', '3']);
    t.teardown(() => agent.close());
    t.strictSame(priorities(agent.pid), { workers: [3], others: [13] });
    writeFileSync(trigger, '');
    await until(async () => (await agent.status()).workerRestarts === 1, 'the worker is replaced');
    // The agent is whole before: a worker's thread has its name when it begins to load what it runs.
    await until(() => !priorities(agent.pid).workers.includes(13), 'its successor comes first');
    t.strictSame(priorities(agent.pid), { workers: [3], others: [13] });
  });

  await t.test('without the right to take it back all are alike', async (t) => {
    const agent = await started(['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice']);
    t.teardown(() => agent.close());
    t.strictSame(priorities(agent.pid), { workers: [0], others: [0] });
  });
});
