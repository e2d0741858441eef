import * as fc from './fast-check.ts';
import t from 'tap';
import { LineRing } from '../../src/base/line-ring.ts';

const HEAD_BYTES = 32;

/** A ring of that many bytes whose positions begin anywhere. */
function ringAt(position: number, bytes = 64): { readonly writer: LineRing; readonly reader: LineRing } {
  const memory = new SharedArrayBuffer(HEAD_BYTES + bytes);
  new Int32Array(memory, 0, 2).fill(position | 0);
  return { writer: new LineRing(memory), reader: new LineRing(memory) };
}

const line = (length: number, letter: string): Buffer => Buffer.from(`${letter.repeat(length)}\n`);

function readAll(reader: LineRing): string[] {
  const lines: string[] = [];
  reader.read((bytes) => lines.push(bytes.toString()));
  return lines;
}

t.test('what is read is what was written, in that order, whatever the positions; what has no room is counted', async (t) => {
  const written = fc.record({ length: fc.nat(40), letter: fc.constantFrom('a', 'b', 'c') });
  const steps = fc.array(fc.oneof(written, fc.constantFrom('read' as const, 'piece' as const)), { maxLength: 60 });
  const positions = fc.constantFrom(0, 1, 63, -1, -40, 2 ** 31 - 5, 2 ** 31 - 70, -(2 ** 31) + 3);
  fc.assert(
    fc.property(positions, steps, (position, all) => {
      const { writer, reader } = ringAt(position);
      let [expected, seen, dropped, lines] = ['', '', 0, 0];
      const take = (): void => {
        const piece = Buffer.from(reader.piece());
        seen += piece.toString();
        reader.taken(piece.length);
      };
      for (const step of all) {
        if (step === 'piece') take();
        else if (step === 'read') for (const text of readAll(reader)) seen += `${text}\n`;
        else {
          const bytes = line(step.length, step.letter);
          if (!writer.write(bytes, bytes.length)) dropped++;
          else {
            expected += bytes.toString();
            lines++;
          }
        }
      }
      while (reader.ready > 0) take();
      return seen === expected && reader.dropped === dropped && reader.lines === lines;
    }),
    { numRuns: 500 },
  );
  t.pass('500 histories');
});

t.test('an empty ring takes what fits, and a full one nothing', async (t) => {
  const { writer, reader } = ringAt(0);
  t.equal(writer.write(line(63, 'a'), 64), true);
  t.equal(writer.write(line(0, 'a'), 1), false);
  t.equal(reader.ready, 64);
  t.same(readAll(reader), ['a'.repeat(63)]);
  t.equal(writer.write(line(0, 'a'), 1), true);
});

t.test('what is not published is not there', async (t) => {
  const { writer, reader } = ringAt(0);
  writer.append(line(3, 'a'), 4);
  t.equal(reader.ready, 0);
  writer.publish();
  t.equal(reader.ready, 4);
});

t.test('a ring that is empty begins at the front again, and uses no more memory than its bursts', async (t) => {
  const memory = new SharedArrayBuffer(HEAD_BYTES + (1 << 20));
  const [writer, reader] = [new LineRing(memory), new LineRing(memory)];
  const bytes = line(999, 'x');
  for (let i = 0; i < 5000; i++) {
    t.ok(writer.write(bytes, bytes.length));
    if (i % 50 === 49) t.equal(readAll(reader).length, 50);
  }
  const used = new Uint8Array(memory, HEAD_BYTES).findLastIndex((byte) => byte !== 0);
  t.ok(used < 1 << 17, `${used} bytes`);
});

t.test('an offer to begin at the front holds up no line', async (t) => {
  const memory = new SharedArrayBuffer(HEAD_BYTES + (1 << 18));
  const [writer, reader] = [new LineRing(memory), new LineRing(memory)];
  const bytes = line(70_000, 'y');
  writer.write(bytes, bytes.length);
  // It was appended before the reader found the ring empty, and is published after it.
  writer.append(bytes, bytes.length);
  t.equal(readAll(reader).length, 1);
  writer.publish();
  t.equal(reader.ready, bytes.length);
  t.equal(readAll(reader).length, 1);
});
