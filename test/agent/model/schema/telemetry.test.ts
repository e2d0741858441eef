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
    ['{ selector: { matchLabels: { "a b": c } } }', 'spec.selector.matchLabels.a b', /key of a label/],
  ] as const) {
    t.match(problemsOf(spec), [{ severity: 'error', path, message }], spec);
  }
});

t.test('what is taken, and what is reported', async (t) => {
  t.same(problemsOf('{ }'), []);
  t.same(problemsOf('{ tracing: [{ providers: [{ name: zipkin }], randomSamplingPercentage: 0, disableSpanReporting: false }] }'), []);
  t.match(problemsOf('{ metrics: [{ providers: [{ name: prometheus }] }] }'), [{ severity: 'unsupported', path: 'spec.metrics' }]);
});
