import t from 'tap';
import { type Answer, NameResolver } from '../../../src/agent/dns/name-resolver.ts';
import type { Resolution } from '../../../src/agent/model/compile/index.ts';
import { ManualClock } from '../../base/manual-clock.ts';

/** Everything that is planned for this turn has happened. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class World {
  readonly clock = new ManualClock();
  /** Questions that are under way, in order. */
  readonly asked: { readonly name: string; readonly answer: (answer: Answer | Error) => void }[] = [];
  readonly told: [name: string, resolution: Resolution | null][] = [];
  most = 0;
  readonly resolver = new NameResolver({
    clock: this.clock,
    random: () => 0,
    lookup: (name) =>
      new Promise((resolve, reject) => {
        this.asked.push({ name, answer: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)) });
        this.most = Math.max(this.most, this.asked.length);
      }),
    onResolution: (name, resolution) => void this.told.push([name, resolution]),
  });

  want(...names: string[]): this {
    this.resolver.want(new Set(names));
    return this;
  }

  /** Answers the oldest question. */
  async answer(answer: readonly string[] | Error, ttlSeconds = 30): Promise<void> {
    this.asked.shift()?.answer(answer instanceof Error ? answer : { addresses: answer, ttlSeconds });
    await turn();
  }
}

t.test('a name is asked for again when its answer is over, within bounds', async (t) => {
  const world = new World().want('a.example');
  for (const [ttl, ms] of [
    [30, 30_000],
    [0, 5000],
    [86_400, 300_000],
  ] as const) {
    await world.answer(['192.0.2.1'], ttl);
    world.clock.advance(ms - 1);
    t.equal(world.asked.length, 0, `${ttl} s: not before`);
    world.clock.advance(1);
    t.equal(world.asked.length, 1, `${ttl} s: then`);
  }
});

t.test('addresses stay while there is no answer', async (t) => {
  const world = new World().want('a.example');
  await world.answer(['192.0.2.1', '2001:db8::1']);
  t.same(world.told, [['a.example', { addresses: ['192.0.2.1', '2001:db8::1'], fault: null }]]);
  world.clock.advance(30_000);
  for (const wait of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    await world.answer(new Error('queryA ESERVFAIL a.example'));
    world.clock.advance(wait - 1);
    t.equal(world.asked.length, 0);
    world.clock.advance(1);
    t.equal(world.asked.length, 1, `again after ${wait} ms`);
  }
  t.same(world.told.slice(1), [['a.example', { addresses: ['192.0.2.1', '2001:db8::1'], fault: 'queryA ESERVFAIL a.example' }]]);
  await world.answer([]);
  t.same(world.told.at(-1), ['a.example', { addresses: [], fault: 'the name has no address' }], 'an answer counts, whatever it says');
});

t.test('only changes are told', async (t) => {
  const world = new World().want('a.example');
  await world.answer(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  world.clock.advance(30_000);
  await world.answer(['192.0.2.3', '192.0.2.2', '192.0.2.1']);
  t.equal(world.told.length, 1, 'another order is no change');
  world.clock.advance(30_000);
  await world.answer(['192.0.2.3', '192.0.2.1']);
  t.same(world.told.at(-1)?.[1]?.addresses, ['192.0.2.1', '192.0.2.3'], 'the first stays the first while it is there');
});

t.test('few questions at a time', async (t) => {
  const world = new World();
  const names = Array.from({ length: 100 }, (_, index) => `n${index}.example`);
  world.want(...names);
  t.equal(world.asked.length, 16);
  world.want(...names.slice(0, 50));
  for (let index = 0; index < 50; index++) await world.answer(['192.0.2.1']);
  t.equal(world.asked.length, 0, 'nobody asks for names that are not wanted');
  t.equal(world.most, 16);
  t.same(
    world.told.filter(([, resolution]) => resolution !== null).map(([name]) => name),
    names.slice(0, 50),
  );
});

t.test('a question that nobody answers is given up, and a late answer does not count', async (t) => {
  const world = new World().want('a.example');
  const [late] = world.asked.splice(0);
  world.clock.advance(30_000);
  t.same(world.told, [['a.example', { addresses: [], fault: 'no answer' }]]);
  late?.answer({ addresses: ['192.0.2.1'], ttlSeconds: 30 });
  await turn();
  t.equal(world.told.length, 1);
  world.clock.advance(1000);
  t.equal(world.asked.length, 1, 'it is asked again');
});

t.test('a name that is not wanted any more is forgotten', async (t) => {
  const world = new World().want('a.example', 'b.example');
  await world.answer(['192.0.2.1']);
  world.want('b.example');
  t.same(world.told.at(-1), ['a.example', null]);
  await world.answer(['192.0.2.2']);
  world.resolver.stop();
  t.equal(world.clock.pending, 0);
});
