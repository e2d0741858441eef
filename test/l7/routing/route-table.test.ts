import t from 'tap';
import { DEFAULT_LIMITS, Head } from '../../../src/l7/message/head.ts';
import { HeaderNames } from '../../../src/l7/message/header-names.ts';
import { parseRequestHead } from '../../../src/l7/http1/parser.ts';
import type { RouteConfig, RouteMatch, StringMatch } from '../../../src/l7/config/route.ts';
import { type HostConfig, tableOver } from './hosts.ts';

const exact = (value: string): StringMatch => ({ kind: 'exact', value });
const prefix = (value: string): StringMatch => ({ kind: 'prefix', value });
const regex = (value: string): StringMatch => ({ kind: 'regex', value });
const present: StringMatch = { kind: 'present' };

function routeOf(name: string, match: RouteMatch): RouteConfig {
  return { name, match, action: { kind: 'route', destinations: [{ cluster: 'c', weight: 1 }], mirrors: [], timeoutMs: 0, retry: null } };
}

function tableOf(...virtualHosts: HostConfig[]) {
  const names = new HeaderNames();
  const table = tableOver(virtualHosts, names, (route) => route.name);
  return { table, head: new Head(names) };
}

function parse(head: Head, text: string): Head {
  const bytes = Buffer.from(`${text.replaceAll('\n', '\r\n')}\r\n\r\n`, 'latin1');
  t.equal(parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS), bytes.length, `parses: ${text}`);
  return head;
}

t.test('virtual hosts are found by the authority', async (t) => {
  const host = (...domains: string[]): HostConfig => ({ name: domains.join(), domains, routes: [] });
  const hosts = [
    host('*'),
    host('a.example', 'b.example'),
    host('*.example'),
    host('*.deep.example'),
    host('[fd00::1]'),
    host('dot.test.'),
  ];
  const { table, head } = tableOf(...hosts);
  const cases: [authority: string, want: string, why: string][] = [
    ['a.example', 'a.example,b.example', 'exact'],
    ['B.EXAMPLE', 'a.example,b.example', 'case does not matter'],
    ['a.example:8080', 'a.example,b.example', 'the port does not matter'],
    ['a.example.', 'a.example,b.example', 'nor a final dot'],
    ['a.example.:80', 'a.example,b.example', 'nor both'],
    ['c.example', '*.example', 'suffix'],
    ['x.y.example', '*.example', 'a suffix takes several labels'],
    ['x.deep.example', '*.deep.example', 'the longest suffix wins'],
    ['deep.example', '*.example', 'a wildcard stands for something'],
    ['example', '*', 'not a subdomain'],
    ['.example', '*', 'an empty label is nothing'],
    ['[fd00::1]:80', '[fd00::1]', 'IPv6 literal with a port'],
    ['[FD00::1]', '[fd00::1]', 'IPv6 literal'],
    ['dot.test', 'dot.test.', 'a domain written with a final dot'],
    ['', '*', 'no host'],
  ];
  for (const [authority, want, why] of cases) {
    t.equal(table.find(parse(head, `GET / HTTP/1.1\nHost: ${authority}`))?.name, want, `${authority}: ${why}`);
  }
  t.equal(table.find(parse(head, 'GET / HTTP/1.0'))?.name, '*', 'HTTP/1.0 without Host');
  const bare = tableOf(host('a'));
  t.equal(bare.table.find(parse(bare.head, 'GET / HTTP/1.1\nHost: b')), null);
  t.equal(bare.table.find(parse(bare.head, 'GET http://a/x HTTP/1.1\nHost: a'))?.name, 'a', 'the authority of an absolute target');
});

