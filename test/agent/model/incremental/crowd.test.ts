import assert from 'node:assert/strict';
import * as fc from '../../../base/fast-check.ts';
import t from 'tap';
import { Cell, type Computation, Node } from '../../../../src/agent/model/incremental/cell.ts';
import { Crowd } from '../../../../src/agent/model/incremental/crowd.ts';

const SOURCE: Computation = { name: 'test', level: 0, compute: () => null, released: () => {} };
const MEMBERS = 60;

t.test('a node knows who reads it, however many', async () => {
  const steps = fc.array(fc.nat(MEMBERS - 1), { maxLength: 400 });
  fc.assert(
    fc.property(steps, (toggled) => {
      const node = new Node(SOURCE, 'node');
      const cells = Array.from({ length: MEMBERS }, (_, index) => new Cell(SOURCE, `${index}`));
      const reading = new Set<Cell>();
      for (const index of toggled) {
        const cell = cells[index] as Cell;
        if (reading.delete(cell)) {
          cell.reads = [];
          node.unreadBy(cell);
        } else {
          reading.add(cell);
          cell.reads = [node];
          node.readBy(cell);
        }
        const seen = new Set<Cell>();
        node.eachReader((one) => void seen.add(one));
        assert.deepEqual(seen, reading);
        assert.equal(node.isRead, reading.size > 0);
      }
    }),
  );
});

t.test('who leaves a crowd and comes back, again and again, does not make it longer', async (t) => {
  const there = new Set(Array.from({ length: 100 }, (_, id) => ({ id })));
  const crowd = new Crowd([...there]);
  for (const member of [...there, ...there, ...there, ...there]) {
    there.delete(member);
    crowd.left((one) => there.has(one));
    there.add(member);
    crowd.add(member);
  }
  let met = 0;
  crowd.each(() => met++);
  t.equal(crowd.size, 100);
  t.ok(met <= 2 * 100 + 32, `${met}`);
});
