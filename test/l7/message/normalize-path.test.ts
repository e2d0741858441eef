import { readFileSync } from 'node:fs';
import t from 'tap';
import * as fc from '../../base/fast-check.ts';
import { normalizePath, type PathNormalization } from '../../../src/l7/message/normalize-path.ts';

function normalized(path: string, mode: PathNormalization = 'base'): string {
  const result = normalizePath(path, mode);
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
    ['/n\\a', '/n/a'],
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

/** What Istio's sidecars made of paths that were written by hand (test/conformance/istio). */
t.test('recorded answers', async (t) => {
  for (const [set, mode] of [
    ['none', 'none'],
    ['base', 'base'],
    ['merge-slashes', 'merge'],
    ['decode-and-merge-slashes', 'decode'],
  ] as const) {
    const file = new URL(`../../conformance/istio/mesh-path-${set}/want.json`, import.meta.url);
    const { results } = JSON.parse(readFileSync(file, 'utf8')) as {
      results: { name: string; tries: { arrivals?: { uri: string }[] }[] }[];
    };
    t.ok(results.length > 50);
    for (const { name, tries } of results) {
      const [target = '', query] = name.slice(name.indexOf(' ') + 1).split(/(?=\?)/, 2);
      const [arrival] = tries[0]?.arrivals ?? [];
      const path = normalized(target, mode);
      t.equal(path === 'escaped-nul' ? undefined : `${path}${query ?? ''}`, arrival?.uri, `${set}: ${target}`);
    }
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
