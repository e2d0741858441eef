import t from 'tap';
import type { Run } from '../../bench/measure.ts';
import { parseOptions } from '../../bench/options.ts';
import { spread, summarize } from '../../bench/summary.ts';
import { judge, judgeBuilds } from '../../bench/targets.ts';

const PHASE = { roundTripNs: 100, core0Ns: 300, core1Ns: 300 };

function run(proxy: string, repetition: number, values: Partial<Run>): Run {
  return {
    cell: 'sat',
    proxy,
    repetition,
    cpuUs: 10,
    userUs: 4,
    systemUs: 6,
    total: 1000,
    rps: 1000,
    mean: 100,
    p50: 100,
    p99: 200,
    p999: 300,
    failed: 0,
    unfinished: 0,
    upstreamRequests: 1000,
    upstreamConnections: 1,
    idleShare: 0.5,
    cpuSeconds: 1,
    residentMb: 70,
    anonymousMb: 20,
    foreignCores: 0,
    stolenShare: 0,
    phases: [PHASE, PHASE],
    phaseChanged: false,
    discarded: null,
    ...values,
  };
}

t.test('a median of an even and of an odd number of values', async (t) => {
  t.same(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.same(spread([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
});

t.test('ratios are of the same repetition', async (t) => {
  // The machine got slower by four; the second repetition of the first proxy has no counterpart that counts.
  const runs = [
    run('haproxy', 1, { rps: 1000 }),
    run('nodeway', 1, { rps: 1500 }),
    run('nodeway', 2, { rps: 9000 }),
    run('haproxy', 2, { rps: 1, discarded: 'others used 1.00 cores' }),
    run('haproxy', 3, { rps: 250 }),
    run('nodeway', 3, { rps: 375 }),
  ];
  const rows = summarize(runs, ['nodeway', 'haproxy'], 'haproxy');
  t.same(
    rows.map(({ proxy, runs }) => [proxy, runs]),
    [
      ['nodeway', 3],
      ['haproxy', 2],
    ],
  );
  t.same(rows[0]!.ratios.rps, { median: 1.5, min: 1.5, max: 1.5 });
  t.same(rows[0]!.metrics.rps, { median: 1500, min: 375, max: 9000 });
});

t.test('a variant that never ran with the reference has no ratio', async (t) => {
  const rows = summarize([run('nodeway', 1, {})], ['nodeway', 'haproxy'], 'haproxy');
  t.equal(rows[0]!.ratios.cpuUs, null);
  t.ok(judge(rows).every(({ target, met }) => met === null || target.startsWith('resident')));
});

t.test('targets are met, missed or not measured', async (t) => {
  const runs = [run('haproxy', 1, { rps: 1000, cpuUs: 10 }), run('nodeway', 1, { rps: 1399, cpuUs: 7, residentMb: 81 })];
  const results = judge(summarize(runs, ['nodeway', 'haproxy'], 'haproxy'));
  const verdict = (part: string): unknown => results.find(({ target }) => target.startsWith(part));
  t.match(verdict('sat: requests/s'), { measured: 1.4, met: true }, 'as precise as it is shown');
  t.match(verdict('sat: CPU'), { measured: 0.7, met: true });
  t.match(verdict('resident'), { measured: 81, met: false });
  t.match(verdict('churn'), { measured: null, met: null });
});

t.test('a build is slower when it is in the median and in every pair', async (t) => {
  const runs = (others: readonly number[]): Run[] =>
    others.flatMap((cpuUs, index) => [run('before', index, { cpuUs: 10 }), run('after', index, { cpuUs })]);
  const verdict = (others: readonly number[]): unknown =>
    judgeBuilds(summarize(runs(others), ['before', 'after'], 'before'), ['before', 'after']);
  t.match(verdict([11, 12, 13]), [{ target: 'sat: CPU per request of after not above that of before', measured: 1.2, met: false }]);
  t.match(verdict([9.9, 12, 13]), [{ measured: 1.2, met: true }], 'one pair says otherwise');
  t.match(verdict([10.1, 10.2, 10.3]), [{ measured: 1.02, met: true }], 'within the noise');
});

t.test('options', async (t) => {
  t.match(parseOptions([]), { repetitions: 5, quick: false });
  t.match(parseOptions(['--quick', '--reps', '7']), { repetitions: 1, quick: true });
  t.equal(parseOptions(['--help']), null);
  t.match(parseOptions(['--cells', 'sat,fast']), 'no cell fast');
  t.match(parseOptions(['--variants', 'other']), 'no variant other');
  t.match(parseOptions(['--reps', 'many']), '--reps many');
  t.match(parseOptions(['--no-such-option']), '--no-such-option');
  t.match(parseOptions(['--build', t.testdir()]), 'no build there');
});
