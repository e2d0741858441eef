import pino from 'pino';
import t from 'tap';
import type { ExporterConfig } from '../../../src/agent/model/compile/index.ts';
import { Exporters } from '../../../src/agent/telemetry/export/exporters.ts';
import { ExportQueue } from '../../../src/agent/telemetry/export/export-queue.ts';
import type { Span } from '../../../src/l7/tracing/span.ts';
import { ManualClock } from '../../base/manual-clock.ts';

const CONFIG: ExporterConfig = { name: 'zipkin', protocol: 'zipkin', host: 'zipkin', port: 9411, path: '/', headers: [], timeoutMs: 1000 };

const span = (name: string): Span => ({
  traceId: '463ac35c9f6413ad48485a3953bb6124',
  spanId: 'a2fb4a1d1a96d312',
  parentId: '',
  kind: 'client',
  name,
  service: 'app.default',
  startMs: 1000,
  durationMs: 5,
  tags: [],
  failed: false,
});
const spans = (count: number): Span[] => Array.from({ length: count }, (_, i) => span(String(i)));

function rig() {
  const clock = new ManualClock();
  const batches: Span[][] = [];
  const opened: string[] = [];
  const closed: string[] = [];
  const state = { address: '10.0.0.1' as string | null, failure: null as string | null, hold: false, release: () => {} };
  const means = {
    clock,
    log: pino({ level: 'silent' }),
    resolve: async () => (state.address === null ? null : { ip: state.address, port: 9411 }),
    open: async (_config: ExporterConfig, { ip }: { ip: string }) => {
      opened.push(ip);
      return {
        async send(batch: readonly Span[]) {
          if (state.hold) await new Promise<void>((done) => (state.release = done));
          if (state.failure !== null) throw new Error(state.failure);
          batches.push([...batch]);
        },
        close: () => void closed.push(ip),
      };
    },
  };
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { means, clock, batches, opened, closed, state, settle, advance };
}

t.test('spans wait for others, a full batch does not wait', async (t) => {
  const { means, batches, advance, settle } = rig();
  const queue = new ExportQueue(CONFIG, means);
  queue.add(spans(3));
  await advance(999);
  t.equal(batches.length, 0);
  queue.add(spans(1));
  await advance(1);
  t.same(
    batches.map((batch) => batch.length),
    [4],
  );
  queue.add(spans(600));
  await settle();
  t.same(
    batches.map((batch) => batch.length),
    [4, 512],
  );
  await advance(1000);
  t.same(
    batches.map((batch) => batch.length),
    [4, 512, 88],
  );
  t.equal(queue.sent, 604);
});

t.test('a collector that does not answer costs a bounded number of spans', async (t) => {
  const { means, state, advance, settle } = rig();
  state.hold = true;
  const queue = new ExportQueue(CONFIG, means);
  queue.add(spans(512));
  await settle();
  for (let i = 0; i < 10; i++) queue.add(spans(500));
  t.equal(queue.dropped, 5000 - 2048);
  state.hold = false;
  state.release();
  await settle();
  for (let i = 0; i < 4; i++) await advance(0);
  t.equal(queue.sent, 512 + 2048);
});

t.test('a batch that is refused is dropped, at ever longer intervals, and what comes later is sent', async (t) => {
  const { means, batches, state, advance } = rig();
  state.failure = 'refused';
  const queue = new ExportQueue(CONFIG, means);
  queue.add(spans(1));
  await advance(1000);
  t.equal(queue.failed, 1);
  queue.add(spans(2));
  await advance(999);
  t.equal(queue.failed, 1, 'it waits');
  t.equal(batches.length, 0);
});

t.test('after a failure it goes on by itself', async (t) => {
  const { means, state, advance } = rig();
  state.failure = 'refused';
  const queue = new ExportQueue(CONFIG, means);
  queue.add(spans(513));
  await advance(0);
  t.equal(queue.failed, 512);
  state.failure = null;
  await advance(1000);
  t.equal(queue.sent, 1);
});

t.test('it follows the address of its collector, and says when there is none', async (t) => {
  const { means, opened, closed, state, advance } = rig();
  const queue = new ExportQueue(CONFIG, means);
  for (const address of ['10.0.0.1', '10.0.0.1', '10.0.0.2']) {
    state.address = address;
    queue.add(spans(1));
    await advance(1000);
  }
  t.same(opened, ['10.0.0.1', '10.0.0.2']);
  t.same(closed, ['10.0.0.1']);
  state.address = null;
  queue.add(spans(1));
  await advance(1000);
  t.equal(queue.failed, 1);
});

t.test('exporters come, stay and go with the configuration', async (t) => {
  const { means, batches, closed, advance } = rig();
  const exporters = new Exporters(means, () => true);
  exporters.configure(new Map([['zipkin', CONFIG]]));
  exporters.add('zipkin', [span('a')]);
  exporters.add('other', [span('b')]);
  exporters.configure(new Map([['zipkin', CONFIG]]));
  await advance(1000);
  t.equal(batches.length, 1, 'an exporter that stays keeps its spans');
  t.same(exporters.report(), [
    { provider: 'zipkin', sent: 1, dropped: 0, failed: 0 },
    { provider: '', sent: 0, dropped: 1, failed: 0 },
  ]);
  exporters.configure(new Map([['zipkin', { ...CONFIG, port: 1 }]]));
  t.equal(closed.length, 1);
  exporters.configure(new Map());
  exporters.add('zipkin', [span('c')]);
  t.match(exporters.report(), [{ provider: '', dropped: 2 }]);
});
