/** What is kept of a request, against a model that keeps everything. Numbers are those of the invariants in replay.ts. */
import assert from 'node:assert/strict';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { HeadStore } from '../../../src/l7/exchange/head-store.ts';
import { Replay } from '../../../src/l7/exchange/replay.ts';
import { MemoryTransport } from '../../../src/l7/transport/memory.ts';

const LIMIT = 100;

function replayOf(): Replay {
  const transport = MemoryTransport.create({ clock: 'manual' });
  return new Replay(new HeadStore(transport, transport.ownStart, transport.ownStart + 4096), LIMIT);
}

function sent(replay: Replay): string {
  let text = '';
  replay.send({ data: (bytes, start, end) => (text += Buffer.from(bytes.subarray(start, end)).toString('latin1')) });
  return text;
}

t.test('a request without body has nothing to keep, and its head is kept until it is released', async (t) => {
  const replay = replayOf();
  const bytes = Buffer.from('xxGET / HTTP/1.1\r\n\r\nyy');
  replay.keepHead(bytes, 2, bytes.length - 2);
  const { bytes: held, start, length } = replay.head;
  t.equal(Buffer.from(held!.subarray(start, start + length)).toString(), 'GET / HTTP/1.1\r\n\r\n');
  t.equal(sent(replay), '');
  replay.release();
  t.equal(replay.head.bytes, null);
});

t.test('1, 2: while the body is whole all of it is sent again, and what an attempt takes is kept up to the limit', async () => {
  const piece = fc.record({ text: fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme-ascii' }), taken: fc.boolean() });
  const step = fc.oneof({ weight: 8, arbitrary: piece }, { weight: 1, arbitrary: fc.constant('trim' as const) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const replay = replayOf();
      replay.keepBody();
      let all = '';
      for (const next of steps) {
        const before = replay.kept;
        if (next === 'trim') replay.trim();
        else {
          const bytes = Buffer.from(`<${next.text}>`);
          replay.add(bytes, 1, bytes.length - 1, next.taken);
          all += next.text;
          if (next.taken) assert.ok(replay.kept <= LIMIT, 'more than the limit is kept only while nobody takes the body');
        }
        if (next === 'trim') assert.ok(replay.kept <= LIMIT);
        if (replay.whole) assert.equal(sent(replay), all, 'whole: everything that came is here');
        else assert.deepEqual([replay.kept, sent(replay)], [0, ''], 'dropped as a whole');
        assert.equal(replay.full, replay.kept > LIMIT / 2);
        if (before > 0 && !replay.whole) assert.equal(replay.kept, 0);
      }
    }),
  );
});
