import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import t from 'tap';
import { meshLogging } from '../../../src/agent/model/compile/mesh-logging.ts';
import { AccessLogs } from '../../../src/agent/telemetry/access-logs.ts';
import type { LogRecord } from '../../../src/agent/telemetry/log-record.ts';
import { LineRing } from '../../../src/base/line-ring.ts';
import { ManualClock } from '../../base/manual-clock.ts';

function rig(directory: string) {
  const clock = new ManualClock();
  const logged: string[] = [];
  const sent: (LogRecord & { readonly provider: string })[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  const logs = new AccessLogs(clock, log, (provider, records) => sent.push(...records.map((record) => ({ provider, ...record }))));
  const worker = () => {
    const rings = new Map<string, LineRing>();
    const key = {};
    const write = (sink: string, line: string): boolean => {
      let ring = rings.get(sink);
      if (ring === undefined) {
        rings.set(sink, (ring = new LineRing()));
        logs.attach(key, sink, ring.memory);
      }
      const bytes = Buffer.from(line);
      return ring.write(bytes, bytes.length);
    };
    return { key, write: (file: string, line: string) => write(join(directory, file), line), tell: write };
  };
  /** Until the file has that. */
  const until = async (file: string, content: string): Promise<void> => {
    for (;;) {
      clock.advance(50);
      await new Promise((done) => setImmediate(done));
      if (read(file) === content) return;
    }
  };
  const read = (file: string): string => {
    try {
      return readFileSync(join(directory, file), 'utf8');
    } catch {
      return '';
    }
  };
  return { logs, worker, until, read, logged, clock, sent };
}

t.test('lines of all workers go to their files', async (t) => {
  const { logs, worker, until } = rig(t.testdir());
  const [first, second] = [worker(), worker()];
  first.write('a.log', 'one\n');
  await until('a.log', 'one\n');
  second.write('a.log', 'two\n');
  second.write('b.log', 'three\n');
  await until('a.log', 'one\ntwo\n');
  await until('b.log', 'three\n');
  await logs.close();
  t.same(logs.report(), { lines: 3, droppedByWorkers: 0, droppedByFiles: 0 });
});

t.test('a file that was rotated away is opened again', async (t) => {
  const directory = t.testdir();
  const { logs, worker, until, read } = rig(directory);
  const { write } = worker();
  write('a.log', 'one\n');
  await until('a.log', 'one\n');
  renameSync(join(directory, 'a.log'), join(directory, 'a.log.1'));
  logs.reopen();
  write('a.log', 'two\n');
  await until('a.log', 'two\n');
  t.equal(read('a.log.1'), 'one\n');
  await logs.close();
});

t.test('a file that cannot be opened costs its lines, and is tried again', async (t) => {
  const directory = t.testdir();
  const { logs, worker, until, logged, clock } = rig(directory);
  const { write } = worker();
  write('sub/a.log', 'lost\n');
  while (logs.report().droppedByFiles === 0) {
    clock.advance(50);
    await new Promise((done) => setImmediate(done));
  }
  t.match(logged, [/an access log cannot be written/]);
  mkdirSync(join(directory, 'sub'));
  write('sub/a.log', 'kept\n');
  await until('sub/a.log', 'kept\n');
  await logs.close();
});

t.test('a disk that is full costs the lines, each counted once, and one line in the log', async (t) => {
  const { logs, worker, clock, logged } = rig('/');
  const { write } = worker();
  for (let i = 1; i <= 3; i++) {
    write('dev/full', 'one\n');
    write('dev/full', 'two\n');
    while (logs.report().droppedByFiles < 2 * i) {
      clock.advance(50);
      await new Promise((done) => setImmediate(done));
    }
    t.match(logs.report(), { lines: 0, droppedByWorkers: 0, droppedByFiles: 2 * i });
  }
  t.equal(logged.length, 1);
  t.match(logged, [/no space left/i]);
  await logs.close();
});

t.test('a log that nobody takes fills its ring: what is beyond it is counted', async (t) => {
  const directory = t.testdir();
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  const { logs, worker } = rig(directory);
  const { write } = worker();
  const line = `${'x'.repeat(9999)}\n`;
  let [written, dropped] = [0, 0];
  while (dropped < 10)
    if (write('pipe', line)) written++;
    else dropped++;
  t.ok(written * line.length <= LineRing.BYTES && (written + 1) * line.length > LineRing.BYTES);
  t.match(logs.report(), { lines: written, droppedByWorkers: 10, droppedByFiles: 0 });
  const reader = createReadStream(join(directory, 'pipe'));
  let read = 0;
  reader.on('data', (chunk) => (read += chunk.length));
  const whole = once(reader, 'end');
  await logs.close();
  await whole;
  t.equal(read, written * line.length, 'and what was taken comes out');
});

t.test('what a worker had written before it ended is written, and so is what comes at the end', async (t) => {
  const directory = t.testdir();
  const { logs, worker, read } = rig(directory);
  const [first, second] = [worker(), worker()];
  first.write('a.log', 'one\n');
  logs.retire(first.key);
  second.write('a.log', 'two\n');
  await logs.close();
  t.equal(read('a.log'), 'one\ntwo\n');
});

t.test('records for a collector', async (t) => {
  const { logs, worker, clock, sent } = rig(t.testdir());
  const provider = {
    name: 'collector ü',
    envoyOtelAls: { service: 'otel.tools', port: 4317, logFormat: { labels: { code: '%RESPONSE_CODE%' } } },
  };
  const mesh = meshLogging({ extensionProviders: [provider], defaultProviders: { accessLogging: [provider.name] } });
  t.match(mesh.exporters.get(provider.name), { protocol: 'otlp-logs', host: 'otel.tools', port: 4317, logName: 'otel_envoy_accesslog' });
  t.same(mesh.byDefault, [provider.name]);
  const { sink, line } = mesh.providers.get(provider.name) ?? { sink: '', line: null };
  t.match(line, { kind: 'json', fields: [['time'], ['trace'], ['span'], ['body'], ['label code', [{ command: 'RESPONSE_CODE' }]]] });
  const { tell } = worker();
  const write = (text: string): boolean => tell(sink, text);
  write('{"time":"2026-01-02T03:04:05.678Z","trace":null,"span":null,"body":"GET \\u000a \u00e9","label code":503}\n');
  write(
    '{"time":"2026-01-02T03:04:05.678Z","trace":"463ac35c9f6413ad48485a3953bb6124","span":"a2fb4a1d1a96d312","body":"x","label code":null}\n',
  );
  write('{"time":"2026-01-02T03:04:05.678Z","body":"cut');
  clock.advance(50);
  const common = { provider: provider.name, atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678) };
  t.same(sent, [
    { ...common, traceId: '', spanId: '', body: 'GET \n \u00e9', attributes: { code: '503' } },
    { ...common, traceId: '463ac35c9f6413ad48485a3953bb6124', spanId: 'a2fb4a1d1a96d312', body: 'x', attributes: { code: '-' } },
  ]);
  t.match(logs.report(), { droppedByFiles: 1 }, 'one that is not whole is counted');
  await logs.close();
});
