/** What Envoy's own parser of header values takes, and what it does not. */
import t from 'tap';
import { headerValue } from '../../../src/agent/model/header-format.ts';

t.test('text and formatters', async (t) => {
  for (const [text, value] of [
    ['', ''],
    ['plain', 'plain'],
    ['é', 'Ã©'],
    ['100%% of %%X%%', '100% of %X%'],
    ['%REQ(A)%', [{ of: 'request-header', names: ['a'] }]],
    ['a%RESP(A?B)%b%%', ['a', { of: 'response-header', names: ['a', 'b'] }, 'b%']],
    ['%REQ(:PATH)%', [{ of: 'request-header', names: [':path'] }]],
    ['%PROTOCOL%%ROUTE_NAME%', [{ of: 'protocol' }, { of: 'route' }]],
    ['%PATH%', [{ of: 'path-query' }]],
    ['%QUERY_PARAM(a b)%', [{ of: 'query', name: 'a b' }]],
    ['%QUERY_PARAM(a\\)b)%', [{ of: 'query', name: 'a\\)b' }]],
  ] as const) {
    t.strictSame(headerValue(text), { ok: true, value }, text);
  }
});

t.test('what no proxy takes', async (t) => {
  for (const text of [
    '%',
    '50%',
    '%abc',
    '%nosuch%',
    '%NOSUCH%',
    '%%%',
    '%REQ%',
    '%REQ()%',
    '%REQ(a?b?c)%',
    '%REQ(a b)%',
    '%REQ(A):3%',
    '%REQ(A) %',
    '%REQ(A',
    '%PATH(XX)%',
    '%QUERY_PARAM()%',
    'a\r\nb',
    'a\nb%PROTOCOL%',
    '%PROTOCOL%\0',
  ]) {
    // prettier-ignore
    t.match(headerValue(text), { ok: false, unserved: false }, JSON.stringify(text));
  }
});

t.test('what Envoy has and is not served', async (t) => {
  for (const text of [
    '%START_TIME(%Q)%',
    '%DURATION%',
    '%DYNAMIC_METADATA(a:b)%',
    '%DOWNSTREAM_TLS_VERSION%',
    '%UPSTREAM_METADATA(["a", "b"])%',
    '%PATH(WQ:ORIG)%',
  ]) {
    // prettier-ignore
    t.match(headerValue(text), { ok: false, unserved: true }, text);
  }
});
