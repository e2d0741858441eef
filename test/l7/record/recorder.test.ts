/** What a worker counts beside Istio's metrics. */
import t from 'tap';
import { Recorder } from '../../../src/l7/record/recorder.ts';
import { type SeriesDefinition, Stats } from '../../../src/l7/record/stats.ts';

t.test('ejections of a cluster have one series, however many there are', async (t) => {
  const told: SeriesDefinition[] = [];
  const stats = new Stats({ added: (series) => void told.push(series), ended: () => {} }, 1 << 12);
  const recorder = new Recorder(stats);
  const before = told.length;
  for (let round = 0; round < 1000; round++) {
    recorder.ejection('outbound|80||a', 'consecutive-5xx');
    recorder.ejection('outbound|80||a', 'ended');
    recorder.ejection('outbound|80||b', 'consecutive-5xx');
  }
  t.strictSame(
    told.slice(before).map(({ name, labels, cell }) => [name, labels, stats.cells[cell]]),
    [
      ['nodeway_ejections_total', { cluster: 'outbound|80||a', cause: 'consecutive-5xx' }, 1000],
      ['nodeway_ejections_ended_total', { cluster: 'outbound|80||a' }, 1000],
      ['nodeway_ejections_total', { cluster: 'outbound|80||b', cause: 'consecutive-5xx' }, 1000],
    ],
  );
});
