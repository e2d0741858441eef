/** The index against a plain map of all domains, under random changes. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { Epoch } from '../../../src/base/epoch.ts';
import { HostIndex, HostTable } from '../../../src/l7/routing/host-index.ts';

interface Value {
  readonly id: number;
}

const label = fc.constantFrom('a', 'b', 'ab', 'shop');
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
const domain = fc.oneof(
  { weight: 6, arbitrary: name },
  { weight: 2, arbitrary: name.map((text) => `*.${text}`) },
  { weight: 1, arbitrary: fc.constant('*') },
);
const TABLES = 3;

interface Step {
  readonly table: number;
  readonly domain: string;
  readonly value: number;
  readonly remove: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({ table: fc.nat(TABLES - 1), domain, value: fc.nat(4), remove: fc.boolean() });

type Model = Map<string, Value>;

/** As the documentation says it: exact in any table, then the longest suffix of any, then `*`; of equals the first table. */
function naive(model: Model, tables: readonly number[], host: string): Value | null {
  const patterns = [host];
  for (let dot = host.indexOf('.', 1); dot >= 0; dot = host.indexOf('.', dot + 1)) patterns.push(`*${host.slice(dot)}`);
  for (const pattern of [...patterns, '*']) {
    for (const table of tables) {
      const value = model.get(`${table}|${pattern}`);
      if (value !== undefined) return value;
    }
  }
  return null;
}

t.test('the index answers as a map of all domains does', async () => {
  const order = fc.constantFrom([0], [1, 0], [2, 1, 0], [0, 2]);
  const rounds = fc.array(fc.array(step, { maxLength: 20 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(rounds, order, fc.array(name, { minLength: 1, maxLength: 6 }), fc.boolean(), (changes, seen, hosts, direct) => {
      const epoch = new Epoch();
      epoch.direct = direct;
      const index = new HostIndex<Value>(epoch);
      const tables = Array.from({ length: TABLES }, (_, i) => new HostTable<Value>(2 * i + 2));
      const values = Array.from({ length: 5 }, (_, id): Value => ({ id }));
      let model: Model = new Map();
      const check = (expected: Model, when: string): void => {
        for (const host of [...hosts, 'shop', '.shop', '']) {
          const bytes = Buffer.from(host.toUpperCase(), 'latin1');
          const found = index.find(
            seen.map((i) => tables[i] as HostTable<Value>),
            bytes,
            0,
            bytes.length,
          );
          const want = naive(expected, seen, host);
          if (found !== want) throw new Error(`${host}: ${found?.id} instead of ${want?.id} ${when}`);
        }
      };
      for (const round of changes) {
        const next = new Map(model);
        let unsettled = false;
        for (const { table, domain, value, remove } of round) {
          const owner = values[value] as Value;
          const hosts = tables[table] as HostTable<Value>;
          const key = `${table}|${domain}`;
          const touched = remove ? index.remove(hosts, domain, owner) : index.set(hosts, domain, owner);
          unsettled = touched || unsettled;
          if (!remove) next.set(key, owner);
          else if (next.get(key) === owner) next.delete(key);
          check(direct ? next : model, 'before the commit');
        }
        model = next;
        epoch.committed = true;
        check(model, 'after the commit');
        if (unsettled) while (!index.settle()) check(model, 'while it settles');
        epoch.committed = false;
        check(model, 'when it has settled');
        for (const [i, table] of tables.entries()) {
          const left = [...model.keys()].filter((key) => key.startsWith(`${i}|`)).length;
          if (table.names !== left) throw new Error(`table ${i} counts ${JSON.stringify(table.names)} instead of ${left}`);
          if (left === 0 && !table.unused) throw new Error('an empty table is not known to be');
        }
      }
    }),
    { numRuns: 300 },
  );
});

t.test('thousands of names come, are found and go; the index does not grow with what has gone', async (t) => {
  const epoch = new Epoch();
  const index = new HostIndex<Value>(epoch);
  const table = new HostTable<Value>(2);
  const hostOf = (i: number): string => `service-${i}.namespace-${i % 50}.svc.cluster.local`;
  const find = (i: number): Value | null => {
    const bytes = Buffer.from(hostOf(i), 'latin1');
    return index.find([table], bytes, 0, bytes.length);
  };
  for (let round = 0; round < 5; round++) {
    const values = Array.from({ length: 20_000 }, (_, id): Value => ({ id }));
    for (const value of values) index.set(table, hostOf(value.id), value);
    for (const value of values) if (find(value.id) !== value) t.fail(`${value.id} is not found`);
    t.equal(table.exact, values.length);
    for (const value of values) index.remove(table, hostOf(value.id), value);
    for (const value of values) if (find(value.id) !== null) t.fail(`${value.id} is still found`);
    t.ok(table.unused);
  }
});
