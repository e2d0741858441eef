import t from 'tap';
import { compileRegex, MAX_PATTERN, substitutionFault, type Regex } from '../../src/base/regex.ts';

function compiled(source: string): Regex {
  const result = compileRegex(source);
  if (!result.ok) throw new Error(`${source}: ${result.error}`);
  return result.regex;
}

t.test('the whole text has to match, as RE2 reads it', async (t) => {
  const cases: [source: string, yes: string[], no: string[]][] = [
    ['a|ab', ['a', 'ab'], ['abc', 'b']],
    ['/api/v[0-9]+/.*', ['/api/v1/', '/api/v22/x'], ['/api/v/', 'x/api/v1/']],
    ['(?i)abc', ['ABC', 'abc'], ['abcd']],
    ['^(.*?;)?(user=jason)(;.*)?$', ['user=jason', 'a=b;user=jason;c'], ['user=jasonx']],
    ['\\pN+\\z', ['12'], ['a']],
    ['[[:alpha:]]+', ['ab'], ['a1']],
    ['\\Qa.b\\E', ['a.b'], ['axb']],
    ['.', ['ü'], ['\n']],
    ['(?s).', ['\n'], []],
    ['x{,2}', ['x{,2}'], ['x']],
  ];
  for (const [source, yes, no] of cases) {
    for (const text of yes) t.equal(compiled(source).matches(text), true, `${source} takes ${text}`);
    for (const text of no) t.equal(compiled(source).matches(text), false, `${source} refuses ${text}`);
  }
});

t.test('what RE2 refuses is refused, with a reason', async (t) => {
  const sources = [
    '',
    '(',
    '*',
    'a**',
    'a++',
    '[z-a]',
    '(?=a)',
    '(?!a)',
    '(?<=a)b',
    '(a)\\1',
    '\\8',
    'x{1001}',
    'x{2,1}',
    '(?>a)',
    '\\h',
    '\\Z',
  ];
  const large = ['(x{1000}){1000}', '((a{100}){100}){100}', '(a{500}b{500}){2}c{999}', 'a'.repeat(MAX_PATTERN + 1)];
  for (const source of [...sources, ...large]) {
    const result = compileRegex(source);
    t.equal(result.ok, false, source.slice(0, 40));
    if (!result.ok) t.not(result.error, '');
  }
});

t.test('an expression is evaluated on texts as long as it can afford', async (t) => {
  for (const source of ['(.*a.{30}){1,9}', '.*a.{20}', '(a|b)*c', '/api/.*', '(.*a.{9}){1,100}']) {
    const { longest, size } = compiled(source);
    t.ok(longest * size <= 2 ** 18 && (longest + 1) * size > 2 ** 18, source);
  }
  const regex = compiled('(a|ab)+c?');
  t.equal(regex.matches('a'.repeat(regex.longest)), true);
  t.equal(regex.matches('a'.repeat(regex.longest + 1)), false);
  t.equal(compiled('\\d{1000}').matches('1'.repeat(1000)), true, 'of a fixed length');
  t.equal(compiled('a'.repeat(MAX_PATTERN)).matches('a'.repeat(MAX_PATTERN)), true);
});

t.test('a replacement ends when its search has taken long enough', async (t) => {
  // Each search looks for the b up to the end of the text.
  const regex = compiled('(a.*b)|a');
  const text = 'a'.repeat(5000);
  const replaced = regex.replaceAll(text, 'x');
  const done = /^x*/.exec(replaced)?.[0].length ?? 0;
  t.ok(done > 0 && (done * text.length) / 2 <= regex.longest * 2, `${done} of ${text.length}`);
  t.equal(replaced.slice(done), text.slice(done), 'the rest stays');
  t.equal(regex.replaceAll('aaaa', 'x'), 'xxxx');
});

t.test('size is bounded, and what people write fits', async (t) => {
  t.ok(compileRegex('a'.repeat(MAX_PATTERN)).ok);
  t.ok(compileRegex('\\d{1000}').ok);
  const result = compileRegex('(?:a{1,500}b){2}(?:c{0,999})d{900}');
  t.match(result, { ok: false, error: /too large/ });
});

t.test('nested repetition ends at once: a backtracking engine would take longer than the universe has', async (t) => {
  const text = 'a'.repeat(8192);
  for (const source of ['(a*)*b', '(a|aa)+c', '(a+a+)+b', '(.*)*x(.*)*y', '(a|a?)+b'])
    t.equal(compiled(source).matches(text), false, source);
});

t.test('replacing, as RE2::GlobalReplace', async (t) => {
  const cases: [source: string, text: string, substitution: string, want: string][] = [
    ['b', 'abcb', 'X', 'aXcX'],
    ['^/service/([^/]+)(/.*)$', '/service/foo/v1/api', '\\2/instance/\\1', '/v1/api/instance/foo'],
    ['(?i)/xxx/', '/aaa/XxX/bbb', '/yyy/', '/aaa/yyy/bbb'],
    ['one', '/xxx/one/yyy/one/zzz', 'two', '/xxx/two/yyy/two/zzz'],
    ['a*', 'baac', 'X', 'XbXcX'],
    ['a', 'aa', '\\0\\0', 'aaaa'],
    ['a', 'a', '\\\\1$1$&', '\\1$1$&'],
    ['(a)|b', 'b', '[\\1]', '[]'],
    ['x', 'abc', 'y', 'abc'],
  ];
  for (const [source, text, substitution, want] of cases) {
    t.equal(compiled(source).replaceAll(text, substitution), want, `${source} on ${text} with ${substitution}`);
  }
});

t.test('substitutions are checked', async (t) => {
  const regex = compiled('(a)');
  for (const fine of ['', 'x', '\\0\\1', '\\\\']) t.equal(substitutionFault(regex, fine), null, fine);
  for (const bad of ['\\2', '\\', '\\x']) t.type(substitutionFault(regex, bad), 'string', bad);
});
