import t from 'tap';
import { markOf } from '../../src/datapath/mark.ts';

t.test('agents that share a kernel have marks of their own, and each has always the same', async (t) => {
  const nodes = ['control-plane', 'worker', 'worker2', 'worker3', 'node1', 'node2'];
  t.equal(new Set(nodes.map((node) => markOf(node))).size, nodes.length);
  t.equal(markOf('node1'), markOf('node1'));
  t.not(markOf('node1', 'second'), markOf('node1'));
  for (const node of nodes) t.ok(markOf(node) > 0 && markOf(node) <= 0x7fffffff, 'SO_MARK is an int');
});
