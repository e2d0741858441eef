import t from 'tap';
import { storeOf } from './problems-of.ts';

const problemsOf = (spec: string) =>
  storeOf(`apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: { name: a }\nspec: ${spec}\n`).problems();

t.test('what is refused', async (t) => {
  for (const [spec, path, message] of [
    ['{ tracing: [{ randomSamplingPercentage: 101 }] }', 'spec.tracing[0].randomSamplingPercentage', /from 0 to 100/],
    ['{ tracing: [{ randomSamplingPercentage: -1 }] }', 'spec.tracing[0].randomSamplingPercentage', /from 0 to 100/],
    ['{ tracing: [{ providers: [{ name: "" }] }] }', 'spec.tracing[0].providers[0].name', /./],
    ['{ tracing: [{ match: { mode: BOTH } }] }', 'spec.tracing[0].match.mode', /./],
    ['{ tracing: [{ customTags: { a: { literal: { value: "" } } } }] }', 'spec.tracing[0].customTags.a.literal.value', /./],
    [
      '{ tracing: [{ customTags: { a: { literal: { value: x }, header: { name: b } } } }] }',
      'spec.tracing[0].customTags.a.header',
      /literal and header exclude each other/,
    ],
    ['{ accessLogging: [{ filter: { expression: "response.code >" } }] }', 'spec.accessLogging[0].filter.expression', /was expected/],
    ['{ metrics: [{ overrides: [{ tagOverrides: { a: { } } }] }] }', 'spec.metrics[0].overrides[0].tagOverrides.a.value', /must be set/],
    [
      '{ metrics: [{ overrides: [{ tagOverrides: { a: { operation: REMOVE, value: "1" } } }] }] }',
      'spec.metrics[0].overrides[0].tagOverrides.a.value',
      /must not be set/,
    ],
    [
      '{ metrics: [{ overrides: [{ tagOverrides: { "a-b": { value: "1" } } }] }] }',
      'spec.metrics[0].overrides[0].tagOverrides.a-b',
      /no label that/,
    ],
    [
      '{ metrics: [{ overrides: [{ tagOverrides: { le: { value: "1" } } }] }] }',
      'spec.metrics[0].overrides[0].tagOverrides.le',
      /no label that/,
    ],
    ['{ metrics: [{ overrides: [{ match: { metric: ALL } }] }] }', 'spec.metrics[0].overrides[0].match.metric', /./],
    [
      '{ metrics: [{ overrides: [{ match: { metric: REQUEST_COUNT, customMetric: a } }] }] }',
      'spec.metrics[0].overrides[0].match.customMetric',
      /exclude/,
    ],
    ['{ metrics: [{ reportingInterval: 0s }] }', 'spec.metrics[0].reportingInterval', /./],
    ['{ selector: { matchLabels: { "a b": c } } }', 'spec.selector.matchLabels.a b', /key of a label/],
  ] as const) {
    t.match(problemsOf(spec), [{ severity: 'error', path, message }], spec);
  }
});

t.test('what is taken, and what is reported', async (t) => {
  t.same(problemsOf('{ }'), []);
  t.same(problemsOf('{ tracing: [{ providers: [{ name: zipkin }], randomSamplingPercentage: 0, disableSpanReporting: false }] }'), []);
  t.same(problemsOf('{ metrics: [{ providers: [{ name: prometheus }], reportingInterval: 10s }] }'), []);
  const override = (text: string) => problemsOf(`{ metrics: [{ overrides: [{ ${text} }] }] }`);
  t.same(override('match: { metric: REQUEST_COUNT, mode: CLIENT }, disabled: false, tagOverrides: { a: { operation: REMOVE } }'), []);
  t.match(override('match: { customMetric: mine }, disabled: true'), [
    { severity: 'unsupported', path: 'spec.metrics[0].overrides[0].match.customMetric', message: /EnvoyFilters/ },
  ]);
  t.match(override('tagOverrides: { a: { value: "upstream_peer.name" } }'), [
    {
      severity: 'unsupported',
      path: 'spec.metrics[0].overrides[0].tagOverrides.a.value',
      message: /the tag stays as it is.*is not served/,
    },
  ]);
});
