import fc from 'fast-check';
import t from 'tap';
import { LogRing } from '../../../src/l7/access-log/log-ring.ts';

const HEAD_BYTES = 16;

/** A ring of 64 bytes whose positions begin anywhere. */
function ringAt(position: number): { readonly writer: LogRing; readonly reader: LogRing } {
  const memory = new SharedArrayBuffer(HEAD_BYTES + 64);
  new Int32Array(memory, 0, 2).fill(position | 0);
  return { writer: new LogRing(memory), reader: new LogRing(memory) };
}

t.test('what is read is what was written, in that order, whatever the positions; what has no room is counted', async (t) => {
  const line = fc.uint8Array({ maxLength: 40 });
  const steps = fc.array(fc.oneof(fc.record({ sink: fc.constantFrom('', 'a', '/dev/stdout'), line }), fc.constant('read' as const)), {
    maxLength: 60,
  });
  const positions = fc.constantFrom(0, 1, 63, -1, -40, 2 ** 31 - 5, 2 ** 31 - 70, -(2 ** 31) + 3);
  fc.assert(
    fc.property(positions, steps, (position, all) => {
      const { writer, reader } = ringAt(position);
      const expected: string[] = [];
      const seen: string[] = [];
      let dropped = 0;
      const show = (sink: string, bytes: Uint8Array): string => `${sink} ${Buffer.from(bytes).toString('hex')}`;
      for (const step of all) {
        if (step === 'read') reader.read((sink, bytes) => seen.push(show(sink, bytes)));
        else if (writer.write(Buffer.from(step.sink), step.line, step.line.length)) expected.push(show(step.sink, step.line));
        else dropped++;
      }
      reader.read((sink, bytes) => seen.push(show(sink, bytes)));
      return JSON.stringify(seen) === JSON.stringify(expected) && reader.dropped === dropped;
    }),
    { numRuns: 500 },
  );
  t.pass('500 histories');
});

t.test('an empty ring takes what fits, and a full one nothing', async (t) => {
  const { writer, reader } = ringAt(0);
  t.equal(writer.write(new Uint8Array(0), new Uint8Array(58), 58), true);
  t.equal(writer.write(new Uint8Array(0), new Uint8Array(0), 0), false);
  let read = 0;
  reader.read((_sink, line) => (read = line.length));
  t.equal(read, 58);
  t.equal(writer.write(new Uint8Array(0), new Uint8Array(0), 0), true);
});
