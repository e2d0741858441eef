/** The quick reader against the whole parser. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { stringify } from 'yaml';
import { readQuickly, unread } from '../../../src/agent/sources/quick-yaml.ts';
import { readWhole } from '../../../src/agent/sources/yaml-text.ts';

/** What the whole parser makes of it; `unread` where it finds a fault. */
function whole(text: string): unknown {
  const read = readWhole(text);
  return read.ok && read.values.length <= 1 ? (read.values[0] ?? null) : unread;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify([a]) === JSON.stringify([b]);

function agree(text: string): boolean {
  const quick = readQuickly(text);
  if (quick === unread || same(quick, whole(text))) return true;
  throw new Error(`${JSON.stringify(text)}: ${JSON.stringify(quick)}, not ${JSON.stringify(whole(text))}`);
}

const word = fc.constantFrom(
  ...['a', 'b-c', 'x.y/z', 'y', 'no', 'on', 'null', '~', '', '0123', '0x1f', '1_000', '1e3', '.5', '-1', '+2', '08', '2026-01-31', '1.2.3'],
  ...[
    'a: b',
    'a #b',
    '#a',
    '- a',
    '-',
    ': ',
    '"q"',
    "it's",
    '{a}',
    '[a]',
    '&a',
    '*a',
    '!a',
    '|',
    '>',
    '%a',
    '@a',
    'a:',
    'a\nb',
    ' a',
    'a ',
    'http://a:80/b?c=d',
    '<<',
    'ü',
    '\\',
    'a\\nb',
  ],
);
const key = fc.constantFrom('a', 'b', 'name', 'x.y/z', 'n', '8080', 'a b', '"', '');
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    word,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(key, tie('node'), { maxKeys: 4 }),
  ),
})).node;

t.test('what is read is what the whole parser reads', async (t) => {
  let read = 0;
  const check = (text: string): boolean => {
    if (readQuickly(text) !== unread) read++;
    return agree(text);
  };
  const styles = fc.record({
    indent: fc.constantFrom(2, 4),
    indentSeq: fc.boolean(),
    lineWidth: fc.constantFrom(0, 20),
    flow: fc.boolean(),
  });
  fc.assert(
    fc.property(value, styles, (node, { flow, ...options }) =>
      check(stringify(node, { ...options, collectionStyle: flow ? 'flow' : 'any', defaultStringType: 'PLAIN' })),
    ),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(value, fc.constantFrom(0, 2), (node, space) => check(JSON.stringify(node, null, space))),
    { numRuns: 1000 },
  );
  t.ok(read > 100, 'not all texts are left to the other');
});

t.test('texts with an edit in them', async (t) => {
  const piece = fc.oneof(
    word,
    fc.constantFrom('\n', '  ', '    ', '- ', ': ', ' #c', '|', '|-', '\n\n', '"', "'", '{', '}', '[', ']', ',', '---', '\n  - '),
  );
  fc.assert(
    fc.property(value, fc.array(fc.tuple(fc.nat(200), piece), { minLength: 1, maxLength: 3 }), (node, edits) => {
      let text = stringify(node);
      for (const [place, inserted] of edits)
        text = text.slice(0, place % (text.length + 1)) + inserted + text.slice(place % (text.length + 1));
      return agree(text);
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => agree(pieces.join(''))),
    { numRuns: 5000 },
  );
  t.pass('are read alike, or not quickly');
});

t.test('the manifests of this repository are read quickly', async (t) => {
  const directory = join(import.meta.dirname, '../../../examples');
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'))) {
    for (const text of readFileSync(join(directory, name), 'utf8').split(/^---.*\n/m)) {
      t.not(readQuickly(text), unread, `${name}: ${text.slice(0, 80)}`);
      t.same(readQuickly(text) ?? null, whole(text));
    }
  }
});

t.test('literal blocks, comments and repeated keys', async (t) => {
  t.same(readQuickly('a: |\n  b\n   c\n\n  d\n\ne: |-\n  f\n# g\nh: # i\n- j # k\n'), { a: 'b\n c\n\nd\n', e: 'f', h: ['j'] });
  t.equal(readQuickly('a: 1\na: 2\n'), unread);
  t.equal(readQuickly('a: &b c\n'), unread);
  t.equal(readQuickly('['.repeat(100_000)), unread);
});

t.test('what is nested too deep is said once', async (t) => {
  for (const text of [`a: ${'['.repeat(20_000)}`, `${'['.repeat(20_000)}${']'.repeat(20_000)}`]) {
    const read = readWhole(text);
    t.equal(read.ok, false);
    if (!read.ok)
      t.same(
        read.faults.map(({ message }) => message),
        ['this is nested too deep'],
      );
  }
});
