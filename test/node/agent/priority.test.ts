/** Which of the agent's threads come first, by what the kernel says of them. Needs root. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { needsRoot, PodNetwork, until } from '../pod-network.ts';
import { AgentProcess } from './agent-process.ts';
import { faultOnRequest } from './fault-on-request.ts';

/** Of each thread, its name and field 19 of /proc/PID/task/TID/stat; the name may have spaces. */
function niceness(pid: number): { readonly name: string; readonly nice: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => {
    const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')) ?? [];
    return { name, nice: Number(rest.split(' ')[16]) };
  });
}

/** Different ones, of the workers, of those that write their logs, and of all others. */
function priorities(pid: number): { workers: number[]; writers: number[]; others: number[] } {
  const threads = niceness(pid);
  const kindOf = (name: string): string => (name.startsWith('worker ') ? 'worker' : name === 'libuv-worker' ? 'writer' : 'other');
  const of = (kind: string): number[] => [...new Set(threads.filter(({ name }) => kindOf(name) === kind).map(({ nice }) => nice))];
  return { workers: of('worker'), writers: of('writer'), others: of('other') };
}

t.test('threads that serve come first', { skip: needsRoot }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nwt-priority-'));
  const { trigger, preload } = faultOnRequest(directory);
  const network = await PodNetwork.create('priority');
  t.teardown(async () => {
    await network.close();
    rmSync(directory, { recursive: true });
  });

  const started = async (starter: readonly string[]): Promise<AgentProcess> => {
    const agent = await AgentProcess.create(network, ['--workers', '2'], ['--import', preload], starter);
    await agent.start();
    t.ok(
      niceness(agent.pid).some(({ name }) => name === 'worker 1'),
      'the workers are known by their names',
    );
    return agent;
  };

  await t.test('also when one is replaced, and by what the agent was started with', async (t) => {
    const agent = await started(['nice', '-n', '3']);
    t.teardown(() => agent.close());
    t.strictSame(priorities(agent.pid), { workers: [3], writers: [3], others: [13] });
    writeFileSync(trigger, '');
    await until(async () => (await agent.status()).workerRestarts === 1, 'the worker is replaced');
    // The agent is whole before: a worker's thread has its name when it begins to load what it runs.
    await until(() => !priorities(agent.pid).workers.includes(13), 'its successor comes first');
    t.strictSame(priorities(agent.pid), { workers: [3], writers: [3], others: [13] });
  });

  await t.test('without the right to take it back all are alike', async (t) => {
    const agent = await started(['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice']);
    t.teardown(() => agent.close());
    t.strictSame(priorities(agent.pid), { workers: [0], writers: [0], others: [0] });
  });
});
