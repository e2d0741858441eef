import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const MODULE = JSON.stringify(fileURLToPath(new URL('../../src/base/memory.ts', import.meta.url)));

/** What a program prints that is started as scripts/nodeway starts the agent. */
function printed(program: string): number {
  const flags = ['--max-semi-space-size=4', '--expose-gc', '--disable-warning=ExperimentalWarning', '--input-type=module'];
  return Number(execFileSync(process.execPath, [...flags, '--eval', program], { encoding: 'utf8', env: { PATH: process.env['PATH'] } }));
}

/** Megabytes of the young generation of a thread that has made much garbage. */
function youngGeneration(first: string): number {
  const churn = `
    import { getHeapSpaceStatistics } from 'node:v8';
    let kept = [];
    for (let i = 0; i < 3e6; i++) { kept.push({ i }); if (kept.length > 100_000) kept = []; }
    const [young] = getHeapSpaceStatistics().filter((space) => space.space_name === 'new_space');
    console.log(young.physical_space_size / 2 ** 20);`;
  return printed(`
    import { Worker } from 'node:worker_threads';
    import { boundThreadsThemselves } from ${MODULE};
    ${first}
    new Worker(${JSON.stringify(churn)}, { eval: true, resourceLimits: { maxYoungGenerationSizeMb: 6 } });`);
}

t.test('threads have young generations as their limits say', async (t) => {
  t.ok(youngGeneration('boundThreadsThemselves();') <= 4.1, 'two halves of 2 MB');
  t.ok(youngGeneration('') > 4.1, 'where the flag of the main thread would let them grow larger');
});

t.test('heaps grow by a tenth when they have been told to, and several times as much before', async (t) => {
  const growth = (first: string): number =>
    printed(`
      import { growHeapsSlowly } from ${MODULE};
      const kept = Array.from({ length: 3e6 }, (_, i) => ({ i }));
      ${first}
      gc();
      const before = process.memoryUsage().heapTotal;
      let [top, list] = [0, []];
      for (let i = 0; i < 2e7; i++) {
        list.push({ i });
        if (list.length < 2e5) continue;
        list = [];
        top = Math.max(top, process.memoryUsage().heapTotal);
      }
      console.log(kept.length > 0 ? top / before : 0);`);
  const [slow, free] = [growth('growHeapsSlowly();'), growth('')];
  t.ok(slow < 1.6, `${slow} times`);
  t.ok(free > slow, `${free} times without`);
});