t.test('each condition of a match', async (t) => {
  const header = (name: string, match: StringMatch, invert = false): RouteMatch => ({ headers: [{ name, match, invert }] });
  const cases: [why: string, match: RouteMatch, yes: string[], no: string[]][] = [
    ['uri exact leaves the query out', { path: exact('/a') }, ['GET /a', 'GET /a?x'], ['GET /a/', 'GET /A', 'GET /ab', 'GET /']],
    [
      'uri prefix is a string prefix',
      { path: prefix('/static') },
      ['GET /static', 'GET /staticx', 'GET /static/y'],
      ['GET /stati', 'GET /Static'],
    ],
    ['uri regex is RE2 over the whole path', { path: regex('/v[0-9]+') }, ['GET /v12', 'GET /v1?x'], ['GET /v1/', 'GET /x/v1']],
    ['ignoreUriCase, exact', { path: exact('/Ab'), ignorePathCase: true }, ['GET /aB', 'GET /AB?q'], ['GET /abc']],
    ['ignoreUriCase, prefix', { path: prefix('/Ab'), ignorePathCase: true }, ['GET /aBc'], ['GET /a']],
    ['ignoreUriCase does not touch a regex', { path: regex('/Ab'), ignorePathCase: true }, ['GET /Ab'], ['GET /ab']],
    ['method', { method: exact('GET') }, ['GET /'], ['HEAD /', 'POST /']],
    ['method regex', { method: regex('GET|PUT') }, ['GET /', 'PUT /'], ['GETX /']],
    ['scheme', { scheme: exact('http') }, ['GET /'], []],
    ['scheme https', { scheme: exact('https') }, [], ['GET /']],
    ['authority with its port, as sent', { authority: exact('h:80') }, ['GET /\nHost: h:80'], ['GET /\nHost: h', 'GET /\nHost: H:80']],
    [
      'header exact',
      header('X-Role', exact('a')),
      ['GET /\nx-role: a', 'GET /\nX-ROLE:  a '],
      ['GET /', 'GET /\nx-role: A', 'GET /\nx-role: ab'],
    ],
    ['header prefix', header('x-role', prefix('a')), ['GET /\nx-role: ab'], ['GET /\nx-role: ba']],
    ['header regex', header('cookie', regex('^(.*?;)?(user=j)(;.*)?$')), ['GET /\ncookie: a=b;user=j;c'], ['GET /\ncookie: user=jx']],
    ['header regex over UTF-8', header('x-name', regex('.\\pL')), ['GET /\nx-name: a\xc3\xbc'], ['GET /\nx-name: \xc3\xbc']],
    ['header present', header('x-role', present), ['GET /\nx-role: a', 'GET /\nx-role:'], ['GET /']],
    [
      'repeated headers one by one',
      header('end-user', exact('jason')),
      ['GET /\nend-user: x\nend-user: jason'],
      ['GET /\nend-user: jason,x'],
    ],
    ['only lines of that name', header('end-user', exact('jason')), ['GET /\nend-user: jason'], ['GET /\nend-user: x\nother: jason']],
    ['a missing header is not an empty one', header('x', regex('.*')), ['GET /\nx:'], ['GET /']],
    ['withoutHeaders exact', header('x', exact('a'), true), ['GET /', 'GET /\nx: b'], ['GET /\nx: a', 'GET /\nx: b\nx: a']],
    ['withoutHeaders: missing is empty', header('x', exact(''), true), ['GET /\nx: a'], ['GET /', 'GET /\nx:']],
    ['withoutHeaders regex .*', header('x', regex('.*'), true), [], ['GET /', 'GET /\nx: a']],
    ['a text that an expression cannot afford', header('x', regex('(.*a.{30}){1,9}')), [], [`GET /\nx: ${'a'.repeat(5000)}`]],
    ['withoutHeaders with such a text', header('x', regex('(.*a.{30}){1,9}'), true), ['GET /'], [`GET /\nx: ${'b'.repeat(5000)}`]],
    ['withoutHeaders present', header('x', present, true), ['GET /'], ['GET /\nx: a', 'GET /\nx:']],
    [':method as a header', header(':method', exact('GET')), ['GET /'], ['HEAD /']],
    [':path has the query', header(':path', exact('/a?b')), ['GET /a?b'], ['GET /a']],
    [':authority', header(':authority', prefix('h:')), ['GET /\nHost: h:1'], ['GET /\nHost: h']],
    [':scheme', header(':scheme', exact('http')), ['GET /'], []],
    [
      'query exact, first value',
      { query: [{ name: 'k', match: exact('v') }] },
      ['GET /?k=v', 'GET /?a&k=v&k=w'],
      ['GET /?k=w&k=v', 'GET /?kk=v', 'GET /'],
    ],
    ['query exact empty', { query: [{ name: 'k', match: exact('') }] }, ['GET /?k', 'GET /?k=', 'GET /?a=k&k'], ['GET /?k=v', 'GET /?a=k']],
    ['query present', { query: [{ name: 'k', match: present }] }, ['GET /?k', 'GET /?k=v'], ['GET /?K', 'GET /k']],
    ['query is not decoded', { query: [{ name: 'k', match: exact('a b') }] }, [], ['GET /?k=a%20b', 'GET /?k=a+b']],
    ['query value with =', { query: [{ name: 'k', match: exact('a=b') }] }, ['GET /?k=a=b'], ['GET /?k=a']],
    ['a broken regex matches nothing', { path: regex('(') }, [], ['GET /', 'GET /(']],
    [
      'all must hold',
      { path: prefix('/a'), method: exact('PUT'), headers: [{ name: 'x', match: exact('1'), invert: false }] },
      ['PUT /ab\nx: 1'],
      ['PUT /ab', 'GET /ab\nx: 1', 'PUT /b\nx: 1'],
    ],
    ['nothing asked for', {}, ['GET /', 'OPTIONS *'], []],
    ['prefix / and the asterisk', { path: prefix('/') }, ['GET /'], ['OPTIONS *']],
  ];
  for (const [why, match, yes, no] of cases) {
    for (const [requests, want] of [
      [yes, 'r'],
      [no, undefined],
    ] as const) {
      for (const request of requests) {
        const { table, head } = tableOf({ name: 'v', domains: ['*'], routes: [routeOf('r', match)] });
        const [line = '', ...rest] = request.split('\n');
        const host = rest.some((field) => field.startsWith('Host:')) ? [] : ['Host: h'];
        parse(head, [`${line} HTTP/1.1`, ...host, ...rest].join('\n'));
        t.equal(table.find(head)?.match(head, 'http')?.config.name, want, `${why}: ${JSON.stringify(request)}`);
      }
    }
  }
});

t.test('prefix length, absolute targets, CONNECT', async (t) => {
  const { table, head } = tableOf({ name: 'v', domains: ['*'], routes: [routeOf('p', { path: prefix('/') }), routeOf('any', {})] });
  const match = (text: string) => table.find(parse(head, text))?.match(head, 'http') ?? null;
  t.match(match('GET /x HTTP/1.1\nHost: h'), { prefixLength: 1, action: 'p' });
  t.match(match('GET http://h HTTP/1.1\nHost: h'), { action: 'p' }, 'an absolute target without path means /');
  t.match(match('GET http://h?q HTTP/1.1\nHost: h'), { action: 'p' });
  t.match(match('OPTIONS * HTTP/1.1\nHost: h'), { prefixLength: 1, action: 'any' });
  t.equal(match('CONNECT h:443 HTTP/1.1\nHost: h:443'), null);
});
