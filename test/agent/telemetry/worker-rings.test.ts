import t from 'tap';
import { WorkerRings } from '../../../src/agent/telemetry/worker-rings.ts';
import { LineRing } from '../../../src/base/line-ring.ts';
import { ManualClock } from '../../base/manual-clock.ts';

function rig() {
  const clock = new ManualClock();
  const taken: string[] = [];
  const rings = new WorkerRings({
    clock,
    take: (lines, sink) => taken.push(`${sink}: ${lines.map(String).join(' ')}`),
  });
  const worker = () => {
    const [ring, key] = [new LineRing(), {}];
    rings.attach(key, 'sink', ring.memory);
    const write = (text: string): boolean => ring.write(Buffer.from(`${text}\n`), text.length + 1);
    return { key, ring, write };
  };
  return { rings, clock, taken, worker };
}

t.test('all workers are read at intervals, and of those that told nothing nothing is said', (t) => {
  const { worker, clock, taken } = rig();
  const [first, second] = [worker(), worker()];
  first.write('one');
  second.write('two');
  t.strictSame(taken, []);
  clock.advance(50);
  t.strictSame(taken.splice(0), ['sink: one', 'sink: two']);
  clock.advance(50);
  t.strictSame(taken, []);
  t.end();
});

t.test('a worker that is replaced has its last records taken, and its drops stay counted', (t) => {
  const { rings, worker, taken } = rig();
  const old = worker();
  old.write('last');
  old.ring.drop();
  rings.retire(old.key);
  t.strictSame(taken.splice(0), ['sink: last']);
  const replacement = worker();
  replacement.ring.drop();
  t.equal(rings.dropped, 2);
  rings.retire(old.key);
  rings.retire(replacement.key);
  t.equal(rings.dropped, 2, 'retired once');
  t.end();
});

t.test('what is there at the end is taken, and nothing afterwards', (t) => {
  const { rings, worker, clock, taken } = rig();
  const { write } = worker();
  write('last');
  rings.close();
  write('late');
  clock.advance(500);
  t.strictSame(taken, ['sink: last']);
  t.end();
});
