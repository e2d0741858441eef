import t from 'tap';
import { DEFAULT_JSON, DEFAULT_TEXT, parseLogFormat } from '../../../src/agent/model/log-format.ts';
import { parseLogFilter } from '../../../src/agent/model/log-filter.ts';

t.test('Istio’s formats are read as a whole', async (t) => {
  for (const format of [DEFAULT_TEXT, ...Object.values(DEFAULT_JSON)]) {
    const parsed = parseLogFormat(format);
    t.ok(parsed.ok, format);
    if (parsed.ok)
      t.notOk(
        parsed.parts.some((part) => typeof part !== 'string' && part.command === 'NOTHING'),
        'each command is served',
      );
  }
});

t.test('commands and text', async (t) => {
  t.same(parseLogFormat('a %REQ(X-A?:PATH):10% 100%% %UPSTREAM_CLUSTER_RAW%'), {
    ok: true,
    parts: ['a ', { command: 'REQ', names: ['x-a', ':path'], most: 10 }, ' 100% ', { command: 'UPSTREAM_CLUSTER', names: [], most: 0 }],
  });
  t.same(parseLogFormat('%DYNAMIC_METADATA(a:b)%%UPSTREAM_PEER_SUBJECT%'), {
    ok: true,
    parts: [
      { command: 'NOTHING', names: [], most: 0 },
      { command: 'NOTHING', names: [], most: 0 },
    ],
  });
});

t.test('what is wrong is said', async (t) => {
  for (const [format, fault] of [
    ['50% of', /a % that begins no command, at "% of"/],
    ['%NOBODY%', /%NOBODY% is no command/],
    ['%REQ()%', /must name one header/],
    ['%REQ(a?b?c)%', /must name one header/],
    ['%REQ(a b)%', /must name one header/],
    ['%NOTHING%', /is no command/],
  ] as const) {
    t.match(parseLogFormat(format), { ok: false, fault }, format);
  }
});

t.test('conditions', async (t) => {
  t.same(parseLogFilter('!has(response.code) || response.code >= 500'), {
    ok: true,
    filter: {
      op: 'or',
      terms: [
        { op: 'not', term: { op: 'has', of: { name: 'response.code', header: '' } } },
        { op: '>=', left: { name: 'response.code', header: '' }, right: 500 },
      ],
    },
  });
  t.match(parseLogFilter("request.headers['X-A'].endsWith('b')"), { ok: true, filter: { op: 'endsWith', left: { header: 'x-a' } } });
});

t.test('conditions that cannot be read', async (t) => {
  for (const [expression, fault] of [
    ['', /an attribute was expected before "the end"/],
    ['response.code', /compares nothing/],
    ['response.code >=', /was expected before "the end"/],
    ['response.code >= 500 500', /"500" was not expected/],
    ['connection.mtls == true', /"connection.mtls" is not served/],
    ['(response.code == 1', /"\)" was expected/],
    ['response.code = 1', /cannot be read at "= 1"/],
    ['request.headers[5] == 1', /a text in quotes was expected/],
    ['response.code in [true]', /a list has numbers and texts/],
    [`${'('.repeat(40)}response.code == 1${')'.repeat(40)}`, /nested more than 32 deep/],
    [`${'!'.repeat(100)}has(response.code)`, /nested more than 32 deep/],
    [`response.code == "${'x'.repeat(5000)}"`, /more than 4096 characters/],
  ] as const) {
    t.match(parseLogFilter(expression), { ok: false, fault }, expression.slice(0, 40));
  }
});
