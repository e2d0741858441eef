import t from 'tap';
import { jsonLines } from '../../../../src/agent/sources/kubernetes/json-lines.ts';

async function* chunks(...parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

async function read(...parts: readonly Buffer[]): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of jsonLines(chunks(...parts))) values.push(value);
  return values;
}

t.test('events come out whole, wherever the stream is cut', async (t) => {
  const values = [{ name: 'größe €' }, { text: 'a\nb' }, 3];
  const bytes = Buffer.from(`${values.map((value) => JSON.stringify(value)).join('\n')}\n\n`);
  for (let cut = 0; cut <= bytes.length; cut++) t.strictSame(await read(bytes.subarray(0, cut), bytes.subarray(cut)), values);
  t.strictSame(await read(...[...bytes].map((byte) => Buffer.of(byte))), values, 'byte by byte');
});

t.test('half an event at the end is none', async (t) => {
  t.strictSame(await read(Buffer.from('1\n{"na')), [1]);
});

t.test('what is not JSON, and what has no end', async (t) => {
  await t.rejects(read(Buffer.from('<html>\n')), { reason: 'unreachable', message: /not JSON/ });
  const piece = Buffer.alloc(1024 * 1024, 'x');
  await t.rejects(read(...Array.from({ length: 17 }, () => piece)), {
    reason: 'unreachable',
    message: /event of more than 16777216 bytes/,
  });
});
