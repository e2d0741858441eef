import t from 'tap';
import type { Problem } from '../../../src/agent/model/problem.ts';
import type { LiveObject } from '../../../src/agent/status/api-calls.ts';
import { conditionFor, eventOf, verdictOf } from '../../../src/agent/status/verdict.ts';

const REF = { group: 'networking.istio.io', kind: 'VirtualService', namespace: 'a', name: 'r' };
const problem = (severity: Problem['severity'], path: string, message: string): Problem => {
  return { severity, object: REF, path, message, file: '', line: 0, column: 0 };
};
const live = (more: Partial<LiveObject> = {}): LiveObject => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' },
  metadata: { name: 'r', namespace: 'a', uid: 'u', generation: 3, resourceVersion: '9' },
  ...more,
});
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

t.test('the worst problem is the verdict, and stands first', async (t) => {
  const { reason, message } = verdictOf(REF, [
    problem('warning', '', 'w'),
    problem('unsupported', 'spec.x', 'u'),
    problem('error', 'spec.y', 'e'),
  ]);
  t.equal(reason, 'Refused');
  t.equal(message, 'spec.y: e\nspec.x: u\nw');
  t.equal(verdictOf(REF, [problem('unsupported', 'spec.x', 'u')]).reason, 'PartlyServed');
  t.equal(verdictOf(REF, [problem('warning', '', 'w')]).reason, 'Warned');
  t.equal(verdictOf(REF, []).reason, 'Accepted');
});

t.test('a condition is written when it says something new', async (t) => {
  const refused = verdictOf(REF, [problem('error', 'spec', 'e')]);
  const first = conditionFor(refused, live(), NOW);
  const expected = { type: 'Reconciled', status: 'False', reason: 'Refused', message: 'spec: e', observedGeneration: 3 };
  t.strictSame(first, { ...expected, lastTransitionTime: '2026-01-02T03:04:05Z' });
  const written = live({ status: { conditions: [{ type: 'Other', status: 'True' }, first as NonNullable<typeof first>] } });
  t.equal(conditionFor(refused, written, NOW + 5000), null);
  const other = conditionFor(verdictOf(REF, [problem('error', 'spec', 'f')]), written, NOW + 5000);
  t.match(other, { message: 'spec: f', lastTransitionTime: '2026-01-02T03:04:05Z' }, 'the status is what it was');
  const accepted = conditionFor(verdictOf(REF, []), written, NOW + 5000);
  t.match(accepted, { status: 'True', reason: 'Accepted', lastTransitionTime: '2026-01-02T03:04:10Z' });
  t.match(conditionFor(refused, { ...written, metadata: { ...written.metadata, generation: 4 } }, NOW), { observedGeneration: 4 });
});

t.test('an event is named by what it tells', async (t) => {
  const text = { reason: 'Refused', message: 'm', type: 'Warning' } as const;
  const event = eventOf(live(), text, 'n1', NOW);
  t.match(event, {
    metadata: { name: /^r\.[0-9a-f]{16}$/, namespace: 'a' },
    eventTime: '2026-01-02T03:04:05.000000Z',
    regarding: { kind: 'VirtualService', namespace: 'a', name: 'r', uid: 'u' },
    note: 'm',
  });
  t.equal(eventOf(live(), text, 'n2', NOW + 1).metadata.name, event.metadata.name, 'whoever tells it, and whenever');
  t.not(eventOf(live(), { ...text, message: 'other' }, 'n1', NOW).metadata.name, event.metadata.name);
  const long = eventOf(live(), { ...text, message: `${'x'.repeat(998)}😀😀` }, 'n1', NOW).note;
  t.equal(long, `${'x'.repeat(998)}…`, 'cut between characters');
  const { namespace: _, ...metadata } = live().metadata;
  t.equal(eventOf(live({ kind: 'Namespace', metadata }), text, 'n1', NOW).metadata.namespace, 'default');
});
