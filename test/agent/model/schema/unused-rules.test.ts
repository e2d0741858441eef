/** Rules that no request gets to: what is warned of, and what is not. */
import t from 'tap';
import { unusedRules } from '../../../../src/agent/model/schema/unused-rules.ts';
import { head, problemsOf } from './problems-of.ts';

const warned = (...matches: readonly object[][]): string[] =>
  unusedRules(matches.map((match) => ({ match }))).map(({ path, reason }) => `${path.join('.')} ${/http\[\d\]/.exec(reason)?.[0]}`);
const prefix = (text: string, more: object = {}) => ({ uri: { prefix: text }, ...more });
const exact = (text: string, more: object = {}) => ({ uri: { exact: text }, ...more });

t.test('behind a rule without conditions', async (t) => {
  t.strictSame(warned([], [exact('/a')], []), ['http.1 http[0]', 'http.2 http[0]']);
  t.strictSame(warned([exact('/a')], []), []);
});

t.test('the same, or below an earlier prefix', async (t) => {
  for (const [earlier, later, expected] of [
    [exact('/a'), exact('/a'), true],
    [exact('/a', { name: 'one' }), exact('/a', { name: 'two' }), true],
    [exact('/a', { headers: { x: { exact: '1' }, y: {} } }), exact('/a', { headers: { y: {}, x: { exact: '1' } } }), true],
    [exact('/a'), exact('/b'), false],
    [prefix('/a'), prefix('/ab'), true],
    [prefix('/ab'), prefix('/a'), false],
    [prefix('/a'), exact('/a/b'), true],
    [prefix('/'), exact('/a'), true],
    [prefix('/a', { method: { exact: 'GET' } }), prefix('/a/b'), false],
    [prefix('/a', { method: { exact: 'GET' } }), prefix('/a/b', { method: { exact: 'GET' } }), true],
    [prefix('/a'), prefix('/a/b', { method: { exact: 'GET' } }), true],
    [prefix('/a', { ignoreUriCase: true }), prefix('/a/b'), false],
    [prefix('/a', { ignoreUriCase: true }), prefix('/a/b', { ignoreUriCase: true, headers: { x: {} } }), true],
    [prefix('/a', { sourceLabels: { app: 'a' } }), prefix('/a/b', { sourceLabels: { app: 'b' } }), false],
    [prefix('/a', { port: 80 }), prefix('/a', { port: 81 }), false],
    [prefix('/a'), { uri: { regex: '/a/.*' } }, false],
    [{ headers: { x: {} } }, exact('/a', { headers: { x: {} } }), true],
  ] as const) {
    t.strictSame(warned([earlier], [later]), expected ? ['http.1 http[0]'] : [], JSON.stringify([earlier, later]));
  }
});

t.test('conditions beside the path, whatever there are besides', async (t) => {
  const [get, user] = [{ method: { exact: 'GET' } }, { headers: { user: { exact: 'x' } } }];
  t.strictSame(warned([{ ...get }], [exact('/a', { ...get, ...user })]), ['http.1 http[0]']);
  t.strictSame(warned([prefix('/a', get)], [prefix('/a/b', { ...get, ...user, port: 80 })]), ['http.1 http[0]']);
  t.strictSame(warned([prefix('/a', { ...get, ...user })], [prefix('/a/b', get)]), []);
  t.strictSame(warned([prefix('/')], [user]), ['http.1 http[0]'], 'every path');
  t.strictSame(warned([prefix('/a')], [exact('/a/b'), exact('/c')]), ['http.1.match.0 http[0]'], 'one match of two');
});

t.test('within one rule, and a bound', async (t) => {
  t.strictSame(warned([exact('/a'), exact('/a')]), ['http.0.match.1 http[0]']);
  t.equal(unusedRules([{}, ...Array.from({ length: 1000 }, () => ({}))]).length, 50);
});

t.test('on an object: places, and old names of gateways', async (t) => {
  const to = 'route: [{destination: {host: b}}]';
  const text = `${head('VirtualService')}  hosts: [b]\n  gateways: [g.ns.svc.cluster.local, mesh]\n  http:\n  - ${to}\n  - match: [{uri: {exact: /a}}]\n    ${to}\n`;
  t.strictSame(problemsOf(text), ['6 warning spec.gateways[0]', '9 warning spec.http[1]']);
});
