/** What an expression's text begins with: an index files it there, so it must hold for everything that the expression matches. */
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { compileRegex } from '../../../src/base/regex.ts';
import { literalStart } from '../../../src/l7/routing/bytes-match.ts';

t.test('leading text', async (t) => {
  for (const [source, start] of [
    ['/p1/[0-9]+', '/p1/'],
    ['^/p1/.*$', '/p1/'],
    ['/a\\.b/.+', '/a.b/'],
    ['/ab*', '/a'],
    ['/ab?c', '/a'],
    ['/ab{2}', '/a'],
    ['/ab+', '/ab'],
    ['/a\\.?b', '/a'],
    ['/a|/b', ''],
    ['/(a|b)', '/'],
    ['/[|]x', '/'],
    ['(?i)/a', ''],
    ['.*', ''],
    ['\\d+', ''],
    ['/é', '/'],
    ['/a\\Q.\\E', '/a'],
  ] as const) {
    t.equal(literalStart(source), start, source);
  }
});

t.test('everything that an expression matches begins with it', async () => {
  const part = fc.constantFrom('/', 'a', 'b', '\\.', '.', '[ab]', '(a|b)', '(/a)', '*', '?', '+', '{0,1}', '|', '^', '$');
  const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '.'), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.array(text, { maxLength: 12 }), (parts, texts) => {
      const source = parts.join('');
      const compiled = compileRegex(source);
      if (!compiled.ok) return;
      const start = literalStart(source);
      for (const one of texts) {
        if (compiled.regex.matches(one) && !one.startsWith(start)) throw new Error(`${source} matches ${one}, not begun by ${start}`);
      }
    }),
    { numRuns: 3000 },
  );
});
