import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import t from 'tap';
import { AccessLogs } from '../../../src/agent/telemetry/access-logs.ts';
import { LogRing } from '../../../src/l7/access-log/log-ring.ts';
import { ManualClock } from '../../base/manual-clock.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

function rig(directory: string) {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  const logs = new AccessLogs(clock, log);
  const worker = () => {
    const ring = new LogRing();
    const key = {};
    logs.rings.attach(key, ring.memory);
    return { key, write: (file: string, line: string) => ring.write(bytes(join(directory, file)), bytes(line), line.length) };
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
  return { logs, worker, until, read, logged, clock };
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

t.test('what a worker had written before it ended is written, and so is what comes at the end', async (t) => {
  const directory = t.testdir();
  const { logs, worker, read } = rig(directory);
  const [first, second] = [worker(), worker()];
  first.write('a.log', 'one\n');
  logs.rings.retire(first.key);
  second.write('a.log', 'two\n');
  await logs.close();
  t.equal(read('a.log'), 'one\ntwo\n');
});
