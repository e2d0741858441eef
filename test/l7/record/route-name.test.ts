import t from 'tap';
import { routeName } from '../../../src/l7/record/route-name.ts';

t.test('names of routes, as Istio shows them', async (t) => {
  t.equal(routeName({ name: 'checkout' }, false, 'unknown'), 'checkout');
  t.equal(routeName({ name: '' }, false, 'unknown'), '', 'a VirtualService need not name its routes');
  t.equal(routeName(null, false, 'PassthroughCluster'), 'allow_any');
  t.equal(routeName(null, false, 'BlackHoleCluster'), 'block_all');
  t.equal(routeName(null, true, 'unknown'), 'default');
  t.equal(routeName(null, true, 'InboundPassthroughCluster'), 'default');
  t.equal(routeName(null, false, 'unknown'), '');
});
