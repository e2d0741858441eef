/** The graph's invariants, on a small world: numbers by name, sums of those that a list names, groups of equal sums, totals of groups. */
import assert from 'node:assert/strict';
import * as fc from '../../../base/fast-check.ts';
import t from 'tap';
import { Graph } from '../../../../src/agent/model/incremental/graph.ts';
import { Index } from '../../../../src/agent/model/incremental/index-by-key.ts';
import { Output } from '../../../../src/agent/model/incremental/output.ts';
import { Input, Table } from '../../../../src/agent/model/incremental/table.ts';

interface Given {
  readonly number: number;
}
interface Listed {
  readonly names: readonly string[];
}

class World {
  readonly graph = new Graph();
  readonly numbers: Input<Given, number>;
  readonly lists: Input<Listed, readonly string[]>;
  readonly #parity: Table<string>;
  readonly #sums: Index<{ readonly list: string; readonly sum: number }>;
  readonly #output = new Output<unknown>();
  /** What was computed since the last look. */
  computed: string[] = [];

  constructor() {
    const { graph } = this;
    this.numbers = new Input(graph, 'number', ({ number }, key) => {
      this.computed.push(`number ${key}`);
      if (number === FAULTY) throw new Error('a fault');
      return number;
    });
    this.#parity = new Table<string>(graph, 'parity', (key) => {
      this.computed.push(`parity ${key}`);
      return (this.numbers.get(key) ?? 0) % 2 === 0 ? 'even' : 'odd';
    });
    this.#sums = new Index(graph, (a, b) => (a.list < b.list ? -1 : 1));
    this.lists = new Input(
      graph,
      'list',
      ({ names }, key) => {
        this.computed.push(`list ${key}`);
        const sum = names.reduce((all, name) => all + (this.numbers.get(name) ?? 0), 0);
        const kind = names.map((name) => this.#parity.get(name)).join();
        this.#sums.emit(`${sum % 3} ${kind.length % 2}`, { list: key, sum });
        return names;
      },
      false,
    );
    const groups = new Table(graph, 'group', (key) => {
      this.computed.push(`group ${key}`);
      graph.emit(this.#output, key, this.#sums.get(key));
      return null;
    });
    this.#sums.each(groups);
    const overview = new Table(graph, 'overview', () => {
      graph.emit(this.#output, 'all', { keys: this.#sums.keys().sort(), zero: this.#sums.has('0 0') });
      return null;
    });
    overview.want('');
    graph.settle();
  }

  /** @param early whether what depends on no other input is computed after each of them. */
  apply(changes: readonly Change[], early = false): void {
    for (const change of changes) {
      if (early) this.graph.settleAlone(() => true);
      if (change.kind === 'number') this.numbers.set(change.name, change.number === null ? null : { number: change.number });
      else this.lists.set(change.name, change.names === null ? null : { names: change.names });
    }
    this.graph.settle();
  }

  outcome(): unknown {
    this.#output.commit();
    return new Map([...this.#output.values].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  takeComputed(): string[] {
    return this.computed.splice(0);
  }
}

const FAULTY = 99;

type Change =
  | { readonly kind: 'number'; readonly name: string; readonly number: number | null }
  | { readonly kind: 'list'; readonly name: string; readonly names: readonly string[] | null };

const name = fc.constantFrom('a', 'b', 'c', 'd');
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('number' as const), name, number: fc.option(fc.nat(6)) }),
  fc.record({ kind: fc.constant('list' as const), name, names: fc.option(fc.array(name, { maxLength: 4 })) }),
);

t.test('values do not depend on history', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(change, { minLength: 1, maxLength: 4 }), { maxLength: 20 }),
      fc.infiniteStream(fc.nat()),
      (batches, random) => {
        const world = new World();
        const last = new Map<string, Change>();
        for (const batch of batches) {
          world.apply(batch, (random.next().value as number) % 2 === 0);
          for (const one of batch) last.set(`${one.kind} ${one.name}`, one);
        }
        const scratch = new World();
        const order = [...last.values()].map((one) => [random.next().value as number, one] as const).sort(([a], [b]) => a - b);
        for (const [, one] of order) scratch.apply([one]);
        assert.deepEqual(world.outcome(), scratch.outcome());
        assert.deepEqual(world.graph.takeFaults(), []);
        assert.equal(world.graph.waiting, 0);
      },
    ),
    { numRuns: 500 },
  );
});

