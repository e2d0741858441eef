import t from 'tap';
import { createBalancer } from '../../../src/l7/upstream/balancer.ts';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { UNKNOWN_IDENTITY } from '../../../src/l7/config/identity.ts';
import type { BalancerConfig } from '../../../src/l7/config/cluster.ts';
import { endpointOf } from '../engine/rig.ts';
import { seededRandom } from './seeded-random.ts';

const KEY = { kind: 'header', name: 'user' } as const;

function endpoints(...weights: number[]): Endpoint[] {
  return weights.map(
    (weight, i) => new Endpoint({ address: `10.0.0.${i + 1}`, port: 80, weight, identity: UNKNOWN_IDENTITY, local: null }),
  );
}

/** How often each endpoint is picked, as shares. */
function shares(config: BalancerConfig, over: Endpoint[], picks: number, hash: (i: number) => number = () => -1): number[] {
  const balancer = createBalancer(config, over);
  const random = seededRandom(7);
  const counts = over.map(() => 0);
  for (let i = 0; i < picks; i++) {
    const index = over.indexOf(balancer.pick(hash(i), random) as Endpoint);
    counts[index] = (counts[index] as number) + 1;
  }
  return counts.map((count) => count / picks);
}

function near(actual: number, expected: number, tolerance: number): boolean {
  return Math.abs(actual - expected) <= tolerance;
}

t.test('no endpoint: null from every balancer', async (t) => {
  const kinds: BalancerConfig[] = [
    { kind: 'round-robin' },
    { kind: 'least-request' },
    { kind: 'random' },
    { kind: 'ring-hash', minimumRingSize: 1024, key: KEY },
    { kind: 'maglev', tableSize: 65537, key: KEY },
  ];
  for (const config of kinds) t.equal(createBalancer(config, []).pick(1, seededRandom(1)), null, config.kind);
});

t.test('round robin takes each in turn, whatever the start', async (t) => {
  const all = endpoints(1, 1, 1);
  const balancer = createBalancer({ kind: 'round-robin' }, all);
  const random = seededRandom(3);
  const round = [balancer.pick(-1, random), balancer.pick(-1, random), balancer.pick(-1, random)];
  t.equal(new Set(round).size, 3);
  t.equal(balancer.pick(-1, random), round[0], 'and starts over');
});

t.test('weights are kept by round robin (exactly) and random (within 3 sigma)', async (t) => {
  t.strictSame(shares({ kind: 'round-robin' }, endpoints(1, 2, 5), 800), [0.125, 0.25, 0.625]);
  const random = shares({ kind: 'random' }, endpoints(1, 3), 10_000);
  t.ok(near(random[0] as number, 0.25, 3 * Math.sqrt((0.25 * 0.75) / 10_000)), `25 %: ${random[0]}`);
});

t.test('least request prefers the less busy of two', async (t) => {
  const all = endpoints(1, 1);
  (all[0] as Endpoint).active = 5;
  const [busy] = shares({ kind: 'least-request' }, all, 4000);
  // Only when both draws fall on the busy one: a quarter.
  t.ok(near(busy as number, 0.25, 0.03), `busy one gets ${busy}`);
});

t.test('least request with unequal weights weighs by active requests', async (t) => {
  const all = endpoints(1, 4);
  (all[1] as Endpoint).active = 7;
  const balancer = createBalancer({ kind: 'least-request' }, all);
  t.equal(balancer.pick(-1, seededRandom(1)), all[0], '1/1 beats 4/8');
});

