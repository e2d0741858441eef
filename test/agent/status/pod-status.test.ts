import t from 'tap';
import type { LocalPod } from '../../../src/agent/model/compile/index.ts';
import { ownMarks, redirectionIsOurs } from '../../../src/agent/model/own-marks.ts';
import { marksOf, patchOf } from '../../../src/agent/status/pod-status.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const POD: LocalPod = {
  ...{ key: 'a/p', uid: 'u', netns: null, addresses: ['10.0.0.1'], failClosed: false, enrolled: true, reason: 'annotation', asked: true },
  ...{ ended: false, fromCluster: true, marks: { annotation: null, label: null, redirection: null } },
};
const captured = { captured: true, error: '' };
const absent = { captured: false, error: '' };

t.test('a pod that is captured says since when, also under the next agent', async (t) => {
  const marks = marksOf(POD, captured, { agent: '1.0.0', ambient: false }, NOW);
  t.strictSame(marks, { annotation: '{"captured":"2026-01-02T03:04:05Z","agent":"1.0.0"}', label: 'true', redirection: null });
  const later = marksOf({ ...POD, marks: marks ?? POD.marks }, captured, { agent: '1.1.0', ambient: false }, NOW + 60_000);
  t.equal(later?.annotation, '{"captured":"2026-01-02T03:04:05Z","agent":"1.1.0"}');
  for (const annotation of ['{', 'null', '{"captured":7}', '{"captured":"2026<script>"}'])
    t.equal(
      marksOf({ ...POD, marks: { ...POD.marks, annotation } }, captured, { agent: '1.0.0', ambient: false }, NOW)?.annotation,
      marks?.annotation,
      annotation,
    );
});

t.test('a pod that is not says why', async (t) => {
  t.strictSame(marksOf(POD, { captured: false, error: 'no process' }, { agent: '1.0.0', ambient: false }, NOW), {
    annotation: '{"captured":null,"reason":"no process","agent":"1.0.0"}',
    label: 'false',
    redirection: null,
  });
  t.equal(marksOf(POD, absent, { agent: '1.0.0', ambient: false }, NOW), undefined, 'it is on the way');
  const starting = { ...POD, addresses: [] };
  const missing = { captured: false, error: 'no process' };
  t.equal(marksOf(starting, missing, { agent: '1.0.0', ambient: false }, NOW), undefined, 'it is being started');
  const excluded = { ...POD, enrolled: false, reason: "it uses the node's network" };
  t.equal(
    marksOf(excluded, absent, { agent: '1.0.0', ambient: false }, NOW)?.annotation,
    '{"captured":null,"reason":"it uses the node\'s network","agent":"1.0.0"}',
  );
});

t.test('nothing is written on pods that nobody asks for', async (t) => {
  const none = { annotation: null, label: null, redirection: null };
  t.strictSame(marksOf({ ...POD, enrolled: false, asked: false }, absent, { agent: '1.0.0', ambient: false }, NOW), none);
  t.equal(marksOf({ ...POD, ended: true }, absent, { agent: '1.0.0', ambient: false }, NOW), undefined, 'what has ended stays as it is');
  t.strictSame(patchOf(POD, none), {
    metadata: { uid: 'u', annotations: { 'nodeway.io/status': null }, labels: { 'nodeway.io/captured': null } },
  });
});

t.test("the annotation of Istio's ambient mode comes with the capture, goes with it, and with the setting", async (t) => {
  const settings = { agent: '1.0.0', ambient: true };
  const marks = marksOf(POD, captured, settings, NOW);
  t.strictSame(marks, {
    annotation: '{"captured":"2026-01-02T03:04:05Z","agent":"1.0.0","ambient":true}',
    label: 'true',
    redirection: 'enabled',
  });
  t.match(patchOf(POD, marks ?? POD.marks).metadata.annotations, { 'ambient.istio.io/redirection': 'enabled' });
  const written = { ...POD, marks: marks ?? POD.marks };
  t.strictSame(marksOf(written, captured, settings, NOW + 60_000), marks, 'nothing is written twice');
  const changes = {
    off: marksOf(written, captured, { ...settings, ambient: false }, NOW),
    released: marksOf({ ...written, enrolled: false, asked: false }, absent, settings, NOW),
  };
  for (const [why, then] of Object.entries(changes)) {
    t.equal(then?.redirection, null, why);
    t.strictSame(patchOf(written, then ?? POD.marks).metadata.annotations['ambient.istio.io/redirection'], null, why);
  }
  const none = marksOf(POD, captured, { ...settings, ambient: false }, NOW) ?? POD.marks;
  t.notOk('ambient.istio.io/redirection' in patchOf(POD, none).metadata.annotations, 'what is not ours is left alone');
});

t.test("Istio's annotation is ours only where our status says so", async (t) => {
  const redirection = { 'ambient.istio.io/redirection': 'enabled' };
  for (const status of ['{', 'null', '7', '{"ambient":1}', '{"captured":"2026-01-02T03:04:05Z"}']) {
    const annotations = { ...redirection, 'nodeway.io/status': status };
    t.equal(redirectionIsOurs(annotations), false, status);
    t.equal(ownMarks(annotations).redirection, null, status);
  }
  const annotations = { ...redirection, 'nodeway.io/status': '{"ambient":true}' };
  t.strictSame(ownMarks(annotations), { annotation: '{"ambient":true}', label: null, redirection: 'enabled' });
});
