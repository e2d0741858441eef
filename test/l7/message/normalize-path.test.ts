import t from 'tap';
import fc from 'fast-check';
import { normalizePath } from '../../../src/l7/message/normalize-path.ts';

function normalized(path: string): string {
  const result = normalizePath(path);
  return 'path' in result ? result.path : result.fault;
}

t.test('paths as Envoy normalises them under Istio’s default', async (t) => {
  for (const [path, expected] of [
    ['/n/a', '/n/a'],
    ['/n/%61', '/n/a'],
    ['/n/./a', '/n/a'],
    ['/n/x/../a', '/n/a'],
    ['/n/x/%2e%2E/a', '/n/a'],
    ['/n//a', '/n//a'],
    ['/n\\a', '/n%5Ca'],
    ['/n%2Fa', '/n%2Fa'],
    ['/..', '/'],
    ['/../../etc', '/etc'],
    ['/a/..', '/'],
    ['/a/b/.', '/a/b/'],
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/a%00b', 'escaped-nul'],
  ] as const) {
    t.equal(normalized(path), expected, path);
  }
});

t.test('normalising twice changes nothing more, and leaves no dot segment', async (t) => {
  const piece = fc.constantFrom('a', '.', '..', '%2e', '%2E%2e', '', 'b%41', '%252e', '...');
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
      const once = normalized(`/${pieces.join('/')}`);
      return normalized(once) === once && !once.split('/').some((segment) => segment === '.' || segment === '..') && once.startsWith('/');
    }),
  );
  t.pass('held');
});
