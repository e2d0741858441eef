/**
 * The seed of everything that the tests draw: `SEED=N`, or `SEED=random`. Without it runs of CI all draw the same, so that none fails by what
 * another did not meet, and the others draw something new each time.
 */
import { randomInt } from 'node:crypto';

const wanted = process.env['SEED'] ?? (process.env['CI'] === 'true' ? '1' : 'random');
export const seed = wanted === 'random' ? randomInt(2 ** 31) : Number(wanted);
if (!Number.isInteger(seed)) throw new Error(`SEED is a whole number or random, and not ${wanted}`);
