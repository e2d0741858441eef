/** Zero values of proto3 and Go, and null: what is as good as not written. */
import t from 'tap';
import { head, problemsOf, specInForce } from './problems-of.ts';

const rule = (text: string): string => `${head('VirtualService')}  hosts: [b]\n  http:\n  - ${text}\n`;
const to = 'route: [{destination: {host: b}}]';
const onlyRule = (text: string): unknown => (specInForce(rule(text)) as { http: unknown[] } | undefined)?.http[0];

/** Each is read as what stands beside it. */
const SAME: readonly (readonly [string, string])[] = [
  ['{redirect: {uri: /a, redirectCode: 0}}', '{redirect: {uri: /a}}'],
  ['{redirect: {uri: /a, scheme: ""}}', '{redirect: {uri: /a}}'],
  ['{redirect: {uri: /a, prefixRewrite: "", authority: "", scheme: null}}', '{redirect: {uri: /a}}'],
  [`{name: "", match: [], timeout: null, retries: null, ${to}}`, `{${to}}`],
  ['{route: [{destination: {host: b, subset: "", port: null}, weight: 0, headers: null}]}', `{${to}}`],
  [`{rewrite: {uri: "", authority: a}, ${to}}`, `{rewrite: {authority: a}, ${to}}`],
  [`{headers: {request: {set: {}, add: null, remove: []}}, ${to}}`, `{headers: {request: {}}, ${to}}`],
  [`{headers: {request: {set: {a: "1", b: null}}}, ${to}}`, `{headers: {request: {set: {a: "1"}}}, ${to}}`],
  [
    `{match: [{name: "", port: 0, ignoreUriCase: false, gateways: [], sourceLabels: {}, sourceNamespace: "", uri: {prefix: /}}], ${to}}`,
    `{match: [{uri: {prefix: /}}], ${to}}`,
  ],
  [`{retries: {attempts: 1, retryOn: "", perTryTimeout: null}, ${to}}`, `{retries: {attempts: 1}, ${to}}`],
  [`{mirror: {host: m}, mirrorPercentage: {value: 0}, ${to}}`, `{mirror: {host: m}, mirrorPercentage: {}, ${to}}`],
  [`{corsPolicy: null, fault: null, redirect: null, ${to}}`, `{${to}}`],
];

for (const [written, meant] of SAME) {
  t.test(written, async (t) => {
    t.same(problemsOf(rule(written)), problemsOf(rule(meant)));
    t.same(onlyRule(written), onlyRule(meant));
    t.not(onlyRule(written), undefined);
  });
}

t.test('members of a oneof and wrappers are there with their zero value', async (t) => {
  t.same(onlyRule(`{match: [{queryParams: {q: {exact: ""}}}], ${to}}`), {
    match: [{ queryParams: { q: { exact: '' } } }],
    route: [{ destination: { host: 'b' } }],
  });
  t.match(onlyRule(`{mirror: {host: m}, mirrorPercent: 0, ${to}}`), { mirrorPercent: 0 });
  t.match(onlyRule(`{retries: {attempts: 1, retryIgnorePreviousHosts: false}, ${to}}`), { retries: { retryIgnorePreviousHosts: false } });
  t.same(problemsOf(rule(`{match: [{headers: {a: {prefix: ""}}}], ${to}}`)), ['7 error spec.http[0].match[0].headers.a.prefix']);
  t.match(onlyRule(`{match: [{headers: {a: null}}], ${to}}`), { match: [{ headers: { a: null } }] });
});

t.test("null in Kubernetes' own objects", async (t) => {
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: null}, annotations: null}\nspec: {nodeName: "", containers: null}\n';
  t.same(problemsOf(pod), []);
  t.same(specInForce(pod), {});
});
