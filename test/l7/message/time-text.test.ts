import t from 'tap';
import { timePattern, timeText } from '../../../src/l7/message/time-text.ts';

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
