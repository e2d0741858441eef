import { execFileSync } from 'node:child_process';
import * as fc from '../../base/fast-check.ts';
import t from 'tap';
import { logTimePattern, timePattern, timeText } from '../../../src/l7/message/time-text.ts';

const LOG_AT = Date.UTC(2026, 0, 2, 13, 4, 5, 67);
const AT = Date.UTC(2026, 2, 5, 14, 7, 9, 42);

t.test('formats of strftime, with parts of a second', async (t) => {
  for (const [format, expected] of [
    ['', '2026-03-05T14:07:09.042Z'],
    ['%Y/%m/%dT%H:%M:%S%z %s', '2026/03/05T14:07:09+0000 1772719629'],
    ['t=%s.%3f', 't=1772719629.042'],
    ['%1f %6f %9f %f', '0 042000 042000000 042000000'],
    ['%F %T', '2026-03-05 14:07:09'],
    ['%D %R', '03/05/26 14:07'],
    ['%a, %d %b %Y %I:%M %p %Z', 'Thu, 05 Mar 2026 02:07 PM UTC'],
    ['%A %B %e %j %y 100%%', 'Thursday March  5 064 26 100%'],
  ] as const) {
    const pattern = timePattern(format);
    t.equal(pattern === null ? null : timeText(pattern, AT), expected, format);
  }
});

t.test('what is not known is said so', async (t) => {
  for (const format of ['%Q', '%3S', '%', 'x%', '%E*S']) t.equal(timePattern(format), null, format);
});

t.test('in lines of logs: Envoy’s own conversions, and what is none', async (t) => {
  for (const [format, text] of [
    ['%Y/%m/%dT%H:%M:%S%z %s', '2026/01/02T13:04:05+0000 1767359045'],
    ['%s.%3f', '1767359045.067'],
    ['%3s %6s %9s', '1767359045067 1767359045067000 1767359045067000000'],
    ['%f %1f %9f', '067000000 0 067000000'],
    ['%d/%b/%Y:%H:%M:%S %z', '02/Jan/2026:13:04:05 +0000'],
    ['100%% %Q %', '100% %Q %'],
    ['', ''],
  ] as const) {
    t.equal(timeText(logTimePattern(format), LOG_AT), text, format);
  }
});

t.test('in lines of logs the rest is as date(1) has it', async (t) => {
  const format = '%Y %y %m %d %e %j %H %I %p %M %S %s %A %a %B %b %h %F %T %R %z %Z %%';
  const times = fc.sample(fc.integer({ min: 0, max: Date.UTC(2100, 1, 1) / 1000 }), 20);
  for (const seconds of [...times, 0, Date.UTC(2024, 1, 29, 0, 0, 0) / 1000, Date.UTC(2023, 11, 31, 12, 0, 0) / 1000]) {
    const wanted = execFileSync('date', ['-u', '-d', `@${seconds}`, `+${format}`], {
      env: { ...process.env, LC_ALL: 'C' },
      encoding: 'utf8',
    });
    t.equal(`${timeText(logTimePattern(format), seconds * 1000)}\n`, wanted);
  }
});
