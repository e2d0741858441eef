/** Text of users that would reach the wire: refused where it could end a line or a field. */
import t from 'tap';
import { head, problemsOf, specInForce } from './problems-of.ts';

const rule = (text: string): string => `${head('VirtualService')}  hosts: [b]\n  http:\n  - ${text}\n`;
const to = 'route: [{destination: {host: b}}]';
const HTTP = 'spec.http[0]';

/** The rule with a text in it, the field that is complained of, and what is taken beside a plain word. */
const FIELDS: readonly (readonly [form: (text: string) => string, field: string, taken: readonly string[]])[] = [
  [(text) => `{rewrite: {uri: ${text}}, ${to}}`, `${HTTP}.rewrite.uri`, ['/a?b=c', '/ü']],
  [(text) => `{rewrite: {authority: ${text}}, ${to}}`, `${HTTP}.rewrite.authority`, ['a:80', '[::1]:80']],
  [(text) => `{redirect: {uri: ${text}}}`, `${HTTP}.redirect.uri`, ['/a?b=c#d', '/ü']],
  [(text) => `{redirect: {prefixRewrite: ${text}}}`, `${HTTP}.redirect.prefixRewrite`, ['/a']],
  [(text) => `{redirect: {authority: ${text}}}`, `${HTTP}.redirect.authority`, ['a:80']],
  [(text) => `{rewrite: {uriRegexRewrite: {match: "a(b)", rewrite: ${text}}}, ${to}}`, `${HTTP}.rewrite.uriRegexRewrite.rewrite`, ['/\\1']],
  [(text) => `{headers: {request: {set: {Host: ${text}}}}, ${to}}`, `${HTTP}.headers.request.set.Host`, ['a:80', '%REQ(x)%']],
  [(text) => `{headers: {request: {add: {":authority": ${text}}}}, ${to}}`, `${HTTP}.headers.request.add.:authority`, ['a']],
];
const HOSTILE = ['a\r\nb: c', 'a\nb', 'a\rb', 'a b', 'a\0b', ' ', '\t', 'a\u007f'];

for (const [form, field, taken] of FIELDS) {
  t.test(field, async (t) => {
    for (const text of HOSTILE) t.same(problemsOf(rule(form(JSON.stringify(text)))), [`7 error ${field}`], JSON.stringify(text));
    for (const text of ['word', ...taken]) t.same(problemsOf(rule(form(JSON.stringify(text)))), [], text);
  });
}

t.test('values of headers', async (t) => {
  const of = (value: string): string[] => problemsOf(rule(`{headers: {response: {set: {x: ${JSON.stringify(value)}}}}, ${to}}`));
  for (const value of ['a\r\nb: c', 'a\nb', 'a\rb', 'a\0b', 'a\u007f']) t.same(of(value), [`7 error ${HTTP}.headers.response.set.x`]);
  for (const value of ['a b', 'a\tb', 'Zürich', '1\u010d\u010ax: 1', '']) t.same(of(value), [], value);
});

t.test('what goes to the compiler is encoded', async (t) => {
  const { http } = specInForce(rule(`{rewrite: {uri: /ü}, ${to}}`)) as { http: { rewrite: { uri: string } }[] };
  t.equal(http[0]?.rewrite.uri, '/%C3%BC');
});
