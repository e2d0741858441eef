/**
 * `scripts/bench --suite rules`: what thousands of rules on one host cost a request and the agent, without sockets and as a whole gateway, beside Envoy. The exit code tells
 * whether everything could be measured, never how fast it was.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { describeMachine } from '../conditions.ts';
import { aligned } from '../report.ts';
import { saveResults } from '../results.ts';
import { measureExpressions } from './expressions.ts';
import { measure, SHAPES } from './matching.ts';
import { type GatewayCost, measureGateways } from './gateways.ts';
import { measureStart } from './start.ts';

const HELP = `What thousands of rules on one host cost: matching, memory, start, regular expressions, and a whole gateway beside Envoy.

scripts/bench --suite rules [--sizes N,N] [--rounds N]

  --sizes   routes on the host: 10,100,1000,5000
  --rounds  of which each figure is the median: 15
`;

const clock = systemClock();
/** CPU time of this thread: what else the machine does counts as little as possible. */
const now = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
const once = () => false;
const fixed = (value: number, digits: number): string => value.toFixed(digits);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      suite: { type: 'string' },
      sizes: { type: 'string', default: '10,100,1000,5000' },
      rounds: { type: 'string', default: '15' },
      help: { type: 'boolean', default: false },
    },
  });
  const sizes = values.sizes.split(',').map(Number);
  const rounds = Number(values.rounds);
  if (values.help || [...sizes, rounds].some((value) => !Number.isInteger(value) || value < 1)) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const matching = SHAPES.flatMap((shape) => sizes.map((size) => measure(shape, size, rounds, now)));
  const start = sizes.map((size) => measureStart(size, now));
  const expressions = measureExpressions(rounds, now);
  print(
    ['condition', 'routes', 'first, ns', 'last, ns', 'last / first', 'build, ms', 'bytes a route'],
    matching.map(({ shape, routes, firstNs, lastNs, buildMs, bytesPerRoute }) => [
      ...[shape, String(routes), fixed(firstNs, 0), fixed(lastNs, 0), fixed(lastNs / firstNs, 2), fixed(buildMs, 1), String(bytesPerRoute)],
    ]),
  );
  print(
    ['routes', 'text, KB', 'read, ms', 'check, ms', 'compile, ms', 'a change of all, ms'],
    start.map(({ routes, textKb, readMs, checkMs, compileMs, changeMs }) => [
      ...[String(routes), String(textKb), fixed(readMs, 1), fixed(checkMs, 1), fixed(compileMs, 1), fixed(changeMs, 1)],
    ]),
  );
  print(
    ['expression', 'text', 're2js, us', 'V8, us'],
    expressions.map(({ pattern, text, ownUs, v8Us }) => [pattern, text, fixed(ownUs, 2), v8Us === null ? 'hangs' : fixed(v8Us, 2)]),
  );
  const gateways: GatewayCost[] = [];
  for (const size of sizes) gateways.push(...(await measureGateways(size)));
  print(
    ['proxy', 'routes', 'start, ms', 'resident, MB', 'first, us', 'last, us', 'last / first', 'a change, ms'],
    gateways.map(({ proxy, routes, startMs, residentMb, firstUs, lastUs, changeMs }) => [
      ...[proxy, String(routes), fixed(startMs, 0), fixed(residentMb, 0), fixed(firstUs, 1), fixed(lastUs, 1)],
      ...[fixed(lastUs / firstUs, 2), fixed(changeMs, 0)],
    ]),
  );
  process.stdout.write(`${saveResults({ conditions: describeMachine(clock), matching, start, expressions, gateways })}\n`);
  return 0;
}

function print(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(`${aligned([headings, ...rows], once)}\n\n`);
}

process.exitCode = await main();
