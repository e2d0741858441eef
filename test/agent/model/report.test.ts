/** What is told of each object of the configuration. */
import t from 'tap';
import { placeOf } from '../../../src/agent/model/problem.ts';
import { objectReports } from '../../../src/agent/model/report.ts';
import { ObjectStore } from '../../../src/agent/model/store.ts';
import { parseManifest } from '../../../src/agent/sources/file-text.ts';

const route = (name: string, weight: string) =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ${name}}\nspec:\n  hosts: [b]\n  http:\n` +
  `  - route: [{destination: {host: b}, weight: ${weight}}]\n`;

t.test('each object has its state and its own problems, the worst first', async (t) => {
  const store = new ObjectStore(() => {}, { now: () => 5000 });
  const sink = store.contribute('test');
  const put = (file: string, text: string) => {
    for (const entry of parseManifest(file, text).objects) sink.upsert(entry.object!, entry);
  };
  put('good.yaml', route('good', '1'));
  put('bad.yaml', route('bad', '1'));
  put('bad.yaml', route('bad', 'many'));
  put('never.yaml', `---\n${route('never', 'many')}`);
  const warning = { severity: 'warning' as const, path: 'spec.hosts', message: 'no such service', file: 'bad.yaml', line: 5, column: 3 };
  const bad = store.statuses('VirtualService').find(({ ref }) => ref.name === 'bad')!.ref;
  const ofSource = { ...warning, object: null, message: 'cannot be read' };
  const problems = [ofSource, { ...warning, object: bad }, ...store.problems()];
  const place = (ref: typeof bad) => placeOf(store.origin(ref), []);
  const reports = objectReports(store.statuses('VirtualService'), problems, place);
  t.match(
    reports.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      { kind: 'VirtualService', namespace: 'default', name: 'bad', state: 'previous-in-force', since: 5000, where: 'bad.yaml:1' },
      { name: 'good', state: 'accepted', where: 'good.yaml:1', problems: [] },
      { name: 'never', state: 'refused', where: 'never.yaml:2' },
    ],
  );
  t.strictSame(
    reports.find(({ name }) => name === 'bad')?.problems.map(({ severity }) => severity),
    ['error', 'error', 'warning'],
  );
  t.notMatch(JSON.stringify(reports), /cannot be read/u, 'what belongs to no object is told elsewhere');

  await t.test('and others are told of if they have problems', async (t) => {
    const pod = { group: '', kind: 'Pod', namespace: 'a', name: 'p' };
    const [report] = objectReports([], [{ ...warning, object: pod }], () => ({ file: '', line: 0, column: 0 }));
    t.match(report, { kind: 'Pod', namespace: 'a', name: 'p', where: '', problems: [{ message: 'no such service' }] });
  });
});
