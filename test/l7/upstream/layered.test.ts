import t from 'tap';
import type { ClusterConfig } from '../../../src/l7/config/cluster.ts';
import { buildBalancers } from '../../../src/l7/upstream/cluster-draft.ts';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { type Balancer, finish } from '../../../src/l7/upstream/pick.ts';
import { clusterOf, endpointOf } from '../engine/rig.ts';
import { seededRandom } from './seeded-random.ts';

/** Endpoints with these priorities or groups, and the balancer over them. */
function layered(
  more: readonly object[],
  config: Partial<ClusterConfig> = {},
): { readonly endpoints: Endpoint[]; readonly balancer: Balancer } {
  const endpoints = more.map((one, i) => new Endpoint({ ...endpointOf(`10.0.0.${i + 1}:80`), ...one }));
  return { endpoints, balancer: finish(buildBalancers(clusterOf('c', config), endpoints)).preferred };
}

function shares({ endpoints, balancer }: ReturnType<typeof layered>, out: readonly number[] = []): number[] {
  const random = seededRandom(5);
  const filter = out.length === 0 ? null : { allows: (endpoint: Endpoint): boolean => !out.includes(endpoints.indexOf(endpoint)) };
  const counts = endpoints.map(() => 0);
  for (let i = 0; i < 2000; i++) {
    const endpoint = balancer.pick(-1, random, filter);
    if (endpoint !== null) counts[endpoints.indexOf(endpoint)]!++;
  }
  return counts.map((count) => Math.round(count / 20));
}

const near = (actual: readonly number[], expected: readonly number[]): boolean =>
  actual.every((one, i) => Math.abs(one - (expected[i] as number)) <= 4);

t.test('priorities: the first gets all while 71 per cent of it can be used, and then what it can take', async (t) => {
  const two = layered([{}, {}, {}, {}, { priority: 1 }]);
  t.ok(near(shares(two), [25, 25, 25, 25, 0]), 'all can be used');
  t.ok(near(shares(two, [0]), [0, 33, 33, 33, 0]), 'three of four');
  const half = shares(two, [0, 1]);
  t.ok(near(half, [0, 0, 35, 35, 30]), `${half.join()}: half takes 70 per cent`);
  t.ok(near(shares(two, [0, 1, 2, 3]), [0, 0, 0, 0, 100]), 'none');
  t.ok(near(shares(two, [0, 1, 2, 3, 4]), [0, 0, 0, 0, 0]), 'nobody at all');
  const three = layered([{}, { priority: 1 }, { priority: 2 }]);
  t.ok(near(shares(three, [0, 1]), [0, 0, 100]), 'the third');
});

t.test('groups share by their weights, and less when less of them can be used', async (t) => {
  const groups = layered([
    { group: { name: 'x', weight: 70 } },
    { group: { name: 'y', weight: 30 } },
    { group: { name: 'y', weight: 30 } },
  ]);
  t.ok(near(shares(groups), [70, 15, 15]));
  t.ok(near(shares(groups, [0]), [0, 50, 50]));
  const less = shares(groups, [1]);
  t.ok(near(less, [77, 0, 23]), `${less.join()}: 70 to 30 × 0.7`);
});

t.test('a key keeps to its priority and its endpoint', async (t) => {
  const balancer = { kind: 'maglev', tableSize: 101, key: { kind: 'header', name: 'x' } } as const;
  const hashed = layered([{}, {}, { priority: 1 }, { priority: 1 }], { balancer });
  const pick = (hash: number): Endpoint | null => hashed.balancer.pick(hash, () => 0, null, 0);
  for (const hash of [1, 2 ** 31, 2 ** 32 - 1]) {
    t.equal(pick(hash), pick(hash));
    t.ok(hashed.endpoints.indexOf(pick(hash) as Endpoint) < 2);
  }
});
