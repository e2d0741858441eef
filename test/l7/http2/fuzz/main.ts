/**
 * Corpus-guided fuzzing of the codec of HTTP/2 (docs/adr/0046): inputs of the corpus are changed at random, and what runs code that no
 * input ran before is changed further. `RUNS=…` says how many, `SEED=…` repeats a run or is `random`, `KEEP=1` writes what was found into the corpus.
 * An input that breaks a promise is printed, for test/fixtures/http2/faults.hex.
 */
import { seed } from '../../../base/seed.ts';
import { seededRandom } from '../../upstream/seeded-random.ts';
import { tryCodec } from './codec-target.ts';
import { CORPUS, FAULTS, readCorpus, writeCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutation.ts';

const MODULES = /\/src\/l7\/(http2|http1)\//;
const runs = Number(process.env['RUNS'] ?? 5000);

function faultOf(input: Buffer): unknown {
  try {
    tryCodec(input);
    return null;
  } catch (error) {
    return error;
  }
}

/** The same fault with fewer bytes. */
function smallest(input: Buffer): Buffer {
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 1; at < input.length;) {
      const fewer = Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
      if (faultOf(fewer) === null) at += size;
      else input = fewer;
    }
  }
  return input;
}

const random = seededRandom(seed);
const coverage = new Coverage(MODULES);
/** Only what adds something to those before it, the short ones first. */
const known = [...readCorpus(CORPUS), ...readCorpus(FAULTS)].sort((a, b) => a.length - b.length);
const corpus: Buffer[] = [];
let faults = 0;

function run(input: Buffer): void {
  const fault = faultOf(input);
  if (coverage.take() > 0 && fault === null) corpus.push(input);
  if (fault === null) return;
  faults++;
  console.log(`${smallest(input).toString('hex')}\n${fault instanceof Error ? fault.stack : JSON.stringify(fault)}`);
}

for (const input of known) run(input);
const [before, seen] = [corpus.length, coverage.size];
for (let nth = 0; nth < runs && faults < 10; nth++) {
  const of = corpus[random() % corpus.length] as Buffer;
  run(mutate(of, random, corpus[random() % corpus.length] as Buffer));
}
console.log(
  `${runs} runs from seed ${seed}: ${before} of ${known.length} inputs reach ${seen} places, ${corpus.length - before} more reach ${coverage.size}`,
);
if (process.env['KEEP'] !== undefined) writeCorpus(CORPUS, corpus);
coverage.close();
console.log(`${runs - faults} passed, ${faults} failed`);
if (faults > 0) process.exitCode = 1;
