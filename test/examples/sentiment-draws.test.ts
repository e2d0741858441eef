import * as fc from '../base/fast-check.ts';
import t from 'tap';
import { drawSequence, type Outcome, outcomeOf, SHARES } from '../../examples/sentiment/services/logic/draws.ts';
import { binomialBand } from '../../examples/sentiment/demo/binomial.ts';

t.test('the same seed and pod draw the same, others draw otherwise', async (t) => {
  const take = (seed: string, pod: string): number[] => {
    const draw = drawSequence(seed, pod);
    return Array.from({ length: 20 }, draw);
  };
  fc.assert(
    fc.property(fc.string(), fc.string(), (seed, pod) => {
      const [first, again] = [take(seed, pod), take(seed, pod)];
      return first.every((value, index) => value === again[index] && Number.isInteger(value) && value >= 1 && value <= 101);
    }),
  );
  t.notSame(take('a', 'pod-1'), take('a', 'pod-2'));
  t.notSame(take('a', 'pod-1'), take('b', 'pod-1'));
});

t.test('every draw has its outcome, in the shares that are promised', async (t) => {
  const counts: Record<Outcome, number> = { error: 0, 'slow error': 0, success: 0 };
  for (let draw = 1; draw <= 101; draw++) counts[outcomeOf(draw)]++;
  t.strictSame(counts, { error: 33, 'slow error': 32, success: 36 });
  t.strictSame(SHARES, { error: 33 / 101, 'slow error': 32 / 101, success: 36 / 101 });
});

t.test('long sequences have these shares', async (t) => {
  for (const pod of ['sa-logic-buggy-1', 'sa-logic-buggy-2']) {
    const draw = drawSequence('nodeway', pod);
    const outcomes = Array.from({ length: 10_000 }, () => outcomeOf(draw()));
    for (const [outcome, share] of Object.entries(SHARES)) {
      const seen = outcomes.filter((one) => one === outcome).length;
      const { low, high } = binomialBand(outcomes.length, share);
      t.ok(seen >= low && seen <= high, `${pod} ${outcome}: ${seen} is from ${low} to ${high}`);
    }
  }
});
