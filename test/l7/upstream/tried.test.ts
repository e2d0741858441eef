/** What retries pass over: endpoints, and priorities after every second attempt. */
import t from 'tap';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { Tried } from '../../../src/l7/upstream/tried.ts';
import { endpointOf } from '../engine/rig.ts';

const [near, alsoNear, far] = [0, 0, 1].map((priority, i) => new Endpoint({ ...endpointOf(`10.0.0.${i + 1}:80`), priority })) as [
  Endpoint,
  Endpoint,
  Endpoint,
];

t.test('endpoints, or none', async (t) => {
  const tried = new Tried(true, false);
  tried.add(near);
  tried.add(far);
  t.same(tried.avoided, [near, far]);
  t.equal(tried.narrow(null), null, 'no priority is left out');
  t.equal(new Tried(false, true).avoided, null);
});

t.test('priorities: those that were tried, after every second attempt', async (t) => {
  const tried = new Tried(false, true);
  const allowed = (): boolean[] => [near, alsoNear, far].map((endpoint) => tried.narrow(null)?.allows(endpoint) ?? true);
  tried.add(near);
  t.same(allowed(), [true, true, true], 'one attempt changes nothing');
  tried.add(alsoNear);
  t.same(allowed(), [false, false, true]);
  tried.add(far);
  t.same(allowed(), [false, false, true]);
  tried.add(far);
  t.same(allowed(), [false, false, false]);
  tried.forgetPriorities();
  t.same(allowed(), [true, true, true], 'when none is left, all count again');
  tried.add(near);
  t.same(allowed(), [true, true, true], 'and attempts are counted anew');
});

t.test('what else may not be used stays so', async (t) => {
  const tried = new Tried(false, true);
  for (const endpoint of [near, near]) tried.add(endpoint);
  t.equal(tried.narrow({ allows: () => false })?.allows(far), false);
});
