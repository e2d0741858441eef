/** Rings and tables that are built in steps, and clusters under random changes. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { murmur3Text } from '../../../src/base/hash.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { Runtime } from '../../../src/l7/runtime/runtime.ts';
import type { BalancerConfig, EndpointConfig, HashKey } from '../../../src/l7/config/cluster.ts';
import { buildBalancer, createBalancer } from '../../../src/l7/upstream/balancer.ts';
import { Endpoint } from '../../../src/l7/upstream/endpoint.ts';
import { finish } from '../../../src/l7/upstream/pick.ts';
import { type Change, clusterConfig, delta, endpointConfig } from '../runtime/snapshots.ts';
import { seededRandom } from './seeded-random.ts';

const KEY: HashKey = { kind: 'header', name: 'x-user' };

/** The ring as a sorted list of objects, whose order nobody doubts. */
function plainRing(endpoints: readonly Endpoint[], points: number): (hash: number) => Endpoint | undefined {
  const keyOf = ({ address, port }: Endpoint): string => `${address}:${port}`;
  const ring = endpoints
    .flatMap((endpoint) => Array.from({ length: points }, (_, i) => ({ endpoint, point: murmur3Text(`${keyOf(endpoint)}_${i}`, 0) })))
    .toSorted((a, b) => a.point - b.point || (keyOf(a.endpoint) < keyOf(b.endpoint) ? -1 : 1));
  return (hash) => (ring.find(({ point }) => point >= hash) ?? ring[0])?.endpoint;
}

t.test('a ring that is built in steps is the ring of the definition', async (t) => {
  const addresses = fc.uniqueArray(fc.ipV4(), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(addresses, fc.integer({ min: 1, max: 300 }), (ips, minimumRingSize) => {
      const endpoints = ips.map((ip) => new Endpoint(endpointConfig(ip)));
      const ring = createBalancer({ kind: 'ring-hash', minimumRingSize, key: KEY }, endpoints);
      const plain = plainRing(endpoints, minimumRingSize);
      const random = seededRandom(1);
      for (let i = 0; i < 50; i++) {
        const hash = i === 0 ? 0 : i === 1 ? 0xffffffff : random();
        if (ring.pick(hash, random) !== plain(hash)) throw new Error(`hash ${hash}`);
      }
    }),
    { numRuns: 60 },
  );
  let steps = 0;
  for (
    const work = buildBalancer({ kind: 'ring-hash', minimumRingSize: 200_000, key: KEY }, [new Endpoint(endpointConfig('10.0.0.1'))]);
    ;
    steps++
  ) {
    if (work.next().done === true) break;
  }
  t.ok(steps > 300, `${steps} steps`);
});

for (const balancer of [
  { kind: 'ring-hash', minimumRingSize: 1000, key: KEY },
  { kind: 'maglev', tableSize: 1009, key: KEY },
] as const) {
  t.test(
    `${balancer.kind}: endpoints that go while a new one is built are passed over, and their keys go where they will stay`,
    async (t) => {
      const all = Array.from({ length: 8 }, (_, i) => new Endpoint(endpointConfig(`10.0.0.${i + 1}`)));
      const old = createBalancer(balancer, all);
      for (const endpoint of all.slice(0, 5)) endpoint.remove();
      const random = seededRandom(2);
      const next = createBalancer(balancer, all.slice(5));
      let same = 0;
      for (let i = 0; i < 1000; i++) {
        const hash = random();
        const picked = old.pick(hash, random);
        if (picked === null || picked.removed) t.fail('a removed endpoint was picked');
        if (picked === next.pick(hash, random)) same++;
      }
      if (balancer.kind === 'ring-hash') t.equal(same, 1000);
      for (const endpoint of all) endpoint.remove();
      t.equal(old.pick(1, random), null);
    },
  );
}

const KINDS: readonly BalancerConfig[] = [
  { kind: 'round-robin' },
  { kind: 'least-request' },
  { kind: 'random' },
  { kind: 'ring-hash', minimumRingSize: 64, key: KEY },
  // So large that a change of endpoints does not wait for it.
  { kind: 'ring-hash', minimumRingSize: 70_000, key: KEY },
  { kind: 'maglev', tableSize: 251, key: KEY },
];
const LARGE = 4;
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1', 'fd00::2'];

interface Move {
  readonly set: readonly EndpointConfig[];
  readonly remove: readonly string[];
  readonly kind: number | null;
  readonly gone: boolean;
}
const MANY_IPS = [...IPS, ...Array.from({ length: 40 }, (_, i) => `10.0.1.${i}`)];

const moves = (ips: readonly string[], minLength: number): fc.Arbitrary<Move[]> => {
  const endpoints = fc
    .uniqueArray(fc.record({ ip: fc.constantFrom(...ips), weight: fc.integer({ min: 1, max: 3 }) }), {
      minLength,
      selector: ({ ip }) => ip,
    })
    .map((all) => all.map(({ ip, weight }) => endpointConfig(ip, { weight })));
  const remove = fc.uniqueArray(fc.constantFrom(...ips).map((ip) => `${ip}|80`));
  const move = fc.record({ set: endpoints, remove, kind: fc.option(fc.nat(KINDS.length - 1)), gone: fc.boolean() });
  return fc.array(move, { minLength: 1, maxLength: 8 });
};