for (const config of [
  { kind: 'ring-hash', minimumRingSize: 1024, key: KEY },
  { kind: 'maglev', tableSize: 65537, key: KEY },
] as const) {
  t.test(`${config.kind}: the same key meets the same endpoint, keys spread, a change moves few`, async (t) => {
    const hashes = Array.from({ length: 20_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 0);
    const three = endpoints(1, 1, 1);
    const four = [...three, ...endpoints(1, 1, 1, 1).slice(3)];
    const before = createBalancer(config, three);
    const after = createBalancer(config, four);
    const again = createBalancer(config, [...three].reverse());
    const random = seededRandom(5);
    let moved = 0;
    let movedElsewhere = 0;
    for (const hash of hashes) {
      const owner = before.pick(hash, random);
      if (again.pick(hash, random) !== owner) t.fail('the order of endpoints must not matter');
      const next = after.pick(hash, random);
      if (next === owner) continue;
      moved++;
      if (next !== four[3]) movedElsewhere++;
    }
    t.ok(near(moved / hashes.length, 0.25, 0.06), `a fourth endpoint takes a quarter: ${moved / hashes.length}`);
    t.ok(movedElsewhere / hashes.length < 0.03, `few keys move between old ones: ${movedElsewhere / hashes.length}`);
    for (const share of shares(config, three, hashes.length, (i) => hashes[i] as number)) {
      t.ok(near(share, 1 / 3, 0.07), `share ${share}`);
    }
  });
}

t.test('least request with unequal weights: shares by weight while nobody is busy, and less for who is', async (t) => {
  const endpoints = [1, 3].map((weight, i) => new Endpoint({ ...endpointOf(`10.0.0.${i + 1}:80`), weight }));
  const balancer = createBalancer({ kind: 'least-request' }, endpoints);
  const random = seededRandom(1);
  const shares = (): number[] => {
    const counts = [0, 0];
    for (let i = 0; i < 400; i++) counts[endpoints.indexOf(balancer.pick(-1, random) as Endpoint)]!++;
    return counts;
  };
  const [one = 0] = shares();
  t.ok(Math.abs(one - 100) < 4, `${one} of 400`);
  (endpoints[1] as Endpoint).active = 5;
  const [light = 0] = shares();
  t.ok(light > 250, `${light} of 400 to the idle one`);
});

t.test('new endpoints warm up', async (t) => {
  for (const kind of ['round-robin', 'least-request'] as const) {
    const old = new Endpoint(endpointOf('10.0.0.1:80'));
    const config = { kind, warmup: { durationMs: 100_000, minimumPercent: 10, aggression: 1 } } as const;
    const random = seededRandom(1);
    const shareOf = (balancer: ReturnType<typeof createBalancer>, endpoint: Endpoint, now: number): number => {
      let count = 0;
      for (let i = 0; i < 1000; i++) if (balancer.pick(-1, random, null, now) === endpoint) count++;
      return count / 1000;
    };
    const alone = createBalancer(config, [old, new Endpoint(endpointOf('10.0.0.9:80'))]);
    t.ok(Math.abs(shareOf(alone, old, 0) - 0.5) < 0.06, `${kind}: all are equally new`);
    const young = new Endpoint(endpointOf('10.0.0.2:80'));
    const balancer = createBalancer(config, [old, young]);
    for (const [now, expected] of [
      [1_000_000, 0.1 / 1.1],
      [1_050_000, 0.5 / 1.5],
      [1_200_000, 0.5],
    ] as const) {
      const share = shareOf(balancer, young, now);
      t.ok(Math.abs(share - expected) < 0.06, `${kind} at ${now}: ${share}`);
    }
  }
});

t.test('a filter leaves the others their shares', async (t) => {
  const endpoints = [1, 1, 2].map((weight, i) => new Endpoint({ ...endpointOf(`10.0.0.${i + 1}:80`), weight }));
  const [out, ...rest] = endpoints as [Endpoint, ...Endpoint[]];
  const filter = { allows: (endpoint: Endpoint): boolean => endpoint !== out };
  const nobody = { allows: (): boolean => false };
  for (const kind of ['round-robin', 'least-request', 'random'] as const) {
    const balancer = createBalancer({ kind }, endpoints);
    const random = seededRandom(1);
    const counts = new Map<Endpoint | null, number>();
    for (let i = 0; i < 900; i++) {
      const endpoint = balancer.pick(-1, random, filter);
      counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
    }
    t.equal(counts.has(out), false, kind);
    t.ok(Math.abs((counts.get(rest[0] as Endpoint) ?? 0) - 300) < 60, `${kind}: ${[...counts.values()].join()}`);
    t.equal(balancer.pick(-1, random, nobody), null);
  }
});
