/**
 * fast-check as all tests have it: a property draws from our seed, which fast-check prints when it fails, and runs `TIMES=N` times as often as
 * it says.
 */
import { assert as holds, configureGlobal } from 'fast-check';
import { seed } from './seed.ts';

export * from 'fast-check';

/** Of a property that does not say how often it runs. */
const RUNS = 100;
const times = Number(process.env['TIMES'] ?? 1);
if (!Number.isInteger(times) || times < 1) throw new Error(`TIMES is a whole number, and not ${process.env['TIMES']}`);

configureGlobal({ seed, numRuns: RUNS });

export const assert = ((...[property, parameters]: Parameters<typeof holds>) =>
  holds(property, { ...parameters, numRuns: (parameters?.numRuns ?? RUNS) * times })) as typeof holds;
