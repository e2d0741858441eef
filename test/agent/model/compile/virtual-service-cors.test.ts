/** CorsPolicy: what is complained of, and what the engine gets; each case names the field that it proves. */
import t from 'tap';
import { head, problemsOf } from '../schema/problems-of.ts';
import { onlyRoute } from './world.ts';

const corsOf = (policy: string): unknown => {
  const { action } = onlyRoute(`[{ corsPolicy: ${policy}, route: [{ destination: { host: a } }] }]`);
  return action.kind === 'route' ? action.cors : null;
};
const NONE = {
  allowOrigins: [],
  allowMethods: '',
  allowHeaders: '',
  exposeHeaders: '',
  maxAge: '',
  allowCredentials: false,
  forwardUnmatched: true,
};

t.test('what the engine gets', async (t) => {
  for (const [policy, expected] of [
    ['{}', {}],
    ['{ allowOrigins: [{ exact: a }, { prefix: b }, { regex: c }] }', { allowOrigins: [{ kind: 'exact', value: 'a' }, { kind: 'prefix', value: 'b' }, { kind: 'regex', value: 'c' }] }], // prettier-ignore
    ['{ allowOrigin: ["*"] }', { allowOrigins: [{ kind: 'exact', value: '*' }] }],
    ['{ allowOrigin: ["*"], allowOrigins: [{ exact: a }] }', { allowOrigins: [{ kind: 'exact', value: 'a' }] }],
    ['{ allowMethods: [GET, "*"] }', { allowMethods: 'GET,*' }],
    ['{ allowHeaders: [x-a, X-B] }', { allowHeaders: 'x-a,X-B' }],
    ['{ exposeHeaders: ["*"] }', { exposeHeaders: '*' }],
    ['{ maxAge: 24h }', { maxAge: '86400' }],
    ['{ allowCredentials: true }', { allowCredentials: true }],
    ['{ allowCredentials: false }', {}],
    ['{ unmatchedPreflights: IGNORE }', { forwardUnmatched: false }],
    ['{ unmatchedPreflights: FORWARD }', {}],
  ] as const) {
    t.strictSame(corsOf(policy), { ...NONE, ...expected }, policy);
  }
});

t.test('what is complained of', async (t) => {
  const text = (policy: string): string =>
    `${head('VirtualService')}  hosts: [b]\n  http:\n  - route: [{destination: {host: b}}]\n    corsPolicy: {${policy}}\n`;
  for (const [policy, field] of [
    ['allowOrigins: [{exact: ""}]', 'allowOrigins[0].exact'],
    ['allowOrigins: [{}]', 'allowOrigins[0]'],
    ['allowOrigins: [{exact: a, prefix: b}]', 'allowOrigins[0]'],
    ['allowOrigins: [{regex: "("}]', 'allowOrigins[0].regex'],
    ['allowMethods: [get]', 'allowMethods[0]'],
    ['allowHeaders: ["a b"]', 'allowHeaders[0]'],
    ['exposeHeaders: [""]', 'exposeHeaders[0]'],
    ['maxAge: 1.5s', 'maxAge'],
    ['maxAge: 0s', 'maxAge'],
    ['unmatchedPreflights: DROP', 'unmatchedPreflights'],
  ] as const) {
    t.strictSame(problemsOf(text(policy)), [`8 error spec.http[0].corsPolicy.${field}`], policy);
  }
  t.strictSame(problemsOf(text('allowOrigins: [{exact: a}], maxAge: 1000ms')), []);
});
