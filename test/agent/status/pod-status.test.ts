import t from 'tap';
import type { LocalPod } from '../../../src/agent/model/compile/index.ts';
import { marksOf, patchOf } from '../../../src/agent/status/pod-status.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const POD: LocalPod = {
  ...{ key: 'a/p', uid: 'u', netns: null, addresses: [], failClosed: false, enrolled: true, reason: 'annotation', asked: true },
  ...{ ended: false, fromCluster: true, marks: { annotation: null, label: null } },
};
const captured = { captured: true, error: '' };
const absent = { captured: false, error: '' };

t.test('a pod that is captured says since when, also under the next agent', async (t) => {
  const marks = marksOf(POD, captured, '1.0.0', NOW);
  t.strictSame(marks, { annotation: '{"captured":"2026-01-02T03:04:05Z","agent":"1.0.0"}', label: 'true' });
  const later = marksOf({ ...POD, marks: marks ?? POD.marks }, captured, '1.1.0', NOW + 60_000);
  t.equal(later?.annotation, '{"captured":"2026-01-02T03:04:05Z","agent":"1.1.0"}');
  for (const annotation of ['{', 'null', '{"captured":7}', '{"captured":"2026<script>"}'])
    t.equal(marksOf({ ...POD, marks: { annotation, label: null } }, captured, '1.0.0', NOW)?.annotation, marks?.annotation, annotation);
});

t.test('a pod that is not says why', async (t) => {
  t.strictSame(marksOf(POD, { captured: false, error: 'no process' }, '1.0.0', NOW), {
    annotation: '{"captured":null,"reason":"no process","agent":"1.0.0"}',
    label: 'false',
  });
  t.equal(marksOf(POD, absent, '1.0.0', NOW), undefined, 'it is on the way');
  const excluded = { ...POD, enrolled: false, reason: "it uses the node's network" };
  t.equal(marksOf(excluded, absent, '1.0.0', NOW)?.annotation, '{"captured":null,"reason":"it uses the node\'s network","agent":"1.0.0"}');
});

t.test('nothing is written on pods that nobody asks for', async (t) => {
  const none = { annotation: null, label: null };
  t.strictSame(marksOf({ ...POD, enrolled: false, asked: false }, absent, '1.0.0', NOW), none);
  t.equal(marksOf({ ...POD, ended: true }, absent, '1.0.0', NOW), undefined, 'what has ended stays as it is');
  t.strictSame(patchOf(POD, none), {
    metadata: { uid: 'u', annotations: { 'nodeway.io/status': null }, labels: { 'nodeway.io/captured': null } },
  });
});