t.test('a change computes what depends on it', async (t) => {
  const world = new World();
  world.apply([
    { kind: 'number', name: 'a', number: 1 },
    { kind: 'number', name: 'b', number: 2 },
    { kind: 'list', name: 'x', names: ['a'] },
    { kind: 'list', name: 'y', names: ['b'] },
  ]);
  world.takeComputed();
  world.apply([{ kind: 'number', name: 'a', number: 1 }]);
  t.strictSame(world.takeComputed(), ['number a'], 'the same value again is no change');
  world.apply([{ kind: 'number', name: 'a', number: 4 }]);
  t.strictSame(world.takeComputed(), ['number a', 'parity a', 'list x', 'group 1 0']);
  world.apply([{ kind: 'number', name: 'c', number: 4 }]);
  t.strictSame(world.takeComputed(), ['number c'], 'nobody reads it');
});

t.test('what nobody reads is dropped', async (t) => {
  const world = new World();
  world.apply([
    { kind: 'number', name: 'a', number: 1 },
    { kind: 'list', name: 'x', names: ['a'] },
  ]);
  world.apply([{ kind: 'list', name: 'x', names: null }]);
  t.strictSame(world.outcome(), new Map([['all', { keys: [], zero: false }]]));
  world.takeComputed();
  world.apply([{ kind: 'number', name: 'a', number: 2 }]);
  t.strictSame(world.takeComputed(), ['number a'], 'its parity is not kept any more');
});

t.test('a fault ends what it concerns', async (t) => {
  const world = new World();
  world.apply([
    { kind: 'number', name: 'a', number: 1 },
    { kind: 'number', name: 'b', number: 1 },
    { kind: 'list', name: 'x', names: ['a', 'b'] },
  ]);
  world.apply([
    { kind: 'number', name: 'a', number: FAULTY },
    { kind: 'number', name: 'b', number: 3 },
  ]);
  t.match(world.graph.takeFaults(), [{ table: 'number', key: 'a', error: { message: 'a fault' } }]);
  t.strictSame(world.graph.takeFaults(), []);
  t.match(world.outcome(), new Map([['1 1', [{ sum: 4 }]]]), 'the value before stays');
  world.apply([{ kind: 'number', name: 'a', number: 2 }]);
  t.match(world.outcome(), new Map([['2 0', [{ sum: 5 }]]]));
});

t.test('levels run one way', async (t) => {
  const graph = new Graph();
  const index = new Index<number>(graph);
  const later: Table<number> = new Table(graph, 'early', () => index.get('k').length);
  const emitter = new Table(graph, 'late', () => {
    index.emit('k', 1);
    return 1;
  });
  later.want('');
  graph.settle();
  emitter.want('');
  graph.settle();
  t.match(graph.takeFaults(), [{ table: 'late', error: { name: 'RangeError' } }]);
  const before: Table<number> = new Table(graph, 'before', () => after.get(''));
  const after: Table<number> = new Table(graph, 'after', () => 1);
  before.want('');
  graph.settle();
  t.match(graph.takeFaults(), [{ table: 'before', error: { name: 'RangeError' } }]);
});

t.test('what is given alone is computed before the rest, in parts', async (t) => {
  const world = new World();
  world.lists.set('l', { names: ['n0', 'n1'] });
  for (let i = 0; i < 3; i++) world.numbers.set(`n${i}`, { number: i });
  world.takeComputed();
  let steps = 1;
  t.notOk(world.graph.settleAlone(() => steps-- > 0));
  t.ok(world.graph.settleAlone(() => true));
  t.same(world.takeComputed().sort(), ['number n0', 'number n1', 'number n2']);
  t.ok(world.graph.settle());
  t.ok(world.takeComputed().includes('list l'));
});

t.test('a settlement may be done in parts', async (t) => {
  const world = new World();
  for (let i = 0; i < 10; i++) world.numbers.set(`n${i}`, { number: i });
  let steps = 3;
  t.notOk(world.graph.settle(() => steps-- > 0));
  t.ok(world.graph.waiting > 0);
  t.ok(world.graph.settle());
  t.equal(world.graph.waiting, 0);
});
