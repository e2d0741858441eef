/** The log's file where it cannot be written: nothing throws, nothing waits for long, and what was lost is told afterwards. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LogFile } from '../../src/agent/log-file.ts';
import { openLog } from '../../src/agent/log.ts';
import { CommandError, ExitCode } from '../../src/base/errors.ts';

t.test('a full disk: lines are lost, and told of once there is room', async (t) => {
  const path = join(t.testdir(), 'log');
  const file = new LogFile('/dev/full');
  file.write('lost\n');
  file.write('lost too\n');
  t.pass('and nothing was thrown');
  const log = openLog('info', path);
  log.log.info('first');
  renameSync(path, `${path}.1`);
  log.reopen();
  log.log.info('second');
  t.match(readFileSync(path, 'utf8'), /"second"/);
  t.notMatch(readFileSync(`${path}.1`, 'utf8'), /"second"/);
});

t.test('a reader that does not read: later lines are lost without waiting, the broken one is ended, and the loss is told', async (t) => {
  const path = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(reader));
  // What libuv does with a pipe that it is given as stdout.
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(writer));
  const file = new LogFile(`/proc/self/fd/${writer}`, constants.O_WRONLY | constants.O_NONBLOCK);
  const told: [number, string][] = [];
  file.onRecovered = (lost, error) => told.push([lost, error]);
  const line = `${'x'.repeat(6999)}\n`;
  for (let i = 0; i < 100; i++) file.write(line);
  const held = Buffer.alloc(1_000_000);
  const length = readSync(reader, held);
  t.ok(length < 100 * line.length, `${length} bytes were held`);
  t.same(told, []);
  file.write('after\n');
  t.equal(told.length, 1);
  t.equal(told[0]![0], 100 - Math.floor(length / line.length));
  t.match(told[0]![1], /EAGAIN/);
  t.equal(held.toString('latin1', 0, readSync(reader, held)), length % line.length === 0 ? 'after\n' : '\nafter\n');
});

t.test('what cannot be opened is said, at the start and later', async (t) => {
  const directory = t.testdir();
  t.throws(() => openLog('info', directory), new CommandError(ExitCode.Usage, `--log-file: ${directory} cannot be opened`));
  const output = openLog('info', join(directory, 'below', 'log'));
  execFileSync('rm', ['-r', join(directory, 'below')]);
  execFileSync('touch', [join(directory, 'below')]);
  output.reopen();
  output.log.info('still there');
  t.pass('and nothing was thrown');
});
