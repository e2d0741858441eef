import * as fc from '../../../base/fast-check.ts';
import t from 'tap';
import type { PodSelection } from '../../../../src/agent/model/needs.ts';
import { covers, type PodSelector, podSelectors, selectorText } from '../../../../src/agent/sources/kubernetes/pod-selectors.ts';

const selection = (namespace: string, selector: Record<string, string>): PodSelection => ({ namespace, selector });
const texts = (...selections: readonly PodSelection[]): string[] =>
  podSelectors(selections).map((selector) => `${selector.namespace ?? '*'} ${selectorText(selector)}`);

t.test('services that select by the same label share a watch', async (t) => {
  t.strictSame(texts(selection('a', { app: 'x' })), ['a app=x']);
  t.strictSame(texts(selection('a', { app: 'x' }), selection('a', { app: 'y', tier: 'web' }), selection('b', { app: 'x' })), [
    'a app in (x,y)',
    'b app=x',
  ]);
  t.strictSame(texts(selection('a', { app: 'x' }), selection('a', { 'k8s.io/name': 'y' })), ['a app=x', 'a k8s.io/name=y']);
  t.strictSame(texts(selection('a', { app: 'x' }), selection('a', { app: 'x', b: 'c' })), ['a app=x']);
});

t.test('many namespaces share one, and many values are any', async (t) => {
  const many = Array.from({ length: 17 }, (_, index) => selection(`n${index}`, { app: `a${index % 2}` }));
  t.strictSame(texts(...many), ['* app in (a0,a1)']);
  const values = Array.from({ length: 200 }, (_, index) => selection('a', { app: `a-rather-long-name-${index}` }));
  t.strictSame(texts(...values), ['a app']);
});

t.test('what no label of the API server can be asks for nothing', async (t) => {
  t.strictSame(texts(selection('a', { app: 'x,y) or (z' }), selection('a', { 'a b': 'c' })), []);
  t.strictSame(texts(selection('a', { app: 'x y', tier: 'web' })), ['a tier=web']);
});

const label = fc.constantFrom('app', 'tier', 'k8s.io/name');
const selections = fc.array(
  fc.record({
    namespace: fc.nat(20).map((n) => `n${n}`),
    selector: fc.dictionary(label, fc.constantFrom('x', 'y', 'z', 'not a value'), { minKeys: 1 }),
  }),
);
const selects = ({ namespace, key, values }: PodSelector, pod: PodSelection): boolean =>
  (namespace === null || namespace === pod.namespace) &&
  Object.hasOwn(pod.selector, key) &&
  (values.length === 0 || values.includes(pod.selector[key] as string));
const isPossible = ({ selector }: PodSelection): boolean => !Object.values(selector).includes('not a value');

t.test('no pod of a service is left out', async (t) => {
  fc.assert(
    fc.property(selections, (wanted) => {
      const selectors = podSelectors(wanted);
      for (const pod of wanted.filter(isPossible)) if (!selectors.some((selector) => selects(selector, pod))) throw new Error('left out');
      for (const one of selectors) if (!covers(one, one)) throw new Error('not as good as itself');
    }),
  );
  t.pass('whatever they select by');
});

t.test('what covers another brings all of its pods', async (t) => {
  const selector = fc.record({
    namespace: fc.constantFrom(null, 'a', 'b'),
    key: fc.constantFrom('app', 'tier'),
    values: fc.uniqueArray(fc.constantFrom('x', 'y', 'z')),
  });
  const pod = fc.record({ namespace: fc.constantFrom('a', 'b'), selector: fc.dictionary(label, fc.constantFrom('x', 'y', 'z')) });
  fc.assert(
    fc.property(selector, selector, fc.array(pod), (by, other, pods) => {
      if (covers(by, other) && pods.some((one) => selects(other, one) && !selects(by, one))) throw new Error('one is missing');
    }),
  );
  t.pass('at any selectors');
});
