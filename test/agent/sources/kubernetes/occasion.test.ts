import t from 'tap';
import { Occasion } from '../../../../src/agent/sources/kubernetes/occasion.ts';

t.test('ends the waits that began before it, and none that begins after', async (t) => {
  const occasion = new Occasion();
  const before = occasion.next;
  t.equal(occasion.next, before);
  t.equal(before.aborted, false);
  occasion.happens();
  t.equal(before.aborted, true);
  const after = occasion.next;
  t.equal(after.aborted, false);
  occasion.happens();
  t.equal(after.aborted, true);
});
