import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { timeFormat } from '../../../src/l7/access-log/time-format.ts';

const AT = Date.UTC(2026, 0, 2, 13, 4, 5, 67);

t.test('Envoy’s own conversions, and what is none', async (t) => {
  for (const [format, text] of [
    ['%Y/%m/%dT%H:%M:%S%z %s', '2026/01/02T13:04:05+0000 1767359045'],
    ['%s.%3f', '1767359045.067'],
    ['%3s %6s %9s', '1767359045067 1767359045067000 1767359045067000000'],
    ['%f %1f %9f', '067000000 0 067000000'],
    ['%d/%b/%Y:%H:%M:%S %z', '02/Jan/2026:13:04:05 +0000'],
    ['100%% %Q %', '100% %Q %'],
    ['', ''],
  ] as const) {
    t.equal(timeFormat(format)(AT), text, format);
  }
});

t.test('the rest is as date(1) has it', async (t) => {
  const format = '%Y %y %m %d %e %j %H %I %p %M %S %s %A %a %B %b %h %F %T %R %z %Z %%';
  const times = fc.sample(fc.integer({ min: 0, max: Date.UTC(2100, 1, 1) / 1000 }), 20);
  for (const seconds of [...times, 0, Date.UTC(2024, 1, 29, 0, 0, 0) / 1000, Date.UTC(2023, 11, 31, 12, 0, 0) / 1000]) {
    const wanted = execFileSync('date', ['-u', '-d', `@${seconds}`, `+${format}`], {
      env: { ...process.env, LC_ALL: 'C' },
      encoding: 'utf8',
    });
    t.equal(`${timeFormat(format)(seconds * 1000)}\n`, wanted);
  }
});