t.test('what a cluster picks is in the configuration, before and after each commit; what stays keeps its object', async () => {
  fc.assert(
    fc.property(fc.oneof(moves(IPS, 0), moves(MANY_IPS, 20)), fc.boolean(), (moves, rebuild) => {
      const runtime = new Runtime(new HeaderNames());
      runtime.serve();
      const random = seededRandom(3);
      let members = new Map<string, EndpointConfig>();
      let kind = 0;
      let exists = false;
      const objects = new Map<string, Endpoint>();
      const held: { pick: (hash: number) => Endpoint | null }[] = [];
      const check = (when: string): void => {
        const { cluster } = runtime.slot('c');
        if ((cluster !== null) !== exists) throw new Error(`there ${when}`);
        for (let i = 0; i < 12; i++) {
          const family = ([0, 4, 6] as const)[i % 3] as 0 | 4 | 6;
          const picked = cluster?.pick(i % 2 === 0 ? -1 : random(), random, null, family) ?? null;
          if ((picked === null) !== (members.size === 0)) throw new Error(`picked ${picked?.address} of ${members.size} ${when}`);
          if (picked === null) continue;
          const config = members.get(`${picked.address}|80`);
          if (config === undefined || picked.removed) throw new Error(`${picked.address} is gone ${when}`);
          if (picked.config.weight !== config.weight) throw new Error(`weight ${when}`);
          const wanted = family === 0 ? 4 : family;
          const families = new Set([...members.keys()].map((key) => (key.includes(':') ? 6 : 4)));
          // A large ring knows new endpoints only when it has been built.
          if (kind === LARGE && !(rebuild && when === 'in the end')) continue;
          if (families.has(wanted) && (picked.address.includes(':') ? 6 : 4) !== wanted) throw new Error(`family ${when}`);
        }
        if (members.size === 0) for (const cluster of held) if (cluster.pick(random()) !== null) throw new Error(`a held cluster ${when}`);
      };
      for (const [i, { set, remove, kind: nextKind, gone }] of moves.entries()) {
        const next = new Map(members);
        const leaves: boolean = gone && i % 3 === 2;
        const comes: boolean = !exists && !gone;
        const config = clusterConfig('c', { balancer: KINDS[nextKind ?? kind] as BalancerConfig });
        const configured: boolean = !leaves && (comes || (nextKind !== null && exists));
        const change: Change = leaves
          ? { remove: { clusters: ['c'] } }
          : {
              ...(configured ? { set: { clusters: { c: config } } } : {}),
              endpoints: exists || comes ? [{ cluster: 'c', set, remove: remove.filter((key) => next.has(key)) }] : [],
            };
        const { staging } = runtime;
        const steps = delta(i + 1, change);
        for (const [id, record] of steps.records.clusters?.set ?? [])
          staging.take({ what: 'set', kind: 'clusters', records: [[id, record]] });
        staging.take({ what: 'remove', kind: 'clusters', ids: steps.records.clusters?.remove ?? [] });
        staging.take({ what: 'endpoints', deltas: steps.endpoints });
        for (const work = staging.prepare(); work.next().done !== true;) check('while it is prepared');
        staging.commit(i + 1);
        exists = !leaves && (exists || comes);
        if (leaves) next.clear();
        if (configured) kind = nextKind ?? kind;
        for (const { set, remove } of steps.endpoints) {
          for (const endpoint of set) next.set(`${endpoint.address}|80`, endpoint);
          for (const key of remove) next.delete(key);
        }
        members = next;
        check('after the commit');
        for (const work = staging.settle(); work.next().done !== true;) check('while it settles');
        if (rebuild) for (const work = staging.rebuild(); work.next().done !== true;) check('while the balancer is built');
        check('in the end');
        const { cluster } = runtime.slot('c');
        if (cluster !== null) held.push({ pick: (hash) => cluster.pick(hash, random, null, 0) });
        const now = new Map((cluster?.endpoints ?? []).map((endpoint) => [`${endpoint.address}|80`, endpoint]));
        for (const [key, endpoint] of objects)
          if (now.has(key) && now.get(key) !== endpoint && !endpoint.removed) throw new Error(`${key} is another object`);
        objects.clear();
        for (const [key, endpoint] of now) objects.set(key, endpoint);
      }
    }),
    { numRuns: 150 },
  );
});

t.test('the ring is built again behind the change, and then is the ring of those that are there', async (t) => {
  const runtime = new Runtime(new HeaderNames());
  runtime.serve();
  const config = clusterConfig('c', { balancer: { kind: 'ring-hash', minimumRingSize: 70_000, key: KEY } });
  const [one, two, three] = [endpointConfig('10.0.0.1'), endpointConfig('10.0.0.2'), endpointConfig('10.0.0.3')];
  runtime.apply(delta(1, { set: { clusters: { c: config } }, endpoints: [{ cluster: 'c', set: [one, two], remove: [] }] }));
  runtime.staging.take({ what: 'endpoints', deltas: [{ cluster: 'c', set: [three], remove: ['10.0.0.1|80'] }] });
  finish(runtime.staging.prepare());
  runtime.staging.commit(2);
  finish(runtime.staging.settle());
  const random = seededRandom(4);
  const picked = () => new Set(Array.from({ length: 200 }, () => runtime.slot('c').cluster?.pick(random(), random, null, 0)?.address));
  t.same(picked(), new Set(['10.0.0.2']), 'the change holds at once; the new endpoint gets its keys when the ring is ready');
  finish(runtime.staging.rebuild());
  t.same(picked(), new Set(['10.0.0.2', '10.0.0.3']));
});
